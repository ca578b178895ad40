"""Follow-up scans at the place of the baseline: shift on the fundus, rotation of a ring."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, zoom

from smartms_img.oct.columns import FloatArray, flatten

MAX_ROTATION_DEG = 20.0
PROFILE_ROWS = 64
PROFILE_UM = 8.0


@dataclass(frozen=True)
class Shift:
    """Displacement found by registration.

    Attributes
    ----------
    x_mm, y_mm : float
        Where the content of the baseline lies in the follow-up, minus where it lay.
    similarity : float
        Correlation of the overlap after the shift, -1..1.
    """

    x_mm: float
    y_mm: float
    similarity: float


def ring_profile(
    bscan: FloatArray, bm: NDArray[np.float64], axial_um: float
) -> NDArray[np.float32]:
    """Picture of a ring flattened to Bruch's membrane: shape (ascans, 64), 8 um a row."""
    columns = np.ascontiguousarray(bscan.T[None])
    step = PROFILE_UM / axial_um
    height = int(np.ceil(PROFILE_ROWS * step))
    flat = flatten(columns, (bm - height)[None], height + 1)[0]
    blurred = gaussian_filter(flat, (2, step / 2), mode=("wrap", "nearest"))
    rows = np.round(np.arange(PROFILE_ROWS) * step).astype(int)
    return np.asarray(blurred[:, rows], np.float32)


def ring_rotation(
    baseline: NDArray[np.float32], follow: NDArray[np.float32]
) -> tuple[float, float]:
    """Rotation of a follow-up ring against its baseline.

    Parameters
    ----------
    baseline, follow : ndarray, shape (ascans, rows)
        Flattened pictures of :func:`ring_profile`; the number of A-scans may differ.

    Returns
    -------
    rotation_deg : float
        Angle by which A-scan 0 of the follow-up lies superior of that of the baseline.
    similarity : float
        Correlation of both pictures after the rotation.
    """
    if len(follow) != len(baseline):
        follow = zoom(follow, (len(baseline) / len(follow), 1), order=1, mode="grid-wrap")
    first, second = (_standardised(picture) for picture in (baseline, follow))
    spectrum = np.fft.rfft(first, axis=0) * np.conj(np.fft.rfft(second, axis=0))
    correlation = np.fft.irfft(spectrum.sum(axis=1), n=len(first)) / first.size
    width = 360.0 / len(first)
    lag = np.arange(len(first))
    angle = (lag * width + 180) % 360 - 180
    allowed = np.where(np.abs(angle) <= MAX_ROTATION_DEG, correlation, -np.inf)
    best = int(allowed.argmax())
    left, middle, right = (correlation[(best + k) % len(first)] for k in (-1, 0, 1))
    curvature = left - 2 * middle + right
    part = 0.5 * (left - right) / curvature if curvature < 0 else 0.0
    return float(angle[best] + part * width), float(middle)


def enface_shift(
    baseline: NDArray[np.floating], follow: NDArray[np.floating], spacing_mm: tuple[float, float]
) -> Shift:
    """Shift between two en-face pictures of one eye, on grids of the same spacing.

    Both pictures are placed with their first pixels on each other. The shift is the maximum of
    the correlation of their overlap (at least a quarter of the smaller picture), found with
    Fourier transforms: Padfield 2012, doi:10.1109/TIP.2011.2181402.

    Parameters
    ----------
    baseline, follow : ndarray, shape (rows, columns)
        Row 0 superior, column 0 at the observer's left.
    spacing_mm : tuple of float
        Size of a pixel, (row, column).
    """
    first, second = (_local_contrast(picture, spacing_mm) for picture in (baseline, follow))
    shape = tuple(a + b - 1 for a, b in zip(first.shape, second.shape, strict=True))

    def correlate(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
        # Entry (i, j) is the sum over b moved by (i, j) - (b.shape - 1) upon a.
        product = np.fft.rfft2(a, shape) * np.fft.rfft2(b[::-1, ::-1], shape)
        return np.asarray(np.fft.irfft2(product, shape), np.float64)

    here, there = np.ones_like(first), np.ones_like(second)
    count = np.maximum(correlate(here, there), 1)
    sum_a, sum_b = correlate(first, there), correlate(here, second)
    covariance = correlate(first, second) - sum_a * sum_b / count
    variance_a = correlate(first**2, there) - sum_a**2 / count
    variance_b = correlate(here, second**2) - sum_b**2 / count
    least = 0.25 * min(first.size, second.size)
    scale = np.sqrt(np.maximum(variance_a, 1e-9) * np.maximum(variance_b, 1e-9))
    score = np.where(count >= least, covariance / scale, -1.0)
    row, column = (int(k) for k in np.unravel_index(score.argmax(), score.shape))
    peak_row = row + _peak(score[:, column], row)
    peak_column = column + _peak(score[row], column)
    # Moving the follow-up by (i, j) lays it upon the baseline, so its content lies at -(i, j).
    return Shift(
        x_mm=-(peak_column - (second.shape[1] - 1)) * spacing_mm[1],
        y_mm=-(peak_row - (second.shape[0] - 1)) * spacing_mm[0],
        similarity=float(score[row, column]),
    )


def enface(
    bscans: FloatArray, ilm: NDArray[np.float64], ez: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Mean brightness of the photoreceptor complex, in which vessels throw their shadows.

    Returns
    -------
    ndarray, shape (n_bscans, ascans)
    """
    rows = np.arange(bscans.shape[1])[:, None]
    depth = ez + 0.2 * (ez - ilm)
    inside = (rows >= ez[:, None]) & (rows <= depth[:, None])
    total = np.where(inside, bscans, 0).sum(axis=1)
    return np.asarray(total / np.maximum(inside.sum(axis=1), 1), np.float32)


def _standardised(picture: NDArray[np.float32]) -> NDArray[np.float64]:
    centred = picture.astype(np.float64) - picture.mean(axis=0)
    return np.asarray(centred / max(float(centred.std()), 1e-9), np.float64)


def _local_contrast(
    picture: NDArray[np.floating], spacing_mm: tuple[float, float]
) -> NDArray[np.float64]:
    """Vessels without illumination: fine minus coarse smoothing."""
    image = picture.astype(np.float64)
    fine, coarse = ([size / step for step in spacing_mm] for size in (0.04, 0.4))
    return np.asarray(gaussian_filter(image, fine) - gaussian_filter(image, coarse), np.float64)


def _peak(values: NDArray[np.float64], index: int) -> float:
    """Offset of the top of the parabola through a maximum and its neighbours."""
    if not 0 < index < len(values) - 1:
        return 0.0
    left, middle, right = values[index - 1 : index + 2]
    curvature = left - 2 * middle + right
    return float(0.5 * (left - right) / curvature) if curvature < 0 else 0.0
