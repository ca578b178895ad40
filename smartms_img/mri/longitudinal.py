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
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage
from scipy.linalg import cho_factor, cho_solve

from smartms_img.mri.cosines import cosine_count, cosines, expand, project

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
    """One resolution: grid coarsening, Gauss-Newton steps, conjugate-gradient steps in each."""

    shrink: int
    outer: int
    inner: int


STIFFNESS = Stiffness()
_CUTOFF_MM = 80.0
_RIDGE = 10.0
LEVELS = (Level(shrink=4, outer=3, inner=20), Level(2, 3, 20), Level(1, 2, 20))


@dataclass(frozen=True)
class Registration:
    """What separates two visits.

    Attributes
    ----------
    displacement : ndarray of float32, shape (i, j, k, 3)
        ``u`` in mm along the axes of the grid.
    log_ratio : ndarray of float32, shape (i, j, k)
        Logarithm of the later over the earlier signal of the same tissue: gain and bias fields.
    """

    displacement: Array
    log_ratio: Array


def register_visits(
    earlier: Array,
    later: Array,
    weight: Array,
    spacing_mm: float,
    *,
    stiffness: Stiffness = STIFFNESS,
    levels: tuple[Level, ...] = LEVELS,
) -> Registration:
    """Estimate the displacement and the smooth ratio of signal between two visits, jointly.

    A tenth of a per cent of gain that is left over moves every edge, so gain and displacement are
    unknowns of one system: where tissue is uniform only gain can explain a difference.

    Parameters
    ----------
    earlier, later : ndarray, shape (i, j, k)
        Images of nearly equal contrast on one isotropic grid.
    weight : ndarray, shape (i, j, k)
        0 to 1: where the images may be compared.
    spacing_mm : float
        Voxel size.
    stiffness : Stiffness
        Prior.
    levels : tuple of Level
        Resolutions, coarse to fine.
    """
    displacement: Array | None = None
    counts = [cosine_count(size, spacing_mm, _CUTOFF_MM) for size in earlier.shape]
    coefficients = np.zeros(counts)
    for level in levels:
        a, b, w = (_shrink(image, level.shrink) for image in (earlier, later, weight))
        step = _Step(a, b, w, spacing_mm * level.shrink, stiffness, counts)
        u = _resize(displacement, a.shape, 0.0)
        for _ in range(level.outer):
            du, dc = step.solve(u, coefficients, level.inner)
            u, coefficients = u + du, coefficients + dc
        displacement = u
    assert displacement is not None  # noqa: S101 - there is at least one level
    bases = [cosines(size, count) for size, count in zip(earlier.shape, counts, strict=True)]
    return Registration(_resize(displacement, earlier.shape, 0.0), expand(coefficients, bases))


def half_jacobians(displacement: Array, spacing_mm: float) -> tuple[Array, Array]:
    """Return the volume of either visit's tissue relative to the midpoint.

    Returns
    -------
    earlier, later : ndarray, shape (i, j, k)
        ``det(I - Du/2)`` and ``det(I + Du/2)``; their ratio is later over earlier volume.
    """
    gradient = np.empty((*displacement.shape, 3), dtype=np.float32)
    for component in range(3):
        for axis in range(3):
            gradient[..., component, axis] = np.gradient(
                displacement[..., component], spacing_mm, axis=axis
            )
    identity = np.eye(3, dtype=np.float32)
    return (
        np.linalg.det(identity - 0.5 * gradient),
        np.linalg.det(identity + 0.5 * gradient),
    )


def warp(
    image: NDArray[Any], displacement: Array, spacing_mm: float, share: float, order: int = 3
) -> NDArray[Any]:
    """Sample an image at ``x + share * u`` by splines; beyond the grid its edge goes on."""
    index = np.indices(image.shape, dtype=np.float32)
    for axis in range(3):
        index[axis] += share * displacement[..., axis] / spacing_mm
    return ndimage.map_coordinates(image, index, order=order, mode="nearest")


class _Step:
    """Gauss-Newton steps at one resolution."""

    def __init__(
        self,
        earlier: Array,
        later: Array,
        weight: Array,
        spacing_mm: float,
        stiffness: Stiffness,
        counts: list[int],
    ) -> None:
        self._images = earlier, later
        self._weight, self._spacing_mm = weight, spacing_mm
        self._prior = _prior(earlier.shape, spacing_mm, stiffness)
        self._bases = [cosines(n, count) for n, count in zip(earlier.shape, counts, strict=True)]

    def solve(
        self, u: Array, coefficients: NDArray[np.float64], steps: int
    ) -> tuple[Array, NDArray[np.float64]]:
        """Return the increments of displacement and log-ratio coefficients."""
        half = 0.5 * expand(coefficients, self._bases)
        a = warp(self._images[0], u, self._spacing_mm, -0.5) * np.exp(half)
        b = warp(self._images[1], u, self._spacing_mm, 0.5) * np.exp(-half)
        mean = 0.5 * (a + b)
        slope = np.stack(np.gradient(mean, self._spacing_mm), axis=-1).astype(np.float32)
        scale = self._weight / _noise_variance(b - a, self._weight)
        system = _System(slope, mean, scale, self._prior, self._bases)
        pull = scale * (b - a)
        target = -pull[..., None] * slope - _apply(self._prior, u)
        return system.solve(target, project(pull * mean, self._bases), steps)


