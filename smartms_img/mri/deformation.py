"""Volume ratios of a displacement at the midpoint of two visits, and images moved by it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Array = NDArray[np.float32]


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
