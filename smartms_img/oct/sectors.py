"""Means over sectors, and how much of a sector was measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class SectorValue:
    """Mean over a sector.

    Attributes
    ----------
    value : float or None
        None where too little of the sector was measured.
    coverage : float
        Measured share of the sector's area or arc, 0..1.
    reason : str
        Why there is no value.
    """

    value: float | None
    coverage: float
    reason: str = ""


def sector_value(
    values: NDArray[np.float64],
    weights: NDArray[np.float64],
    whole: float,
    min_coverage: float,
) -> SectorValue:
    """Weighted mean of the known values of a sector.

    Parameters
    ----------
    values : ndarray
        Samples, NaN where unknown.
    weights : ndarray of the same shape
        Area (or arc) of the sector that each sample stands for.
    whole : float
        Area (or arc) of the whole sector.
    min_coverage : float
        Measured share that a value needs.

    Examples
    --------
    >>> sector_value(np.array([90.0, 110.0]), np.array([1.0, 1.0]), 2.0, 0.9).value
    100.0
    >>> sector_value(np.array([90.0, np.nan]), np.array([1.0, 1.0]), 2.0, 0.9).reason
    '50 % of the sector is measured, 90 % are needed'
    """
    used = np.isfinite(values) & (weights > 0)
    measured = float(weights[used].sum())
    coverage = min(measured / whole, 1.0)
    if coverage < min_coverage or measured == 0:
        reason = f"{coverage:.0%} of the sector is measured, {min_coverage:.0%} are needed"
        return SectorValue(None, coverage, reason.replace("%", " %"))
    return SectorValue(float((values[used] * weights[used]).sum() / measured), coverage)


def missing(reason: str) -> SectorValue:
    """Return a sector without a value."""
    return SectorValue(None, 0.0, reason)
