"""Smooth fields as products of cosines along the axes of a grid."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def cosine_count(size: int, spacing_mm: float, cutoff_mm: float) -> int:
    """Return how many cosines along an axis have a wavelength of at least ``cutoff_mm``.

    >>> cosine_count(100, 2.0, 100.0)
    5
    """
    return 1 + int(2 * size * spacing_mm / cutoff_mm)


def cosines(size: int, count: int) -> NDArray[np.float64]:
    """Return cosines over one axis, shape (size, count), from the constant upwards."""
    position = (np.arange(size) + 0.5) / size
    return np.cos(np.pi * position[:, None] * np.arange(count))


def expand(
    coefficients: NDArray[np.float64], bases: list[NDArray[np.float64]]
) -> NDArray[np.float32]:
    """Return the field, shape (i, j, k), of coefficients."""
    x, y, z = (basis.astype(np.float32) for basis in bases)
    field = coefficients.astype(np.float32)
    return np.einsum("ijk,xi,yj,zk->xyz", field, x, y, z, optimize=True)


def project(field: NDArray[Any], bases: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the sums of a field times each product of cosines: the transpose of `expand`."""
    return np.einsum("xyz,xi,yj,zk->ijk", field.astype(np.float64), *bases, optimize=True)
