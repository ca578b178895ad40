"""What the Topcon formats ``.fda`` and ``.fds`` share: named chunks, eye, scale and boundaries.

The layout was never published by the maker; this is the one of the uocte project
(https://bitbucket.org/uocte/uocte/wiki/Topcon%20File%20Format): a header, then named chunks. The
chunks that hold names, ids, birth dates and times are skipped unread.
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from smartms_img.io.oct_model import FloatArray, OctScan, ScanPattern
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
_CONTOURS = "@CONTOUR_INFO"
_EYE = ("@CAPTURE_INFO_02", "@CAPTURE_INFO")
# Offset of width (mm), height (mm) and axial resolution (um), three doubles.
_SIZES = {"@PARAM_SCAN_04": 12, "@PARAM_SCAN_02": 21}

Chunks = dict[str, list[bytes]]


def read_chunks(data: bytes, pictures: str, kind: str, file: str) -> Chunks:
    """Return the chunks that say where a scan lies, and the one with its pictures.

    Raises
    ------
    InputError
        If the file is none of Topcon's, is truncated, or has no pictures.
    """
    if not data.startswith(b"FOCT"):
        raise damaged(f"is no Topcon {kind} file", file)
    wanted = {pictures, _CONTOURS, *_EYE, *_SIZES}
    chunks: Chunks = {}
    at = HEADER_BYTES
    while at < len(data) and (length := data[at]):
        name = data[at + 1 : at + 1 + length].decode("latin-1")
        (size,) = struct.unpack_from("<I", data, at + 1 + length)
        start = at + 5 + length
        at = start + size
        if at > len(data):
            raise damaged("is truncated", file)
        if name in wanted:
            chunks.setdefault(name, []).append(data[start:at])
    if pictures not in chunks:
        raise damaged("holds no B-scans", file)
    return chunks


def check_sizes(mode: int, sizes: tuple[int, int, int], file: str) -> None:
    """Refuse sizes that no scan has, and patterns other than line and volume."""
    n_bscans, rows, ascans = sizes
    if not 0 < n_bscans * rows * ascans < MAX_PIXELS:
        raise damaged("has impossible sizes", file)
    if mode not in (VOLUME_MODE, LINE_MODE):
        raise unknown_pattern(file, "line or volume")


def topcon_scan(chunks: Chunks, bscans: FloatArray, file: str) -> OctScan:
    """Return the scan that B-scans and chunks make up.

    Raises
    ------
    InputError
        If the chunks do not say the eye or the scale.
    """
    n_bscans, _, ascans = bscans.shape
    width_mm, height_mm, axial_um = _scale(chunks, file)
    volume = n_bscans > 1
    if volume and height_mm == 0:
        raise damaged("does not say how far apart its B-scans lie", file)
    return OctScan(
        pattern=ScanPattern.VOLUME if volume else ScanPattern.LINE,
        laterality=_eye(chunks, file),
        bscans=bscans,
        axial_um=axial_um,
        ascan_um=width_mm * 1000 / ascans,
        bscan_um=height_mm * 1000 / n_bscans if volume else None,
        device="Topcon",
        device_layers=_layers(chunks.get(_CONTOURS, []), bscans.shape),
    )


def _scale(chunks: Chunks, file: str) -> tuple[float, float, float]:
    for name, offset in _SIZES.items():
        if name in chunks:
            width, height, axial = struct.unpack_from("<3d", chunks[name][0], offset)
            if not (0 < width < 30 and 0 <= height < 30 and 0.5 < axial < 20):
                raise damaged("has an impossible scale", file)
            return width, height, axial
    raise damaged("does not say its scale", file)


def _eye(chunks: Chunks, file: str) -> Eye:
    for name in _EYE:
        if chunks.get(name, [b""])[0]:
            eye = EYES.get(chunks[name][0][0])
            if eye is not None:
                return eye
    raise damaged("does not say which eye it shows", file)


def _layers(contours: list[bytes], shape: tuple[int, ...]) -> dict[str, NDArray[np.float64]]:
    """Return the device's boundaries.

    They are counted from the lower edge of the picture, and their first B-scan is the last.
    """
    n_bscans, n_rows, ascans = shape
    layers = {}
    for data in contours:
        name, _, kind, width, height, _ = struct.unpack_from("<20s2B3I", data)
        layer = LAYERS.get(name.split(b"\0")[0].decode("latin-1"))
        if layer is None or kind != 0 or (height, width) != (n_bscans, ascans):
            continue
        start = struct.calcsize("<20s2B3I")
        if len(data) < start + 2 * width * height:
            continue
        above = np.frombuffer(data, "<u2", width * height, start).reshape(height, width)
        rows = n_rows - above[::-1].astype(np.float64)
        layers[layer] = np.where((above[::-1] > 0) & (rows > 0), rows, np.nan)
    return layers
