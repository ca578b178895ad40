"""Reader of Heidelberg Spectralis ``.e2e`` exports: lines, rings and volumes.

Where the numbers come from:

* height of a pixel: mm, from the file;
* distance of A-scans and of B-scans, diameter of a ring: the file holds degrees of the field of
  view and no millimetres, see `MM_PER_DEGREE`;
* size of a pixel of the fundus picture: field in degrees over the side in pixels, converted alike.

Without a fundus picture positions count from the middle of the field. The device may show B-scans
shifted and sheared by an item that is not read; pixels and boundaries are both as stored.
"""

from __future__ import annotations

import struct
from collections import Counter
from functools import cache
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smartms_img.errors import InputError
from smartms_img.io.oct_e2e_items import Item, Kind, read_items
from smartms_img.io.oct_e2e_series import (
    IMAGE_HEADER_BYTES,
    MAX_DEGREES,
    Series,
    image_type,
    is_bscan,
    join_items,
)
from smartms_img.io.oct_model import FloatArray, Fundus, OctScan, ScanPattern
from smartms_img.io.oct_refusal import damaged, unknown_pattern
from smartms_img.io.oct_vol import LAYERS
from smartms_img.naming import Eye

# The maker states that 15 degrees are about 4.4 mm of the retina (SPECTRALIS OCTA - Principles and
# Clinical Applications, 210111-001). Its software converts each eye by focus and corneal curvature
# (doi:10.1177/11206721231203088); exports with millimetres show 2 to 3 % more at -1 to -2 D and a
# quarter more at -12 D. Thickness does not depend on it; where sectors lie and the stated diameter
# of a ring do.
MM_PER_DEGREE = 4.4 / 15
FUNDUS_PIXELS = 33620481
# A picture that the device turned by more than this onto that of another visit is left out.
MAX_TURN_PX = 1.0


def read_e2e(path: Path) -> OctScan:
    """Read the one scan of an ``.e2e`` file; B-scans that it lacks are 0.

    Raises
    ------
    InputError
        If the file is no ``.e2e`` file, is truncated or damaged, holds several scans or none, or
        does not say the eye of its scan, or if a ring does not start temporally.
    """
    try:
        items = read_items(path.read_bytes(), path.name)
        every = sorted(items, key=lambda item: item.series)
        groups = [list(group) for _, group in groupby(every, key=lambda item: item.series)]
        found = [join_items(group, path.name) for group in groups if any(map(is_bscan, group))]
        return _scan(_only(found, path.name), path.name)
    except struct.error:
        raise damaged("is truncated", path.name) from None


def _only(found: list[Series], file: str) -> Series:
    if not found:
        raise damaged("holds no B-scans", file)
    supported = [series for series in found if series.pattern is not None]
    if len(supported) > 1:
        listed = ", ".join(f"{count} {name}" for name, count in Counter(map(str, found)).items())
        raise InputError(f"holds several scans: {listed}", "Export one scan a file", file=file)
    return (supported or found)[0]


def _scan(series: Series, file: str) -> OctScan:
    if series.pattern is None:
        raise unknown_pattern(file)
    if series.eye is None:
        raise damaged("does not say which one eye it shows", file)
    first = next(iter(series.headers.values()))
    volume, ring = (series.pattern is each for each in (ScanPattern.VOLUME, ScanPattern.RING))
    across_mm = MM_PER_DEGREE * float(np.hypot(*(series.lines[0, 2:] - series.lines[0, :2])))
    if ring:
        _check_start(series.lines[0], series.eye, file)
    length_mm = 2 * np.pi * across_mm if ring else across_mm
    picture = _fundus(series.items)
    middle_mm = 0.0 if picture is None else picture.spacing_mm[0] * len(picture.image) / 2
    qualities = [bscan.quality for bscan in series.headers.values() if bscan.quality is not None]
    return OctScan(
        pattern=series.pattern,
        laterality=series.eye,
        bscans=_bscans(series, first.shape, file),
        axial_um=first.axial_mm * 1000,
        ascan_um=length_mm * 1000 / first.shape[1],
        bscan_um=_distance_um(series.lines) if volume else None,
        ring_diameter_mm=2 * across_mm if ring else None,
        positions_mm=series.lines * MM_PER_DEGREE + middle_mm,
        fundus=picture,
        device="Heidelberg Spectralis",
        quality_db=float(np.mean(qualities)) if qualities else None,
        frames_averaged=first.frames,
        device_layers=_layers(series, first.shape),
    )


