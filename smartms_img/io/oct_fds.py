"""Reader of Topcon ``.fds`` files: lines and volumes of raw 16-bit pictures.

The layout of the pictures was published by nobody but readers of the format (OCT-Converter, after
the uocte project); everything else is as in ``.fda``. Taken for granted is that

* rows are stored from the vitreous downward and A-scans from left to right,
* B-scans run from superior to inferior, as in ``.fda``,
* 16 bits span the range of display intensities.
"""

from __future__ import annotations

import math
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smartms_img.errors import InputError
from smartms_img.io.oct_model import OctScan
from smartms_img.io.oct_refusal import damaged
from smartms_img.io.topcon_chunks import check_sizes, read_chunks, topcon_scan

_PICTURES = "@IMG_SCAN_03"
# Mode, width, height, bits of a pixel, number of B-scans, format, bytes of all B-scans.
_HEADER = "<B4IBI"


def read_fds(path: Path) -> OctScan:
    """Read a ``.fds`` file.

    Raises
    ------
    InputError
        If the file is no ``.fds`` file, is truncated, holds no raw 16-bit B-scans, or does not
        say its eye or its scale.
    """
    try:
        chunks = read_chunks(path.read_bytes(), _PICTURES, ".fds", path.name)
        return topcon_scan(chunks, _bscans(chunks[_PICTURES][0], path.name), path.name)
    except struct.error:
        raise damaged("is truncated", path.name) from None


def _bscans(data: bytes, file: str) -> NDArray[np.float32]:
    """Return display intensities 0..1, shape (n_bscans, rows, ascans)."""
    mode, width, height, bits, count, _, size = struct.unpack_from(_HEADER, data)
    shape = (count, height, width)
    check_sizes(mode, shape, file)
    n_pixels = math.prod(shape)
    if bits != 16 or size != 2 * n_pixels:
        raise damaged("holds B-scans that are not raw 16-bit pictures", file)
    start = struct.calcsize(_HEADER)
    if start + size > len(data):
        raise damaged("is truncated", file)
    pixels = np.frombuffer(data, "<u2", n_pixels, start).reshape(shape)
    if not pixels.any():
        raise InputError("is empty (all pixels are 0)", "Export it again", file=file)
    return pixels.astype(np.float32) / np.float32(65535)
