"""Filters on B-scans laid out as columns: arrays of shape (n_bscans, ascans, rows)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d, gaussian_filter1d, map_coordinates

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Spacing:
    """Sampling of a scan.

    Attributes
    ----------
    axial_um, ascan_um : float
        Height of a pixel, distance of neighbouring A-scans.
    bscan_um : float or None
        Distance of neighbouring B-scans; None where B-scans are no neighbours.
    periodic : bool
        The last A-scan is a neighbour of the first (ring scans).
    """

    axial_um: float
    ascan_um: float
    bscan_um: float | None = None
    periodic: bool = False

    @property
    def lateral_mode(self) -> str:
        """Border mode of lateral filters."""
        return "wrap" if self.periodic else "nearest"


def to_columns(bscans: FloatArray) -> FloatArray:
    """Return B-scans (n_bscans, rows, ascans) as columns with the vitreous near 0, tissue near 1.

    The median of a B-scan is background, because the retina fills less than half of it.
    """
    columns = np.ascontiguousarray(bscans.transpose(0, 2, 1), dtype=np.float32)
    coarse = gaussian_filter1d(gaussian_filter1d(columns, 3, axis=1), 2, axis=2)
    low = np.median(coarse, axis=(1, 2), keepdims=True)
    high = np.percentile(coarse, 99.5, axis=(1, 2), keepdims=True)
    scaled: FloatArray = ((columns - low) / np.maximum(high - low, 1e-3)).astype(np.float32)
    return scaled


def smooth(
    columns: FloatArray, spacing: Spacing, lateral_um: float, axial_um: float
) -> FloatArray:
    """Gaussian smoothing; sigmas in um."""
    lateral = lateral_um / spacing.ascan_um
    axial = axial_um / spacing.axial_um
    out = gaussian_filter1d(columns, lateral, axis=1, mode=spacing.lateral_mode)
    smoothed: FloatArray = gaussian_filter1d(out, axial, axis=2, mode="nearest")
    return smoothed


def smooth_curve(
    curve: NDArray[np.float64], spacing: Spacing, lateral_um: float
) -> NDArray[np.float64]:
    """Gaussian smoothing of a curve (n_bscans, ascans) along the A-scans."""
    sigma = lateral_um / spacing.ascan_um
    smoothed: NDArray[np.float64] = gaussian_filter1d(
        curve, sigma, axis=1, mode=spacing.lateral_mode
    )
    return smoothed


def slab_mean(columns: FloatArray, first: int, last: int) -> FloatArray:
    """Mean of the rows ``z + first`` to ``z + last`` (inclusive) at every row z."""
    rows = columns.shape[2]
    total = np.zeros((*columns.shape[:2], rows + 1), np.float32)
    np.cumsum(columns, axis=2, out=total[..., 1:])
    start = np.clip(np.arange(rows) + first, 0, rows - 1)
    stop = np.clip(np.arange(rows) + last, 0, rows - 1) + 1
    mean: FloatArray = (total[..., stop] - total[..., start]) / np.maximum(stop - start, 1)
    return mean


def axial_gradient(columns: FloatArray) -> FloatArray:
    """Central difference along the rows; positive where the deeper row is brighter."""
    gradient: FloatArray = correlate1d(columns, [-0.5, 0, 0.5], axis=2, mode="nearest")
    return gradient


def flatten(columns: FloatArray, origin: NDArray[np.float64], rows: int) -> FloatArray:
    """Resample columns so that the fractional row ``origin`` of each A-scan becomes row 0.

    Rows outside the picture repeat its edge.
    """
    height = columns.shape[2]
    shifted = np.clip(origin[..., None] + np.arange(rows), 0, height - 1)
    below = np.minimum(shifted.astype(np.int64), height - 2)
    part = (shifted - below).astype(np.float32)
    upper = np.take_along_axis(columns, below, axis=2)
    lower = np.take_along_axis(columns, below + 1, axis=2)
    flat: FloatArray = upper + part * (lower - upper)
    return flat


def sample(columns: FloatArray, rows: NDArray[np.float64]) -> FloatArray:
    """Linear interpolation of each A-scan at one fractional row."""
    n_bscans, ascans, _ = columns.shape
    bscan, ascan = np.mgrid[:n_bscans, :ascans]
    values: FloatArray = map_coordinates(columns, [bscan, ascan, rows], order=1, mode="nearest")
    return values
