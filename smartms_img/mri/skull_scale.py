"""Scanner scaling between two visits, held by the skull.

Gradients that drift by 0.2 % change every volume by 0.6 %, twice the atrophy of six months. The
skull of an adult does not grow, so the scaling that fits head around the brain is the scanner's
(the idea of SIENA, doi:10.1006/nimg.2002.1040). It is estimated along the axes of the scanner,
by robust Gauss-Newton steps, with a rigid motion and a smooth ratio of signal beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from smartms_img.mri.brain import dilate
from smartms_img.robust import robust_sd
from smartms_img.volume import Matrix

Array = NDArray[np.float32]
Points = NDArray[np.float64]
Mask = NDArray[np.bool_]

_INNER_MM, _OUTER_MM = 3.0, 20.0
_LEAST_HEAD_MM3 = 100_000.0
_STEPS = 15
_SETTLED = 2e-6
_SCALES = slice(6, 9)
# Gradients of a maintained scanner drift by tenths of a per cent.
_EXPECTED_DRIFT = 0.003
# Cauchy's constant for 95 % efficiency on normal noise (doi:10.1080/03610927708827533).
_CAUCHY = 2.385


@dataclass(frozen=True)
class ScaleChange:
    """Scaling between two visits.

    Attributes
    ----------
    log_scales : ndarray, shape (3,)
        Logarithm of later over earlier size along x, y and z of the scanner.
    standard_error : float
        Of their sum, from the residual of the fit.
    """

    log_scales: Points
    standard_error: float

    @property
    def volume_percent(self) -> float:
        """Change of every volume that the scaling alone would show."""
        return 100.0 * float(np.expm1(self.log_scales.sum()))


def skull_ring(brain: Mask, seen: Mask, spacing_mm: float) -> Mask:
    """Return the head around a brain that both scans show.

    Parameters
    ----------
    brain : ndarray of bool
        Brain of either visit.
    seen : ndarray of bool
        Field of view of both.
    spacing_mm : float
        Voxel size.
    """
    spacing = (spacing_mm, spacing_mm, spacing_mm)
    outer = dilate(brain, _OUTER_MM, spacing) & ~dilate(brain, _INNER_MM, spacing)
    return np.asarray(outer & seen)


def scale_change(
    earlier: Array, later: Array, ring: Mask, spacing_mm: float, centre: Points
) -> ScaleChange | None:
    """Estimate the scaling between two rigidly aligned visits from the head around the brain.

    Parameters
    ----------
    earlier, later : ndarray, shape (i, j, k)
        T1w of both visits on one isotropic grid along the axes of the scanner.
    ring : ndarray of bool, shape (i, j, k)
        Where to look, as :func:`skull_ring` gives it.
    spacing_mm : float
        Voxel size.
    centre : ndarray, shape (3,)
        Voxel that the scaling leaves in place.

    Returns
    -------
    ScaleChange or None
        None where too little of the head is seen. Exchanging the visits exchanges the sign.
    """
    if ring.sum() * spacing_mm**3 < _LEAST_HEAD_MM3:
        return None
    points = (np.argwhere(ring) - centre) * spacing_mm
    images = [_Spline(image / np.median(image[ring])) for image in (earlier, later)]
    smooth = _quadratics(points)
    estimate = np.zeros(9 + smooth.shape[1])
    prior = np.zeros_like(estimate)
    prior[_SCALES] = 1.0 / _EXPECTED_DRIFT**2
    normal = np.diag(prior)
    for _ in range(_STEPS):
        half = 0.5 * _displacement(points, estimate) / spacing_mm
        index = points / spacing_mm + centre
        (a, slope_a), (b, slope_b) = images[0].at(index - half), images[1].at(index + half)
        gain = np.exp(0.5 * smooth @ estimate[9:])
        a, b = a * gain, b / gain
        slope = (slope_a + slope_b) / (2.0 * spacing_mm)
        columns = np.hstack([_columns(points, slope), -(0.5 * (a + b))[:, None] * smooth])
        residual = b - a
        weighted = columns * _robust_weight(residual)[:, None]
        normal = weighted.T @ columns + np.diag(prior)
        step = np.linalg.solve(normal, -weighted.T @ residual - prior * estimate)
        estimate += step
        if np.abs(step[_SCALES]).max() < _SETTLED:
            break
    covariance = np.linalg.inv(normal)[_SCALES, _SCALES]
    if not np.isfinite(estimate).all():
        return None
    return ScaleChange(estimate[_SCALES], float(np.sqrt(covariance.sum())))


def half_scales(change: ScaleChange, centre_mm: Points) -> tuple[Matrix, Matrix]:
    """Return world matrices that scale the midpoint to either visit about a point.

    Examples
    --------
    >>> drift = ScaleChange(np.array([0.002, 0.0, 0.0]), 0.0)
    >>> earlier, later = half_scales(drift, np.zeros(3))
    >>> bool(np.allclose(later[0, 0] / earlier[0, 0], np.exp(0.002)))
    True
    """
    matrices = []
    for side in (-0.5, 0.5):
        matrix = np.diag([*np.exp(side * change.log_scales), 1.0])
        matrix[:3, 3] = centre_mm - matrix[:3, :3] @ centre_mm
        matrices.append(matrix)
    return matrices[0], matrices[1]


class _Spline:
    """An image between its voxels: signal by cubic spline, slope by central differences."""

    def __init__(self, image: Array) -> None:
        self._signal = ndimage.spline_filter(image, order=3, output=np.float32)
        self._slopes = [slope.astype(np.float32) for slope in np.gradient(image)]

    def at(self, index: Points) -> tuple[Points, Points]:
        """Return signal, shape (n,), and slope per voxel, shape (n, 3), at voxel positions."""
        where = index.T
        signal = ndimage.map_coordinates(self._signal, where, order=3, prefilter=False)
        slopes = [ndimage.map_coordinates(slope, where, order=1) for slope in self._slopes]
        return signal, np.stack(slopes, axis=1)


def _displacement(points: Points, motion: Points) -> Points:
    """Return translation, rotation and scaling of points in mm."""
    turned: Points = motion[:3] + np.cross(motion[3:6], points)
    return turned + motion[_SCALES] * points


def _columns(points: Points, slope: Points) -> Points:
    """Return how the residual grows with each of the nine parameters."""
    return np.hstack([slope, np.cross(points, slope), points * slope])


def _quadratics(points: Points) -> Points:
    x, y, z = (points / np.abs(points).max(axis=0)).T
    one = np.ones_like(x)
    return np.stack([one, x, y, z, x * x, y * y, z * z, x * y, y * z, z * x], axis=1)


def _robust_weight(residual: Points) -> Points:
    """Return Cauchy's weights: what moved on its own, as skin does, counts little."""
    noise = robust_sd(residual) + 1e-9
    weight: Points = 1.0 / (1.0 + (residual / (_CAUCHY * noise)) ** 2) / noise**2
    return weight
