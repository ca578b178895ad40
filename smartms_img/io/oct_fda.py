"""Reader of Topcon ``.fda`` files: lines and volumes of coded pictures, with boundaries."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from smartms_img.io.oct_model import OctScan
from smartms_img.io.oct_refusal import damaged
from smartms_img.io.topcon_chunks import check_sizes, read_chunks, topcon_scan

_PICTURES = "@IMG_JPEG"


def read_fda(path: Path) -> OctScan:
    """Read a ``.fda`` file.

    Raises
    ------
    InputError
        If the file is no ``.fda`` file, is truncated, holds no B-scans, or does not say its eye
        or its scale.
    """
    try:
        chunks = read_chunks(path.read_bytes(), _PICTURES, ".fda", path.name)
        return topcon_scan(chunks, _bscans(chunks[_PICTURES][0], path.name), path.name)
    except struct.error:
        raise damaged("is truncated", path.name) from None


def _bscans(data: bytes, file: str) -> NDArray[np.float32]:
    mode, _, _, width, height, count, _ = struct.unpack_from("<B6I", data)
    check_sizes(mode, (count, height, width), file)
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