def _check_start(ring: NDArray[np.float64], eye: Eye, file: str) -> None:
    """Refuse a ring that does not start within 45 degrees of temporal: its course is unknown."""
    x, y = ring[:2] - ring[2:]
    temporal = -x if eye is Eye.OD else x
    if not temporal > abs(y):
        remedy = "Export the scan as .vol"
        raise InputError("holds a ring that does not start temporally", remedy, file=file)


def _distance_um(lines: NDArray[np.float64]) -> float:
    apart = np.hypot(*np.diff(lines[:, :2], axis=0).T)
    return float(np.median(apart)) * MM_PER_DEGREE * 1000


def _bscans(series: Series, shape: tuple[int, int], file: str) -> FloatArray:
    bscans = np.zeros((len(series.lines), *shape), np.float32)
    for place, pixels in series.pixels.items():
        bscans[place] = _display()[pixels]
    if not bscans.any():
        raise InputError("is empty (all pixels are 0)", "Export it again", file=file)
    return bscans


@cache
def _display() -> FloatArray:
    """Return the display intensity of each stored number.

    Stored are floats without sign, of 6 bits exponent and 10 bits mantissa, of the same linear
    intensities as in ``.vol``, which the device displays by their fourth root. All bits set mean
    no data.
    """
    stored = np.arange(2**16)
    exponent, mantissa = stored >> 10, (stored & 1023) / 1024
    linear = np.where(
        exponent == 0, np.ldexp(mantissa, -62), np.ldexp(1 + mantissa, exponent - 63)
    )
    linear[-1] = 0
    return np.clip(linear**0.25, 0, 1).astype(np.float32)


def _layers(series: Series, shape: tuple[int, int]) -> dict[str, NDArray[np.float64]]:
    """Return the boundaries; of several versions of one the last counts."""
    rows, ascans = shape
    found: dict[str, NDArray[np.float64]] = {}
    layers = [item for item in series.items if item.kind is Kind.LAYER]
    for item in sorted(layers, key=lambda item: struct.unpack_from("<I", item.content)[0]):
        _, number, _, width = struct.unpack_from("<4I", item.content)
        place = series.places.get(item.bscan // 2)
        long_enough = len(item.content) >= 16 + 4 * width
        if number not in LAYERS or width != ascans or place is None or not long_enough:
            continue
        # Whatever stands between its header and its rows, these come last.
        stored = np.frombuffer(item.content[-4 * width :], "<f4", width)
        empty = np.full((len(series.lines), ascans), np.nan)
        inside = (stored > 0) & (stored < rows)
        curves = found.setdefault(LAYERS[number], empty)
        curves[place] = np.where(inside, stored, np.float32(np.nan))
    return {
        name: found[name]
        for name in LAYERS.values()
        if name in found and np.isfinite(found[name]).any()
    }


def _fundus(items: list[Item]) -> Fundus | None:
    """Return the picture, where there is one, square, and of a field that the file states."""
    pictures = [
        i.content for i in items if i.kind is Kind.IMAGE and image_type(i) == FUNDUS_PIXELS
    ]
    fields = {
        (*struct.unpack_from("<2H", item.content, 12), *struct.unpack_from("<H", item.content, 24))
        for item in items
        if item.kind is Kind.FIELD and item.part == 0 and len(item.content) >= 26
    }
    if len(pictures) != 1 or len(fields) != 1:
        return None
    width, height, degrees = fields.pop()
    sides = struct.unpack_from("<2I", pictures[0], 12)
    if len({width, height, *sides}) != 1 or not 0 < degrees <= MAX_DEGREES or width == 0:
        return None
    complete = len(pictures[0]) >= IMAGE_HEADER_BYTES + width * height
    if not complete or any(_is_turned(item, width) for item in items):
        return None
    image = np.frombuffer(pictures[0], np.uint8, width * height, IMAGE_HEADER_BYTES)
    pixel_mm = degrees * MM_PER_DEGREE / width
    return Fundus(image.reshape(height, width).copy(), (pixel_mm, pixel_mm))


def _is_turned(item: Item, side: int) -> bool:
    """Tell whether an item turns or moves the fundus picture, which positions may refer to."""
    if item.kind is not Kind.TURN or len(item.content) < 56:
        return False
    matrix = np.array(struct.unpack_from("<6f", item.content, 32)).reshape(2, 3)
    corners = np.array([[0, 0, 1], [side, 0, 1], [0, side, 1], [side, side, 1]])
    moved = corners @ (matrix - np.eye(2, 3)).T
    return bool(matrix.any()) and not np.abs(moved).max() <= MAX_TURN_PX
