"""Symmetric registration of two visits that are already aligned rigidly.

Six months of atrophy move tissue boundaries by a tenth of a voxel, so the question is not to find
a deformation but to weigh a small one against noise. The displacement that best explains the
difference of the two images is estimated by Gauss-Newton steps on squared difference, divided by
its noise variance, plus the bending energy of the displacement (the model of Ashburner and
Ridgway 2013, doi:10.3389/fnins.2012.00197, with two visits and bending energy). A step that is
scaled to a fixed length, as in greedy methods, would fit noise instead.

The displacement ``u`` belongs to the midpoint: ``earlier(x - u/2)`` and ``later(x + u/2)`` show
the same tissue. Exchanging the images exchanges the sign of ``u``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from smartms_img.mri.cosines import cosine_count, cosines, expand, project
from smartms_img.mri.joint_system import (
    PAIRS,
    RIDGE,
    JointSystem,
    Products,
    apply_spectrum,
    split_signal,
)
from smartms_img.mri.spline_grid import SplineGrid
from smartms_img.robust import robust_sd

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Stiffness:
    """Weights of the prior, for displacements in mm.

    ``bending`` (mm2) resists curvature; ``membrane`` resists stretching and only keeps the
    displacement small where there is no signal.
    """

    bending: float = 50.0
    membrane: float = 0.1


@dataclass(frozen=True)
class Level:
    """One resolution of images and of the displacement between them.

    ``image_mm`` and ``node_mm`` are edges of voxels and distances of spline nodes, no finer than
    the images; ``outer`` counts Gauss-Newton steps and ``inner`` conjugate-gradient steps in
    each.
    """

    image_mm: float
    node_mm: float
    outer: int
    inner: int


STIFFNESS = Stiffness()
LEVELS = (Level(4.0, 4.0, 3, 30), Level(2.0, 2.0, 4, 40), Level(1.0, 2.0, 4, 60))
_CUTOFF_MM = 80.0
# Three tissues have three signals; a gain moves them together, these two apart.
_TONES = 2


@dataclass(frozen=True)
class Registration:
    """What separates two visits.

    Attributes
    ----------
    displacement : ndarray of float32, shape (i, j, k, 3)
        ``u`` in mm along the axes of the grid.
    log_ratio : ndarray of float32, shape (i, j, k)
        Logarithm of the later over the earlier signal of the same tissue: gain and bias fields.
    tones : tuple of float
        Difference of contrast, later less earlier: its constant, and what goes with the square
        of the signal.
    """

    displacement: Array
    log_ratio: Array
    tones: tuple[float, ...]

    def match(self, earlier: Array, later: Array) -> tuple[Array, Array]:
        """Return what both visits show at the midpoint with the signal of their mean."""
        return _matched(earlier, later, self.log_ratio, np.array(self.tones))


def register_visits(
    earlier: Array,
    later: Array,
    weight: Array,
    spacing_mm: float,
    *,
    stiffness: Stiffness = STIFFNESS,
    levels: tuple[Level, ...] = LEVELS,
) -> Registration:
    """Estimate the displacement and the change of signal between two visits, jointly.

    A tenth of a per cent of gain that is left over moves every edge, so signal and displacement
    are unknowns of one system: where tissue is uniform only signal can explain a difference.
    The signal may change by a smooth ratio (gain, bias fields) and by a curve of its own value
    (contrast: cerebrospinal fluid a little darker than at the earlier visit looks like larger
    ventricles).

    Parameters
    ----------
    earlier, later : ndarray, shape (i, j, k)
        Images of nearly equal contrast on one isotropic grid, tissue about 1.
    weight : ndarray, shape (i, j, k)
        0 to 1: where the images may be compared.
    spacing_mm : float
        Voxel size.
    stiffness : Stiffness
        Prior.
    levels : tuple of Level
        Resolutions, coarse to fine.
    """
    counts = [cosine_count(size, spacing_mm, _CUTOFF_MM) for size in earlier.shape]
    coefficients = np.zeros(int(np.prod(counts)) + _TONES)
    before: SplineGrid | None = None
    nodes = np.zeros(0, dtype=np.float32)
    for level in _distinct(levels, spacing_mm):
        shrink = max(1.0, level.image_mm / spacing_mm)
        a, b, w = (_shrink(image, shrink) for image in (earlier, later, weight))
        size_mm = spacing_mm * np.array(earlier.shape) / a.shape
        grid = SplineGrid.over(a.shape, max(1.0, level.node_mm / float(size_mm.mean())))
        nodes = before.refine(nodes, grid) if before else np.zeros((*grid.nodes, 3), np.float32)
        step = _Step(a, b, w, size_mm, grid, stiffness, counts)
        for _ in range(level.outer):
            du, dc = step.solve(nodes, coefficients, level.inner)
            nodes, coefficients = nodes + du, coefficients + dc
        before = grid
    assert before is not None  # noqa: S101 - there is at least one level
    last = SplineGrid(earlier.shape, before.nodes)
    bases = [cosines(n, count) for n, count in zip(before.nodes, counts, strict=True)]
    ratio, tones = split_signal(coefficients, bases)
    return Registration(
        last.expand(nodes), last.expand(expand(ratio, bases)), tuple(tones.tolist())
    )


def _distinct(levels: tuple[Level, ...], spacing_mm: float) -> list[Level]:
    """Drop levels that a coarse grid would make the same as the next."""
    sizes_mm = [max(level.image_mm, spacing_mm) for level in levels]
    return [
        level
        for level, size, following in zip(levels, sizes_mm, [*sizes_mm[1:], 0.0], strict=True)
        if size > following
    ]


class _Step:
    """Gauss-Newton steps at one resolution.

    Only voxels that may be compared are looked at. What they say is gathered at the nodes of the
    displacement, where the system is solved.
    """

    def __init__(
        self,
        earlier: Array,
        later: Array,
        weight: Array,
        spacing_mm: NDArray[np.float64],
        grid: SplineGrid,
        stiffness: Stiffness,
        counts: list[int],
    ) -> None:
        self._images = [
            ndimage.spline_filter(image, order=3, output=np.float32) for image in (earlier, later)
        ]
        self._spacing_mm, self._grid = spacing_mm.astype(np.float32), grid
        self._shape = earlier.shape
        self._where = np.nonzero(weight > 0)
        # Slopes are differences of neighbours, so these are sampled, too.
        self._sampled = np.nonzero(ndimage.binary_dilation(weight > 0))
        self._weight = weight[self._where]
        node_mm = spacing_mm * earlier.shape / grid.nodes
        self._prior = _prior(grid.nodes, node_mm, stiffness)
        self._bases = [cosines(n, count) for n, count in zip(grid.nodes, counts, strict=True)]

    def solve(
        self, u: Array, coefficients: NDArray[np.float64], steps: int
    ) -> tuple[Array, NDArray[np.float64]]:
        """Return the increments of displacement nodes and signal coefficients."""
        a, b = self._moved(u, coefficients)
        # Slopes of the moved images: noise of a slope at another place than its signal would be
        # correlated with the residual, and pull displacements to zero.
        middle = self._spread(0.5 * (a + b), self._sampled)
        slopes = np.gradient(middle, *self._spacing_mm)
        slope = np.stack([part[self._where] for part in slopes])
        mean = middle[self._where]
        difference = self._spread(b - a, self._sampled)[self._where]
        scale = self._weight / _noise_variance(difference, self._weight)
        pull = scale * difference
        target = -self._gather_each(pull * slope) - apply_spectrum(self._prior, _nodes_last(u))
        tones = _tones(mean)
        pull_c = np.append(project(self._gather(pull * mean), self._bases), _sums(tones, pull))
        system = JointSystem(self._products(slope, mean, tones, scale), self._prior, self._bases)
        du, dc = system.solve(target, pull_c - RIDGE * coefficients, steps)
        return np.moveaxis(du, 0, -1), dc

    def _moved(self, u: Array, coefficients: NDArray[np.float64]) -> tuple[Array, Array]:
        """Return the signal of either visit at the midpoint, matched to that of the other."""
        log_ratio, tone = split_signal(coefficients, self._bases)
        half = 0.5 * self._grid.expand(u)[self._sampled] / self._spacing_mm
        ratio = self._grid.expand(expand(log_ratio, self._bases))[self._sampled]
        return _matched(self._sample(0, -half), self._sample(1, half), ratio, tone)

    def _products(self, slope: Array, mean: Array, tones: Array, scale: Array) -> Products:
        weighted = scale * tones.T
        return Products(
            self._gather_each(np.stack([scale * (slope[i] * slope[j]) for i, j in PAIRS])),
            self._gather_each(scale * mean * slope),
            self._gather(scale * mean**2),
            np.stack([self._gather_each(tone * slope) for tone in weighted]),
            self._gather_each(weighted * mean),
            np.stack([_sums(tones, tone) for tone in weighted]),
        )

    def _sample(self, number: int, shift: Array) -> Array:
        """Return the signal of an image where its voxels have moved to."""
        index = np.stack(self._sampled).astype(np.float32) + shift.T
        return ndimage.map_coordinates(
            self._images[number], index, order=3, mode="nearest", prefilter=False
        )

    def _spread(self, values: Array, where: tuple[NDArray[np.intp], ...]) -> Array:
        full = np.zeros((*self._shape, *values.shape[1:]), dtype=np.float32)
        full[where] = values
        return full

    def _gather(self, values: Array) -> Array:
        """Return what the nodes take from the compared voxels."""
        return self._grid.gather(self._spread(values, self._where))

    def _gather_each(self, columns: Array) -> Array:
        """Return what the nodes take from each of several columns, shape (c, i, j, k)."""
        return _nodes_last(self._gather(columns.T))


def _nodes_last(field: Array) -> Array:
    """Return a field of shape (i, j, k, c) as (c, i, j, k)."""
    return np.ascontiguousarray(np.moveaxis(field, -1, 0))


def _matched(
    earlier: Array, later: Array, log_ratio: Array, tones: NDArray[np.float64]
) -> tuple[Array, Array]:
    gain = np.exp(0.5 * log_ratio)
    a, b = earlier * gain, later / gain
    half = 0.5 * tones.astype(np.float32)
    return a + _tones(a) @ half, b - _tones(b) @ half


def _tones(signal: Array) -> Array:
    """Return the curves of signal that a difference of contrast is made of, shape (..., 2)."""
    return np.stack([np.ones_like(signal), signal**2], axis=-1)


def _sums(columns: Array, weight: Array) -> NDArray[np.float64]:
    return np.asarray(columns.T.astype(np.float64) @ weight.astype(np.float64))


def _noise_variance(difference: Array, weight: Array) -> np.float32:
    return np.float32(robust_sd(difference[weight > 0.5]) ** 2 + 1e-12)


def _prior(shape: tuple[int, ...], spacing_mm: NDArray[np.float64], stiffness: Stiffness) -> Array:
    """Return the eigenvalues of the prior's operator in the cosine basis (free boundary)."""
    squared = np.zeros(shape, dtype=np.float64)
    for axis, (size, step) in enumerate(zip(shape, spacing_mm, strict=True)):
        wave = (2.0 / step * np.sin(np.pi * np.arange(size) / (2.0 * size))) ** 2
        squared += wave.reshape([-1 if a == axis else 1 for a in range(3)])
    density = stiffness.membrane * squared + stiffness.bending * squared**2
    return (np.prod(spacing_mm) * density).astype(np.float32)


def _shrink(image: Array, factor: float) -> Array:
    if factor == 1.0:
        return image.astype(np.float32)
    smooth = ndimage.gaussian_filter(image.astype(np.float32), 0.4 * factor)
    return _sample(smooth, tuple(max(8, round(n / factor)) for n in image.shape))


def _sample(image: Array, shape: tuple[int, ...]) -> Array:
    """Sample an image on a grid of another size that covers the same field of view."""
    ratio = [n / m for n, m in zip(image.shape, shape, strict=True)]
    return ndimage.affine_transform(
        image, np.diag(ratio), [0.5 * (r - 1) for r in ratio], shape, order=1, mode="nearest"
    )
