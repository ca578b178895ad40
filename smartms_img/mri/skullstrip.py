"""A first brain mask by a deformable surface: needs neither template nor training.

The surface starts as a small sphere inside the brain and grows until it meets the dark rim of
cerebrospinal fluid and skull (BET, Smith 2002, doi:10.1002/hbm.10062).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.spatial import cKDTree

from smartms_img.volume import Matrix, Volume

Points = NDArray[np.floating[Any]]

_RADIUS_SHARP_MM, _RADIUS_FLAT_MM = 3.33, 10.0
_SEARCH_MIN_MM, _SEARCH_MAX_MM = 20, 10
_ITERATIONS = 600


@dataclass(frozen=True)
class _Levels:
    """Robust intensities: darkest, head threshold, brightest, median inside the first sphere."""

    low: float
    threshold: float
    high: float
    median: float


def surface_brain_mask(head: Volume, fraction: float = 0.5) -> NDArray[np.bool_]:
    """Find the brain in a whole-head T1w.

    Parameters
    ----------
    head : Volume
        T1w, any voxel size; about 3 mm is enough.
    fraction : float
        Between 0 and 1; smaller gives a larger brain.

    Returns
    -------
    ndarray of bool
        Voxels inside the surface.
    """
    levels, centre_mm, radius_mm = _start(head)
    unit, faces = _icosphere(4)
    neighbours = _neighbour_mean(faces, len(unit))
    points = centre_mm + 0.5 * radius_mm * unit
    to_voxel = np.linalg.inv(head.affine)
    data = np.minimum(head.data.astype(np.float32), levels.high)
    for _ in range(_ITERATIONS):
        points = points + _update(points, faces, neighbours, data, to_voxel, levels, fraction)
    return _fill(points, faces, head)


def _start(head: Volume) -> tuple[_Levels, Points, float]:
    positive = head.data[head.data > 0]
    low, high = np.percentile(positive, [2, 98])
    threshold = low + 0.1 * (high - low)
    weight = np.clip(head.data, 0, high) * (head.data > threshold)
    indices = np.argwhere(weight > 0)
    voxel_weight = weight[tuple(indices.T)]
    world = indices @ head.affine[:3, :3].T + head.affine[:3, 3]
    # Neck and shoulders pull the centre down: the head ends 160 mm below its top.
    upper = world[:, 2] > np.percentile(world[:, 2], 99.9) - 160.0
    world, voxel_weight = world[upper], voxel_weight[upper]
    centre = np.average(world, axis=0, weights=voxel_weight)
    radius = float((3 * len(world) * head.voxel_volume_mm3 / (4 * np.pi)) ** (1 / 3))
    inside = ((world - centre) ** 2).sum(axis=1) < (0.8 * radius) ** 2
    values = head.data[tuple(indices[upper][inside].T)]
    median = float(np.median(values))
    return _Levels(float(low), float(threshold), float(high), median), centre, radius


def _update(
    points: Points,
    faces: NDArray[np.int64],
    neighbours: sparse.csr_matrix,
    data: NDArray[np.float32],
    to_voxel: Matrix,
    levels: _Levels,
    fraction: float,
) -> Points:
    normals = _normals(points, faces)
    pull = neighbours @ points - points
    along = (pull * normals).sum(axis=1, keepdims=True)
    normal_part, tangential = along * normals, pull - along * normals
    edge = np.sqrt((pull**2).sum(axis=1)).mean() + 1e-9
    spacing = float(np.sqrt(((points[faces[:, 0]] - points[faces[:, 1]]) ** 2).sum(1)).mean())
    curvature = 2 * np.abs(along[:, 0]) / max(spacing, edge) ** 2
    middle = (1 / _RADIUS_SHARP_MM + 1 / _RADIUS_FLAT_MM) / 2
    slope = 6 / (1 / _RADIUS_SHARP_MM - 1 / _RADIUS_FLAT_MM)
    smooth = (1 + np.tanh(slope * (curvature - middle))) / 2
    push = 0.05 * _intensity_force(points, normals, data, to_voxel, levels, fraction) * spacing
    return 0.5 * tangential + smooth[:, None] * normal_part + push[:, None] * normals


def _intensity_force(
    points: Points,
    normals: Points,
    data: NDArray[np.float32],
    to_voxel: Matrix,
    levels: _Levels,
    fraction: float,
) -> NDArray[np.float64]:
    depth = np.arange(1, _SEARCH_MIN_MM + 1, dtype=np.float64)
    inward = points[:, None, :] - depth[None, :, None] * normals[:, None, :]
    voxel = inward @ to_voxel[:3, :3].T + to_voxel[:3, 3]
    index = np.rint(voxel).astype(np.intp)
    inside = ((index >= 0) & (index < data.shape)).all(axis=-1)
    index = np.clip(index, 0, np.array(data.shape) - 1)
    sampled = np.where(inside, data[index[..., 0], index[..., 1], index[..., 2]], levels.low)
    minimum = np.maximum(levels.low, np.minimum(levels.median, sampled.min(axis=1)))
    deepest = sampled[:, :_SEARCH_MAX_MM].max(axis=1)
    maximum = np.minimum(levels.median, np.maximum(levels.threshold, deepest))
    local = (maximum - levels.low) * fraction + levels.low
    force: NDArray[np.float64] = 2 * (minimum - local) / np.maximum(maximum - levels.low, 1e-6)
    return force


def _icosphere(subdivisions: int) -> tuple[Points, NDArray[np.int64]]:
    golden = (1 + 5**0.5) / 2
    corners = [(s, g, 0) for s in (-1, 1) for g in (-golden, golden)]
    vertices = np.array([np.roll(c, shift) for c in corners for shift in range(3)], dtype=float)
    distance = np.linalg.norm(vertices[:, None] - vertices[None], axis=-1)
    near = np.isclose(distance, 2.0)
    triples = [
        (i, j, k)
        for i in range(12)
        for j in range(i + 1, 12)
        for k in range(j + 1, 12)
        if near[i, j] and near[j, k] and near[i, k]
    ]
    faces = np.array([_outward(vertices, triple) for triple in triples])
    for _ in range(subdivisions):
        vertices, faces = _subdivide(vertices, faces)
    return vertices / np.linalg.norm(vertices, axis=1, keepdims=True), faces


def _outward(vertices: Points, triple: tuple[int, int, int]) -> tuple[int, int, int]:
    i, j, k = triple
    return triple if np.linalg.det(vertices[[i, j, k]]) > 0 else (i, k, j)


def _subdivide(vertices: Points, faces: NDArray[np.int64]) -> tuple[Points, NDArray[np.int64]]:
    edges = np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    unique, inverse = np.unique(edges, axis=0, return_inverse=True)
    middle = (vertices[unique[:, 0]] + vertices[unique[:, 1]]) / 2
    middle /= np.linalg.norm(middle, axis=1, keepdims=True) / np.linalg.norm(vertices[0])
    ab, bc, ca = (inverse.reshape(-1, 3) + len(vertices)).T
    a, b, c = faces.T
    parts = [(a, ab, ca), (b, bc, ab), (c, ca, bc), (ab, bc, ca)]
    return np.vstack([vertices, middle]), np.vstack([np.column_stack(part) for part in parts])


def _neighbour_mean(faces: NDArray[np.int64], count: int) -> sparse.csr_matrix:
    rows = faces[:, [0, 1, 2, 1, 2, 0]].ravel()
    columns = faces[:, [1, 2, 0, 0, 1, 2]].ravel()
    adjacency = sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(count, count))
    adjacency.data[:] = 1.0
    return sparse.diags(1 / np.asarray(adjacency.sum(axis=1)).ravel()) @ adjacency


def _normals(points: Points, faces: NDArray[np.int64]) -> Points:
    a, b, c = (points[faces[:, i]] for i in range(3))
    face = np.cross(b - a, c - a)
    normals = np.zeros_like(points)
    for corner in range(3):
        for axis in range(3):
            normals[:, axis] += np.bincount(faces[:, corner], face[:, axis], len(points))
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)


def _fill(points: Points, faces: NDArray[np.int64], head: Volume) -> NDArray[np.bool_]:
    """Mark the voxels whose centre lies inside a closed surface.

    The surface is sampled densely; voxels that it crosses are decided by the side of the nearest
    sample on which their centre lies, the others by flooding from the middle.
    """
    samples, normals = _sample_surface(points, faces, min(head.spacing_mm))
    to_voxel = np.linalg.inv(head.affine)
    index = np.rint(samples @ to_voxel[:3, :3].T + to_voxel[:3, 3]).astype(np.intp)
    within = ((index >= 0) & (index < head.shape)).all(axis=1)
    shell = np.zeros(head.shape, dtype=bool)
    shell[tuple(index[within].T)] = True
    # A field of view that cuts the head leaves the surface open there; its border closes it.
    middle = points.mean(axis=0) @ to_voxel[:3, :3].T + to_voxel[:3, 3]
    seed = tuple(np.clip(np.rint(middle).astype(int), 0, np.array(head.shape) - 1))
    labels, _ = ndimage.label(~shell)
    mask: NDArray[np.bool_] = labels == labels[seed]
    crossed = np.argwhere(shell)
    centres = crossed @ head.affine[:3, :3].T + head.affine[:3, 3]
    _, nearest = cKDTree(samples).query(centres)
    depth = ((samples[nearest] - centres) * normals[nearest]).sum(axis=1)
    mask[tuple(crossed.T)] = depth >= 0
    return mask


def _sample_surface(
    points: Points, faces: NDArray[np.int64], spacing_mm: float
) -> tuple[Points, Points]:
    """Return points of a surface that lie closer than half a voxel, and the normals there."""
    a, b, c = (points[faces[:, corner]] for corner in range(3))
    longest = np.sqrt(np.max([((p - q) ** 2).sum(axis=1) for p, q in ((a, b), (b, c), (c, a))]))
    steps = int(np.ceil(2 * longest / spacing_mm)) + 1
    normals = np.cross(b - a, c - a)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    shares = [(i / steps, j / steps) for i in range(steps + 1) for j in range(steps + 1 - i)]
    samples = np.vstack([a * (1 - u - v) + b * u + c * v for u, v in shares])
    return samples, np.tile(normals, (len(shares), 1))
