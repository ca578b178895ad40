"""One scan of a Heidelberg ``.e2e`` file, put together from its items.

Items carry the numbers of scan and B-scan they belong to and come in any order; a B-scan may be
missing. The fields of the headers are those of eyepy 0.21, where its documentation and its code
differ those of its code.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from smartms_img.io.oct_e2e_items import Item, Kind
from smartms_img.io.oct_model import ScanPattern
from smartms_img.io.oct_refusal import damaged
from smartms_img.naming import Eye

EYES = {"R": Eye.OD, "L": Eye.OS}
RING, RADIAL = 2, 5
BSCAN_PIXELS = 35652097
IMAGE_HEADER_BYTES = 20
MAX_DEGREES = 90.0
LEAST_DEGREES = 1e-4
PARALLEL_TOLERANCE_DEGREES = 0.2


@dataclass(frozen=True)
class Bscan:
    """Header of a B-scan.

    Attributes
    ----------
    shape : tuple of int
        Rows and A-scans.
    line : tuple of float
        Start x, start y, end x, end y in degrees.
    centre : tuple of float
        Centre of a ring (x, y) in degrees.
    axial_mm : float
        Height of a pixel.
    count : int
        Number of B-scans of the scan, 0 where it is not said.
    pattern : int
        Number of the pattern.
    frames : int or None
        Frames averaged.
    quality : float or None
        Signal quality in dB.
    """

    shape: tuple[int, int]
    line: tuple[float, float, float, float]
    centre: tuple[float, float]
    axial_mm: float
    count: int
    pattern: int
    frames: int | None = None
    quality: float | None = None


@dataclass(frozen=True)
class Series:
    """One scan.

    Attributes
    ----------
    items : list of Item
        All that belongs to it.
    places : dict of int to int
        Place of each numbered B-scan.
    headers, pixels : dict by place
        What there is of each B-scan; pixels as they are stored, shape (rows, ascans).
    lines : ndarray, shape (n_bscans, 4)
        Start x, start y, end x, end y in degrees; for a ring the second point is the centre.
    pattern : ScanPattern or None
        None where it is not read.
    eye : Eye or None
        None where the items do not name one.
    """

    items: list[Item]
    places: dict[int, int]
    headers: dict[int, Bscan]
    pixels: dict[int, NDArray[np.uint16]]
    lines: NDArray[np.float64]
    pattern: ScanPattern | None
    eye: Eye | None

    def __str__(self) -> str:
        """Eye and pattern, for the list of what a file holds."""
        return f"{self.eye or 'unknown eye'} {self.pattern or 'radial or unknown'}"


def join_items(items: list[Item], file: str) -> Series:
    """Sort the items of one scan.

    Raises
    ------
    InputError
        If B-scans differ in size or scale, most are missing, or one is truncated.
    """
    ours = [item for item in items if item.bscan >= 0]
    headers = [(item.bscan // 2, _header(item, file)) for item in ours if item.kind is Kind.BSCAN]
    if len({(bscan.shape, bscan.axial_mm) for _, bscan in headers}) != 1:
        raise damaged("says no one size and scale of its B-scans", file)
    numbers = sorted(
        {number for number, _ in headers} | {i.bscan // 2 for i in ours if is_bscan(i)}
    )
    count = max(bscan.count for _, bscan in headers) or numbers[-1] - numbers[0] + 1
    # A single B-scan has the number 1; those of a volume count from 0.
    start = 0 if numbers[-1] < count else numbers[0]
    if numbers[-1] - start >= count:
        raise damaged("holds more B-scans than it says", file)
    places = {number: number - start for number in numbers}
    pixels = _pixels(ours, places, headers[0][1].shape, file)
    if 2 * len(pixels) < count:
        raise damaged("lacks most of its B-scans", file)
    by_place = {places[number]: bscan for number, bscan in headers}
    lines, pattern = _course(by_place, count)
    return Series(items, places, by_place, pixels, lines, pattern, _eye(items))


def is_bscan(item: Item) -> bool:
    """Tell whether an item holds the pixels of a B-scan."""
    return item.bscan >= 0 and item.kind is Kind.IMAGE and image_type(item) == BSCAN_PIXELS


def image_type(item: Item) -> int:
    """Return the number that says what an image shows."""
    return int(struct.unpack_from("<I", item.content, 4)[0])


def _header(item: Item, file: str) -> Bscan:
    data = item.content
    rows, ascans, *line = struct.unpack_from("<2I4f", data, 4)
    (axial_mm,) = struct.unpack_from("<f", data, 36)
    count, _, pattern, *centre = struct.unpack_from("<3I2f", data, 64)
    within = all(abs(degrees) <= MAX_DEGREES for degrees in (*line, *centre))
    if min(rows, ascans) < 2 or not 0 < axial_mm < 0.1 or not within:
        raise damaged("has an impossible size, scale or place of a B-scan", file)
    x, y, end_x, end_y = line
    bscan = Bscan(
        (rows, ascans), (x, y, end_x, end_y), (centre[0], centre[1]), axial_mm, count, pattern
    )
    if len(data) < 160:
        return bscan
    (frames,) = struct.unpack_from("<I", data, 120)
    (quality,) = struct.unpack_from("<f", data, 156)
    return replace(
        bscan,
        frames=frames if 0 < frames < 10000 else None,
        quality=quality if 0 < quality < 100 else None,
    )


def _pixels(
    items: list[Item], places: dict[int, int], shape: tuple[int, int], file: str
) -> dict[int, NDArray[np.uint16]]:
    """Return the pixels as they are stored, by place.

    Descriptions differ in which of its two sides an image names first, not in that rows follow
    one another; so the header of the B-scan tells them apart.
    """
    found: dict[int, NDArray[np.uint16]] = {}
    for item in items:
        if not is_bscan(item):
            continue
        sides = struct.unpack_from("<2I", item.content, 12)
        if sorted(sides) != sorted(shape):
            raise damaged("holds B-scans of another size than it says", file)
        n_pixels = shape[0] * shape[1]
        if len(item.content) < IMAGE_HEADER_BYTES + 2 * n_pixels:
            raise damaged("is truncated in a B-scan", file)
        place = places[item.bscan // 2]
        if place in found:
            raise damaged("holds two pictures of one B-scan", file)
        pixels = np.frombuffer(item.content, "<u2", n_pixels, IMAGE_HEADER_BYTES)
        found[place] = pixels.reshape(shape)
    return found


def _course(
    headers: dict[int, Bscan], count: int
) -> tuple[NDArray[np.float64], ScanPattern | None]:
    """Return the lines of all B-scans, shape (count, 4) in degrees, and the pattern they form."""
    kinds = {bscan.pattern for bscan in headers.values()}
    known = np.array(sorted(headers))
    lines = np.array([headers[place].line for place in known])
    if count == 1 and kinds == {RING}:
        lines[0, 2:] = headers[0].centre
        return lines, ScanPattern.RING
    if count == 1 and not kinds & {RING, RADIAL} and _apart(lines[:, :2], lines[:, 2:]):
        return lines, ScanPattern.LINE
    if len(known) < 2 or kinds & {RING, RADIAL}:
        return lines, None
    slope, offset = np.polyfit(known, lines, 1)
    every = np.arange(count)[:, None] * slope + offset
    every[known] = lines
    way = every[:, 2:] - every[:, :2]
    parallel = np.abs(way - way[0]).max() < PARALLEL_TOLERANCE_DEGREES
    separate = _apart(every[:-1, :2], every[1:, :2]) and _apart(every[:, :2], every[:, 2:])
    return every, ScanPattern.VOLUME if parallel and separate else None


def _apart(points: NDArray[np.float64], others: NDArray[np.float64]) -> bool:
    return bool((np.hypot(*(others - points).T) > LEAST_DEGREES).all())


def _eye(items: list[Item]) -> Eye | None:
    said = {
        bytes(item.content[14:15]).decode("latin-1") for item in items if item.kind is Kind.EYE
    }
    return EYES.get(said.pop()) if len(said) == 1 else None
