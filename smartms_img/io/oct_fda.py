"""Reader of Topcon ``.fda`` files: volumes, with the device's boundaries.

The layout was never published by the maker; this is the one of the uocte project
(https://bitbucket.org/uocte/uocte/wiki/Topcon%20File%20Format): a header, then named chunks. The
chunks that hold names, ids, birth dates and times are skipped unread.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from smartms_img.io.oct_model import OctScan, ScanPattern
from smartms_img.io.oct_refusal import damaged, unknown_pattern
from smartms_img.naming import Eye

MAX_PIXELS = 2**31
HEADER_BYTES = 15
EYES = {0: Eye.OD, 1: Eye.OS}
VOLUME_MODE, LINE_MODE = 2, 0
LAYERS = {
    "MULTILAYERS_1": "ILM",
    "MULTILAYERS_2": "RNFL_GCL",
    "MULTILAYERS_4": "IPL_INL",
    "MULTILAYERS_8": "INL_OPL",
    "MULTILAYERS_9": "ELM",
    "MULTILAYERS_5": "EZ",
    "MULTILAYERS_6": "RPE",
    "MULTILAYERS_7": "BM",
}
_PICTURES, _CONTOURS = "@IMG_JPEG", "@CONTOUR_INFO"
_EYE = ("@CAPTURE_INFO_02", "@CAPTURE_INFO")
# Offset of width (mm), height (mm) and axial resolution (um), three doubles.
_SIZES = {"@PARAM_SCAN_04": 12, "@PARAM_SCAN_02": 21}
_WANTED = {_PICTURES, _CONTOURS, *_EYE, *_SIZES}


@dataclass(frozen=True)
class _Sizes:
    n_bscans: int
    rows: int
    ascans: int


def read_fda(path: Path) -> OctScan:
    """Read a ``.fda`` file.

    Raises
    ------
    InputError
        If the file is no ``.fda`` file, is truncated, holds no B-scans, or does not say its eye
        or its scale.
    """
    try:
        return _scan(_chunks(path.read_bytes(), path.name), path.name)
    except struct.error:
        raise damaged("is truncated", path.name) from None


def _chunks(data: bytes, file: str) -> dict[str, list[bytes]]:
    if not data.startswith(b"FOCT"):
        raise damaged("is no Topcon .fda file", file)
    chunks: dict[str, list[bytes]] = {}
    at = HEADER_BYTES
    while at < len(data) and (length := data[at]):
        name = data[at + 1 : at + 1 + length].decode("latin-1")
        (size,) = struct.unpack_from("<I", data, at + 1 + length)
        start = at + 5 + length
        at = start + size
        if at > len(data):
            raise damaged("is truncated", file)
        if name in _WANTED:
            chunks.setdefault(name, []).append(data[start:at])
    return chunks


def _scan(chunks: dict[str, list[bytes]], file: str) -> OctScan:
    bscans = _bscans(chunks, file)
    sizes = _Sizes(*bscans.shape)
    width_mm, height_mm, axial_um = _scale(chunks, file)
    volume = sizes.n_bscans > 1
    return OctScan(
        pattern=ScanPattern.VOLUME if volume else ScanPattern.LINE,
        laterality=_eye(chunks, file),
        bscans=bscans,
        axial_um=axial_um,
        ascan_um=width_mm * 1000 / sizes.ascans,
        bscan_um=height_mm * 1000 / sizes.n_bscans if volume else None,
        device="Topcon",
        device_layers=_layers(chunks.get(_CONTOURS, []), sizes),
    )


def _bscans(chunks: dict[str, list[bytes]], file: str) -> NDArray[np.float32]:
    if _PICTURES not in chunks:
        raise damaged("holds no B-scans", file)
    data = chunks[_PICTURES][0]
    mode, _, _, width, height, count, _ = struct.unpack_from("<B6I", data)
    if not 0 < width * height * count < MAX_PIXELS:
        raise damaged("has impossible sizes", file)
    if mode not in (VOLUME_MODE, LINE_MODE):
        raise unknown_pattern(file, "line or volume")
    pages, at = [], struct.calcsize("<B6I")
    for _ in range(count):
        (size,) = struct.unpack_from("<I", data, at)
        pages.append(_page(data[at + 4 : at + 4 + size], (height, width), file))
        at += 4 + size
    return np.stack(pages)


def _page(data: bytes, shape: tuple[int, int], file: str) -> NDArray[np.float32]:
    try:
        with Image.open(io.BytesIO(data)) as picture:
            if (picture.height, picture.width) != shape:
                raise damaged("holds B-scans of another size than it says", file)
            pixels = np.asarray(picture if picture.mode in ("L", "I;16") else picture.convert("L"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise damaged("holds a B-scan that cannot be decoded", file) from None
    top = 65535.0 if pixels.dtype.itemsize == 2 else 255.0
    return (pixels / top).astype(np.float32)


def _scale(chunks: dict[str, list[bytes]], file: str) -> tuple[float, float, float]:
    for name, offset in _SIZES.items():
        if name in chunks:
            width, height, axial = struct.unpack_from("<3d", chunks[name][0], offset)
            if not (0 < width < 30 and 0 <= height < 30 and 0.5 < axial < 20):
                raise damaged("has an impossible scale", file)
            return width, height, axial
    raise damaged("does not say its scale", file)


def _eye(chunks: dict[str, list[bytes]], file: str) -> Eye:
    for name in _EYE:
        if chunks.get(name, [b""])[0]:
            eye = EYES.get(chunks[name][0][0])
            if eye is not None:
                return eye
    raise damaged("does not say which eye it shows", file)


def _layers(contours: list[bytes], sizes: _Sizes) -> dict[str, NDArray[np.float64]]:
    """Return the device's boundaries.

    They are counted from the lower edge of the picture, and their first B-scan is the last.
    """
    layers = {}
    for data in contours:
        name, _, kind, width, height, _ = struct.unpack_from("<20s2B3I", data)
        layer = LAYERS.get(name.split(b"\0")[0].decode("latin-1"))
        if layer is None or kind != 0 or (height, width) != (sizes.n_bscans, sizes.ascans):
            continue
        start = struct.calcsize("<20s2B3I")
        if len(data) < start + 2 * width * height:
            continue
        above = np.frombuffer(data, "<u2", width * height, start).reshape(height, width)
        rows = sizes.rows - above[::-1].astype(np.float64)
        layers[layer] = np.where((above[::-1] > 0) & (rows > 0), rows, np.nan)
    return layers
