"""Affines, analytic images and simple bodies that the tests of the MRI science share."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from smartms_img.volume import Volume


def rotation(degrees, *, centre=(0.0, 0.0, 0.0), shift=(0.0, 0.0, 0.0)):
    """World matrix that turns about a centre (x, y, z angles) and then shifts."""
    turn = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
    matrix = np.eye(4)
    matrix[:3, :3] = turn
    matrix[:3, 3] = np.array(centre) - turn @ np.array(centre) + np.array(shift)
    return matrix


def _affine(signs, spacing, origin, degrees=(0.0, 0.0, 0.0)):
    matrix = np.diag([*(s * mm for s, mm in zip(signs, spacing, strict=True)), 1.0])
    matrix[:3, 3] = origin
    return rotation(degrees) @ matrix


#: The same block of space, about 30 x 30 x 30 mm around the world's origin, four ways round.
AFFINES = {
    "RAS": _affine((1, 1, 1), (1.0, 1.5, 1.2), (-15.0, -16.0, -14.0)),
    "LAS": _affine((-1, 1, 1), (1.0, 1.5, 1.2), (15.0, -16.0, -14.0)),
    "LPS": _affine((-1, -1, 1), (1.0, 1.5, 1.2), (15.0, 16.0, -14.0)),
    "oblique": _affine((-1, 1, 1), (1.0, 1.5, 1.2), (14.0, -16.0, -15.0), (12.0, -8.0, 17.0)),
}
SHAPE = (31, 22, 25)


def empty(affine, shape=SHAPE):
    """Grid without content."""
    return Volume(np.zeros(shape, dtype=np.float32), affine)


def points(grid, world=None):
    """World coordinates of every voxel, shape (i, j, k, 3), through an optional matrix."""
    matrix = (np.eye(4) if world is None else world) @ grid.affine
    index = np.moveaxis(np.indices(grid.shape, dtype=float), 0, -1)
    return index @ matrix[:3, :3].T + matrix[:3, 3]


def move(matrix, xyz):
    """Apply a world matrix to points of shape (..., 3)."""
    return xyz @ matrix[:3, :3].T + matrix[:3, 3]


def ramp(xyz):
    """Linear image: linear interpolation is exact."""
    return 100.0 + xyz @ np.array([0.7, -0.4, 0.9])


def bump(xyz, centre=(1.0, -2.0, 1.5), sigma=(5.0, 6.0, 7.0)):
    """Smooth image without symmetry."""
    return np.exp(-0.5 * (((xyz - np.array(centre)) / np.array(sigma)) ** 2).sum(axis=-1))


def sampled(function, grid):
    """The image of a function of world coordinates."""
    return grid.like(function(points(grid)).astype(np.float32))


def interior(shape, margin):
    """Voxels at least ``margin`` voxels from the border."""
    mask = np.zeros(shape, dtype=bool)
    mask[margin:-margin, margin:-margin, margin:-margin] = True
    return mask


def ellipsoid(grid, semi_axes_mm, centre=(0.0, 0.0, 0.0)):
    """Voxels inside an ellipsoid aligned with the world's axes."""
    scaled = (points(grid) - np.array(centre)) / np.array(semi_axes_mm)
    return (scaled**2).sum(axis=-1) <= 1.0


def centred(shape, spacing_mm):
    """RAS grid whose middle lies at the world's origin."""
    spacing = np.broadcast_to(np.array(spacing_mm, dtype=float), 3)
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = -spacing * (np.array(shape) - 1) / 2
    return empty(affine, shape)


def dice(first, second):
    """Overlap of two masks."""
    return 2.0 * (first & second).sum() / (first.sum() + second.sum())


def worst(found, expected):
    """Largest difference of two images (``pytest.approx`` is slow on many voxels)."""
    return float(np.abs(np.asarray(found) - expected).max())
