"""Placing images in space: resampling, halfway space, displacement fields.

A *world matrix* is 4 x 4, in RAS+ mm, and maps points of the space that is sampled *into* (fixed)
to points of the image that is sampled *from* (moving).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, ndimage

from smartms_img.volume import Matrix, Volume

Field = NDArray[np.float32]

# Plain "constant" drops a whole border slice whose coordinate misses it by a rounding error.
_BEYOND = "grid-constant"


def resample(
    volume: Volume,
    grid: Volume,
    world: Matrix | None = None,
    *,
    order: int = 1,
    field: Field | None = None,
    outside: float = 0.0,
) -> NDArray[np.float32]:
    """Sample a volume on another grid.

    Parameters
    ----------
    volume : Volume
        Image to sample.
    grid : Volume
        Its shape and affine are the grid to sample on; its voxels are not read.
    world : ndarray, shape (4, 4), optional
        World matrix from ``grid`` to ``volume``; default: identity.
    order : int
        Spline order: 0 nearest, 1 linear, 3 cubic.
    field : ndarray, shape (i, j, k, 3), optional
        Displacement in mm on ``grid``, applied before ``world``.
    outside : float
        Value where ``volume`` has no voxel.
    """
    matrix = np.linalg.inv(volume.affine) @ (np.eye(4) if world is None else world)
    data = volume.data.astype(np.float32, copy=False)
    if field is None:
        index = matrix @ grid.affine
        return ndimage.affine_transform(
            data,
            index[:3, :3],
            index[:3, 3],
            grid.shape,
            order=order,
            mode=_BEYOND,
            cval=outside,
        )
    coordinates = _voxel_points(grid, field, matrix)
    return ndimage.map_coordinates(data, coordinates, order=order, mode=_BEYOND, cval=outside)


def resample_back(
    volume: Volume,
    grid: Volume,
    world: Matrix,
    field: Volume,
    *,
    order: int = 1,
) -> NDArray[np.float32]:
    """Sample a volume through the inverse of a registration.

    The registration went from the space of ``volume`` (fixed) to the space of ``grid`` (moving)
    by ``x -> world @ (x + forward(x))``.

    Parameters
    ----------
    volume : Volume
        Image in the fixed space.
    grid : Volume
        Grid in the moving space to sample on.
    world : ndarray, shape (4, 4)
        World matrix from the fixed to the moving space.
    field : Volume, data of shape (i, j, k, 3)
        Inverse displacement, mm, on a grid in the fixed space.
    order : int
        Spline order.
    """
    to_fixed = np.linalg.inv(world)
    moved = np.stack(
        [
            resample(Volume(field.data[..., axis], field.affine), grid, to_fixed)
            for axis in range(3)
        ],
        axis=-1,
    )
    placed = Volume(np.zeros(grid.shape, dtype=np.float32), to_fixed @ grid.affine)
    return resample(volume, placed, order=order, field=moved)


def downsample(volume: Volume, spacing_mm: float) -> Volume:
    """Average whole blocks of voxels, as near to ``spacing_mm`` as their size allows."""
    factor = np.maximum(1, np.floor(spacing_mm / np.array(volume.spacing_mm) + 0.501)).astype(int)
    if (factor == 1).all():
        return Volume(volume.data.astype(np.float32), volume.affine)
    size = np.array(volume.shape) // factor
    cropped = volume.data[tuple(slice(0, n * f) for n, f in zip(size, factor, strict=True))]
    blocks = cropped.astype(np.float32).reshape(
        size[0], factor[0], size[1], factor[1], size[2], factor[2]
    )
    affine = volume.affine.copy()
    affine[:3, :3] *= factor
    affine[:3, 3] = (volume.affine @ np.append((factor - 1) / 2, 1.0))[:3]
    return Volume(blocks.mean(axis=(1, 3, 5)), affine)


def same_grid(first: Volume, second: Volume, tolerance_mm: float = 0.01) -> bool:
    """Tell whether the voxels of two images have the same number and place.

    >>> one = Volume(np.zeros((4, 4, 4), dtype=np.float32), np.eye(4))
    >>> same_grid(one, one), same_grid(one, Volume(one.data, np.diag([1.0, 1.0, 1.1, 1.0])))
    (True, False)
    """
    if first.shape != second.shape:
        return False
    corners = np.array(
        [
            [*(n * c for n, c in zip(first.shape, corner, strict=True)), 1.0]
            for corner in np.ndindex(2, 2, 2)
        ]
    )
    apart = corners @ (first.affine - second.affine).T
    return bool(np.abs(apart).max() < tolerance_mm)


def halfway(rigid: Matrix) -> tuple[Matrix, Matrix]:
    """Split a rigid world matrix into two halves that meet in the middle.

    Returns
    -------
    to_fixed, to_moving : ndarray, shape (4, 4)
        World matrices from the halfway space to either image; ``to_moving @ inv(to_fixed)`` is
        ``rigid``.

    Examples
    --------
    >>> shift = np.eye(4); shift[0, 3] = 4.0
    >>> to_fixed, to_moving = halfway(shift)
    >>> float(to_fixed[0, 3]), float(to_moving[0, 3])
    (-2.0, 2.0)
    """
    half = np.real(linalg.sqrtm(rigid))
    half[3] = [0, 0, 0, 1]
    return np.linalg.inv(half), half


def mean_rigid(first: Matrix, second: Matrix) -> Matrix:
    """Return the rigid matrix half way between two nearly equal ones."""
    half, _ = halfway(np.linalg.inv(first) @ second)
    return nearest_rigid(first @ np.linalg.inv(half))


def nearest_rigid(matrix: Matrix) -> Matrix:
    """Return the rigid matrix nearest to an affine one; it maps the same origin alike."""
    left, _, right = np.linalg.svd(matrix[:3, :3])
    result = matrix.copy()
    result[:3, :3] = left @ np.diag([1, 1, np.sign(np.linalg.det(left @ right))]) @ right
    return result


def common_grid(
    masks: Sequence[Volume], to_images: Sequence[Matrix], spacing_mm: float, margin_mm: float
) -> Volume:
    """Make an isotropic grid that holds every mask, treating all images alike.

    Parameters
    ----------
    masks : sequence of Volume
        Boolean masks of the images.
    to_images : sequence of ndarray, shape (4, 4)
        World matrix from the common space to each image.
    spacing_mm : float
        Voxel size of the grid.
    margin_mm : float
        Room around the masks.
    """
    corners = []
    for mask, to_image in zip(masks, to_images, strict=True):
        index = np.argwhere(mask.data)
        box = np.array(np.meshgrid(*zip(index.min(0), index.max(0), strict=True))).reshape(3, -1)
        world = np.linalg.inv(to_image) @ mask.affine @ np.vstack([box, np.ones(8)])
        corners.append(world[:3])
    points = np.hstack(corners)
    low = np.floor((points.min(axis=1) - margin_mm) / spacing_mm) * spacing_mm
    size = np.ceil((points.max(axis=1) + margin_mm - low) / spacing_mm).astype(int) + 1
    affine = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    affine[:3, 3] = low
    return Volume(np.zeros(tuple(size), dtype=np.float32), affine)


def _voxel_points(grid: Volume, field: Field, matrix: Matrix) -> NDArray[np.float64]:
    index = np.indices(grid.shape, dtype=np.float64).reshape(3, -1)
    world = grid.affine[:3, :3] @ index + grid.affine[:3, 3:]
    world += field.reshape(-1, 3).T
    points: NDArray[np.float64] = matrix[:3, :3] @ world + matrix[:3, 3:]
    return points.reshape(3, *grid.shape)
