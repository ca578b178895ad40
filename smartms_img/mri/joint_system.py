"""One Gauss-Newton step of displacement and signal together, solved at the nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.linalg import cho_factor, cho_solve

from smartms_img.mri.cosines import expand, project

Array = NDArray[np.float32]

RIDGE = 10.0
# Conjugate gradients end when the squared residual has fallen this far.
_SOLVED = 1e-6
# Entries of a symmetric 3 x 3 matrix, and where each one stands.
PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))


@dataclass(frozen=True)
class Products:
    """Weighted products of slope, mean signal and tones over the voxels, at the nodes.

    Nodes come last, so that each product is one run of memory.

    Attributes
    ----------
    tensor : ndarray, shape (6, i, j, k)
        Slopes with slopes, in the order of ``PAIRS``.
    mean_slope : ndarray, shape (3, i, j, k)
        Mean signal with slopes.
    mean_mean : ndarray, shape (i, j, k)
        Mean signal with itself.
    tone_slope : ndarray, shape (t, 3, i, j, k)
        Tones with slopes.
    tone_mean : ndarray, shape (t, i, j, k)
        Tones with the mean signal.
    tone_tone : ndarray, shape (t, t)
        Tones with tones, over all nodes.
    """

    tensor: Array
    mean_slope: Array
    mean_mean: Array
    tone_slope: Array
    tone_mean: Array
    tone_tone: NDArray[np.float64]


class JointSystem:
    """The normal equations of displacement nodes ``x`` and signal coefficients ``c``.

    ``c`` holds the coefficients of the log-ratio, then those of the tones ``t``. The residual
    changes by ``slope . x - mean * expand(c) - tones . t``; the prior acts on ``x``. Products
    over voxels are lumped at the nodes, which changes the way to the solution and not the
    solution. The preconditioner of ``x`` adds the mean data weight to the prior, both diagonal
    in the cosine basis; log-ratio, from a thinned grid, and tones have blocks of their own.

    Parameters
    ----------
    products : Products
        What the voxels say.
    prior : ndarray, shape (i, j, k)
        Eigenvalues of the prior in the cosine basis.
    bases : list of ndarray
        Cosines along each axis of the nodes.
    """

    def __init__(self, products: Products, prior: Array, bases: list[NDArray[np.float64]]) -> None:
        self._products, self._bases = products, bases
        self._data = np.float32(products.tensor[:3].mean() + 1e-6)
        self._inverse = 1.0 / (prior + self._data)
        self._ratio_block = cho_factor(_thinned_block(products.mean_mean, bases))
        tones = products.tone_tone
        self._tone_block = cho_factor(tones + RIDGE * np.eye(len(tones)))

    def solve(
        self, target: Array, target_c: NDArray[np.float64], steps: int
    ) -> tuple[Array, NDArray[np.float64]]:
        """Run preconditioned conjugate gradients; displacements have shape (3, i, j, k).

        Since ``prior z = r - data z`` for a preconditioned residual ``z`` of ``x``, the prior
        needs no transform of its own.
        """
        x, c = np.zeros_like(target), np.zeros_like(target_c)
        r, rc = target.copy(), target_c
        z, zc = self._precondition(r, rc)
        p, pc, prior_p = z, zc, r - self._data * z
        product = start = _dot(r, z) + _dot(rc, zc)
        if start == 0.0:
            return x, c
        for _ in range(steps):
            image, image_c = self._data_image(p, pc)
            image += prior_p
            step = product / (_dot(p, image) + _dot(pc, image_c))
            x += np.float32(step) * p
            r -= np.float32(step) * image
            c, rc = c + step * pc, rc - step * image_c
            z, zc = self._precondition(r, rc)
            new = _dot(r, z) + _dot(rc, zc)
            if new < _SOLVED * start:
                break
            ratio, product = new / product, new
            p *= np.float32(ratio)
            p += z
            prior_p *= np.float32(ratio)
            prior_p += r - self._data * z
            pc = zc + ratio * pc
        return x, c

    def _data_image(self, p: Array, pc: NDArray[np.float64]) -> tuple[Array, NDArray[np.float64]]:
        own = self._products
        coefficients, tones = split_signal(pc, self._bases)
        ratio, small = expand(coefficients, self._bases), tones.astype(np.float32)
        tone_mean, tone_slope = (
            part.reshape(len(tones), -1) for part in (own.tone_mean, own.tone_slope)
        )
        image = -(small @ tone_slope).reshape(p.shape) - own.mean_slope * ratio
        for entry, (i, j) in zip(own.tensor, PAIRS, strict=True):
            image[i] += entry * p[j]
            if i != j:
                image[j] += entry * p[i]
        along = own.mean_mean * ratio - np.einsum("cxyz,cxyz->xyz", own.mean_slope, p)
        along += (small @ tone_mean).reshape(along.shape)
        image_t = own.tone_tone @ tones + tone_mean @ ratio.ravel() - tone_slope @ p.ravel()
        return image, np.append(project(along, self._bases), image_t) + RIDGE * pc

    def _precondition(
        self, r: Array, rc: NDArray[np.float64]
    ) -> tuple[Array, NDArray[np.float64]]:
        coefficients, tones = split_signal(rc, self._bases)
        ratio = cho_solve(self._ratio_block, coefficients.ravel())
        return (
            apply_spectrum(self._inverse, r),
            np.append(ratio, cho_solve(self._tone_block, tones)),
        )


def split_signal(
    coefficients: NDArray[np.float64], bases: list[NDArray[np.float64]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the coefficients of the log-ratio, one for each product of cosines, and of tones."""
    counts = [basis.shape[1] for basis in bases]
    size = int(np.prod(counts))
    return coefficients[:size].reshape(counts), coefficients[size:]


def _dot(first: NDArray[Any], second: NDArray[Any]) -> float:
    return float((first * second).sum(dtype=np.float64))


def _thinned_block(
    weight: Array, bases: list[NDArray[np.float64]], thinning: int = 3
) -> NDArray[np.float64]:
    thin = weight[::thinning, ::thinning, ::thinning].astype(np.float64) * thinning**3
    x, y, z = (basis[::thinning] for basis in bases)
    block = np.einsum("xyz,xi,xl,yj,ym,zk,zn->ijklmn", thin, x, x, y, y, z, z, optimize=True)
    size = x.shape[1] * y.shape[1] * z.shape[1]
    return block.reshape(size, size) + RIDGE * np.eye(size)


def apply_spectrum(eigenvalues: Array, field: Array) -> Array:
    """Apply an operator, diagonal in the cosine basis, to each component, shape (c, i, j, k)."""
    axes = (1, 2, 3)
    spectrum: Array = fft.dctn(field, type=2, norm="ortho", axes=axes)
    spectrum *= eigenvalues
    result: Array = fft.idctn(spectrum, type=2, norm="ortho", axes=axes, overwrite_x=True)
    return result
