"""A 3-D image: voxels and the affine that places them in the scanner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: A world matrix or an affine: 4 x 4, mm.
Matrix = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Volume:
    """Voxels with their place in space.

    Attributes
    ----------
    data : ndarray, shape (i, j, k)
        Voxel values.
    affine : ndarray, shape (4, 4)
        Voxel indices to millimetres in RAS+ world coordinates, as in NIfTI.
    """

    data: NDArray[Any]
    affine: Matrix

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels along each axis."""
        return self.data.shape

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Voxel size along each axis, mm."""
        size = np.sqrt((self.affine[:3, :3] ** 2).sum(axis=0))
        return float(size[0]), float(size[1]), float(size[2])

    @property
    def voxel_volume_mm3(self) -> float:
        """Volume of one voxel, mm3."""
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    def like(self, data: NDArray[Any]) -> Volume:
        """Return other voxels at the same place."""
        if data.shape != self.data.shape:
            raise ValueError(f"shape {data.shape} is not {self.data.shape}")
        return Volume(data, self.affine)
