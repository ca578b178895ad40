"""Boundaries from layers that experts have painted on a B-scan."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from smartms_img.errors import InputError

# Colours of the layers in the masks of NR206, which are named after the boundary above them;
# the retina ends below the last.
COLOURS = {
    "ILM": (255, 0, 0),
    "RNFL_GCL": (128, 128, 0),
    "IPL_INL": (255, 255, 0),
    "INL_OPL": (0, 128, 0),
    "OPL_ONL": (0, 255, 0),
    "EZ": (0, 0, 255),
}
LAST_LAYER = (255, 0, 255)


def read_expert_layers(path: Path) -> dict[str, NDArray[np.float64]]:
    """Read a mask of painted layers.

    Parameters
    ----------
    path : Path
        RGB picture of the size of its B-scan.

    Returns
    -------
    dict of str to ndarray, shape (ascans,)
        Boundaries (px, between the rows that they part); NaN where a layer is not painted.

    Raises
    ------
    InputError
        If it is no picture, or none of the colours is in it.
    """
    try:
        with Image.open(path) as picture:
            mask = np.asarray(picture.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise InputError("is no readable picture", "Check the path", file=path.name) from None
    rows = {name: _first_row(_layer(mask, colour)) for name, colour in COLOURS.items()}
    upside_down = _first_row(_layer(mask, LAST_LAYER)[::-1])
    rows["BM"] = len(mask) - 1 - upside_down
    if not any(np.isfinite(curve).any() for curve in rows.values()):
        raise InputError("holds no layer in a known colour", "Check the colours", file=path.name)
    return rows


def _layer(mask: NDArray[np.uint8], colour: tuple[int, int, int]) -> NDArray[np.bool_]:
    return np.asarray((mask == colour).all(axis=2))


def _first_row(layer: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.where(layer.any(axis=0), layer.argmax(axis=0) - 0.5, np.nan)
