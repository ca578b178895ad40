"""The nine retinal boundaries, in order, and what a segmentation of them is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BOUNDARIES = (
    "ILM",
    "RNFL_GCL",
    "IPL_INL",
    "INL_OPL",
    "OPL_ONL",
    "ELM",
    "EZ",
    "RPE",
    "BM",
)
LAYERS = {
    "RNFL": ("ILM", "RNFL_GCL"),
    "GCIPL": ("RNFL_GCL", "IPL_INL"),
    "INL": ("IPL_INL", "INL_OPL"),
    "OPL": ("INL_OPL", "OPL_ONL"),
    "ONL": ("OPL_ONL", "ELM"),
    "RETT": ("ILM", "BM"),
}


@dataclass(frozen=True)
class LayerBoundaries:
    """Rows of the boundaries of a scan.

    Attributes
    ----------
    rows : dict of str to ndarray, shape (n_bscans, ascans)
        Row position in px (pixel centres are integers), NaN where unknown. Where two boundaries
        of one A-scan are known, the deeper one is never above the other.
    confidence : dict of str to ndarray, shape (n_bscans, ascans)
        Evidence for the boundary at each A-scan, 0 (none) to 1.
    """

    rows: dict[str, NDArray[np.float64]]
    confidence: dict[str, NDArray[np.float64]]


def thickness_um(
    rows: dict[str, NDArray[np.float64]], layer: str, axial_um: float
) -> NDArray[np.float64] | None:
    """Return the thickness of a layer, or None if one of its boundaries is missing.

    >>> rows = {"ILM": np.array([[10.0]]), "RNFL_GCL": np.array([[35.0]])}
    >>> float(thickness_um(rows, "RNFL", axial_um=4.0)[0, 0])
    100.0
    """
    upper, lower = LAYERS[layer]
    if upper not in rows or lower not in rows:
        return None
    return (rows[lower] - rows[upper]) * axial_um
