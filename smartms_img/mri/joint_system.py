"""One Gauss-Newton step of displacement and signal ratio together, solved at the nodes."""

from __future__ import annotations

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


class JointSystem:
    """The normal equations of displacement nodes ``x`` and log-ratio coefficients ``c``.

    The residual changes by ``slope . x - mean * expand(c)``; the prior acts on ``x``. Products
    over voxels are lumped at the nodes, which changes the way to the solution and not the
    solution. The preconditioner of ``x`` adds the mean data weight to the prior, both diagonal
    in the cosine basis; that of ``c`` is its own block, from a thinned grid.

    Parameters
    ----------
    tensor : ndarray, shape (i, j, k, 6)
        Weighted products of slopes at the nodes, in the order of ``PAIRS``.
    coupling : ndarray, shape (i, j, k, 3)
        Weighted mean signal times slope.
    square : ndarray, shape (i, j, k)
        Weighted square of the mean signal.
    prior : ndarray, shape (i, j, k)
        Eigenvalues of the prior in the cosine basis.
    bases : list of ndarray
        Cosines along each axis of the nodes.
    """

    def __init__(
        self,
        tensor: Array,
        coupling: Array,
        square: Array,
        prior: Array,
        bases: list[NDArray[np.float64]],
    ) -> None:
        self._tensor, self._coupling, self._square = tensor, coupling, square
        self._bases = bases
        self._data = np.float32(tensor[..., :3].mean() + 1e-6)
        self._inverse = 1.0 / (prior + self._data)
        self._block = cho_factor(_thinned_block(square, bases))

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
            image, image_c = self._data_image(p, pc)
            image += prior_p
            step = product / (_dot(p, image) + _dot(pc, image_c))
            x, c = x + np.float32(step) * p, c + step * pc
            r, rc = r - np.float32(step) * image, rc - step * image_c
            z, zc = self._precondition(r, rc)
            new = _dot(r, z) + _dot(rc, zc)
            if new < _SOLVED * start:
                break
            ratio = new / product
            p, pc = z + np.float32(ratio) * p, zc + ratio * pc
            prior_p = r - self._data * z + np.float32(ratio) * prior_p
            product = new
        return x, c

    def _data_image(self, p: Array, pc: NDArray[np.float64]) -> tuple[Array, NDArray[np.float64]]:
        ratio = expand(pc, self._bases)
        image = -self._coupling * ratio[..., None]
        for entry, (i, j) in enumerate(PAIRS):
            image[..., i] += self._tensor[..., entry] * p[..., j]
            if i != j:
                image[..., j] += self._tensor[..., entry] * p[..., i]
        along = self._square * ratio - (self._coupling * p).sum(axis=-1)
        return image, project(along, self._bases) + RIDGE * pc

    def _precondition(
        self, r: Array, rc: NDArray[np.float64]
    ) -> tuple[Array, NDArray[np.float64]]:
        return apply_spectrum(self._inverse, r), cho_solve(self._block, rc.ravel()).reshape(
            rc.shape
        )


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
    """Apply an operator that is diagonal in the cosine basis to each component of a field."""
    result = np.empty_like(field)
    for component in range(3):
        spectrum = fft.dctn(field[..., component], type=2, norm="ortho", overwrite_x=False)
        result[..., component] = fft.idctn(
            eigenvalues * spectrum, type=2, norm="ortho", overwrite_x=True
        )
    return result