class _System:
    """The normal equations of displacement ``x`` and log-ratio coefficients ``c``.

    The residual changes by ``slope . x - mean * expand(c)``; the prior acts on ``x``. The
    preconditioner of ``x`` adds the mean data weight to the prior, both diagonal in the cosine
    basis; that of ``c`` is its own block, from a thinned grid.
    """

    def __init__(
        self,
        slope: Array,
        mean: Array,
        scale: Array,
        prior: Array,
        bases: list[NDArray[np.float64]],
    ) -> None:
        self._slope, self._mean, self._scale, self._bases = slope, mean, scale, bases
        self._data = np.float32((scale[..., None] * slope**2).mean() + 1e-6)
        self._inverse = 1.0 / (prior + self._data)
        self._block = cho_factor(_thinned_block(scale * mean**2, bases))

    def solve(
        self, target: Array, target_c: NDArray[np.float64], steps: int
    ) -> tuple[Array, NDArray[np.float64]]:
        """Run preconditioned conjugate gradients.

        Since ``prior z = r - data z`` for a preconditioned residual ``z`` of ``x``, the prior
        needs no transform of its own.
        """
        x, c = np.zeros_like(target), np.zeros_like(target_c)
        r, rc = target, target_c
        z, zc = self._precondition(r, rc)
        p, pc, prior_p = z, zc, r - self._data * z
        product = start = _dot(r, z) + _dot(rc, zc)
        if start == 0.0:
            return x, c
        for _ in range(steps):
            along = self._scale * (
                (self._slope * p).sum(axis=-1) - self._mean * expand(pc, self._bases)
            )
            image = along[..., None] * self._slope + prior_p
            image_c = -project(along * self._mean, self._bases) + _RIDGE * pc
            step = product / (_dot(p, image) + _dot(pc, image_c))
            x, c = x + np.float32(step) * p, c + step * pc
            r, rc = r - np.float32(step) * image, rc - step * image_c
            z, zc = self._precondition(r, rc)
            new = _dot(r, z) + _dot(rc, zc)
            if new < 1e-8 * start:
                break
            ratio = new / product
            p, pc = z + np.float32(ratio) * p, zc + ratio * pc
            prior_p = r - self._data * z + np.float32(ratio) * prior_p
            product = new
        return x, c

    def _precondition(
        self, r: Array, rc: NDArray[np.float64]
    ) -> tuple[Array, NDArray[np.float64]]:
        return _apply(self._inverse, r), cho_solve(self._block, rc.ravel()).reshape(rc.shape)


def _dot(first: NDArray[Any], second: NDArray[Any]) -> float:
    return float((first * second).sum(dtype=np.float64))


def _thinned_block(
    weight: Array, bases: list[NDArray[np.float64]], thinning: int = 3
) -> NDArray[np.float64]:
    thin = weight[::thinning, ::thinning, ::thinning].astype(np.float64) * thinning**3
    x, y, z = (basis[::thinning] for basis in bases)
    block = np.einsum("xyz,xi,xl,yj,ym,zk,zn->ijklmn", thin, x, x, y, y, z, z, optimize=True)
    size = x.shape[1] * y.shape[1] * z.shape[1]
    return block.reshape(size, size) + _RIDGE * np.eye(size)


def _noise_variance(difference: Array, weight: Array) -> np.float32:
    inside = difference[weight > 0.5]
    centre = np.median(inside)
    return np.float32((1.4826 * np.median(np.abs(inside - centre))) ** 2 + 1e-12)


def _prior(shape: tuple[int, ...], spacing_mm: float, stiffness: Stiffness) -> Array:
    """Return the eigenvalues of the prior's operator in the cosine basis (free boundary)."""
    squared = np.zeros(shape, dtype=np.float64)
    for axis, size in enumerate(shape):
        wave = (2.0 / spacing_mm * np.sin(np.pi * np.arange(size) / (2.0 * size))) ** 2
        squared += wave.reshape([-1 if a == axis else 1 for a in range(3)])
    density = stiffness.membrane * squared + stiffness.bending * squared**2
    return (spacing_mm**3 * density).astype(np.float32)


def _apply(eigenvalues: Array, field: Array) -> Array:
    """Apply an operator that is diagonal in the cosine basis to each component of a field."""
    result = np.empty_like(field)
    for component in range(3):
        spectrum = fft.dctn(field[..., component], type=2, norm="ortho", overwrite_x=False)
        result[..., component] = fft.idctn(
            eigenvalues * spectrum, type=2, norm="ortho", overwrite_x=True
        )
    return result


def _shrink(image: Array, factor: int) -> Array:
    if factor == 1:
        return image.astype(np.float32)
    smooth = ndimage.gaussian_filter(image.astype(np.float32), 0.4 * factor)
    shape = tuple(max(8, round(n / factor)) for n in image.shape)
    return _sample(smooth, shape)


def _resize(displacement: Array | None, shape: tuple[int, ...], fill: float) -> Array:
    if displacement is None:
        return np.full((*shape, 3), fill, dtype=np.float32)
    return np.stack([_sample(displacement[..., axis], shape) for axis in range(3)], axis=-1)


def _sample(image: Array, shape: tuple[int, ...]) -> Array:
    """Sample an image on a grid of another size that covers the same field of view."""
    if image.shape == shape:
        return image
    ratio = [n / m for n, m in zip(image.shape, shape, strict=True)]
    return ndimage.affine_transform(
        image, np.diag(ratio), [0.5 * (r - 1) for r in ratio], shape, order=1, mode="nearest"
    )
