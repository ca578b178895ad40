"""Smooth fields on a coarse grid of cubic B-splines that covers the field of view of an image.

Everything separates along the axes, so a field is three small matrices away from its nodes, and
what its nodes must gather from the voxels is the transpose of the same matrices.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Array = NDArray[np.float32]


def spline_weights(size: int, count: int) -> Array:
    """Return the weight of each node for each voxel along one axis, shape (size, count).

    Nodes are the centres of ``count`` equal cells over ``size`` voxels; beyond the ends the field
    is mirrored. Every row sums to one.
    """
    position = (np.arange(size) + 0.5) * count / size - 0.5
    first = np.floor(position).astype(int) - 1
    weights = np.zeros((size, count))
    for step in range(4):
        distance = np.abs(position - (first + step))
        weight = np.where(
            distance < 1,
            2 / 3 - distance**2 + distance**3 / 2,
            np.maximum(2 - distance, 0) ** 3 / 6,
        )
        node = first + step
        node = np.where(node < 0, -1 - node, node)
        node = np.where(node >= count, 2 * count - 1 - node, node)
        np.add.at(weights, (np.arange(size), node), weight)
    return weights.astype(np.float32)


@dataclass(frozen=True)
class SplineGrid:
    """Nodes of a field over an image.

    Attributes
    ----------
    shape : tuple of int
        Voxels of the image.
    nodes : tuple of int
        Nodes along each axis.
    """

    shape: tuple[int, ...]
    nodes: tuple[int, ...]

    @classmethod
    def over(cls, shape: tuple[int, ...], voxels_per_node: float) -> SplineGrid:
        """Return a grid with nodes no further apart than ``voxels_per_node``.

        Counts have small prime factors, for transforms along the nodes to be fast.
        """
        counts = [max(4, round(size / voxels_per_node)) for size in shape]
        return cls(shape, tuple(fft.next_fast_len(count, real=True) for count in counts))

    @cached_property
    def _weights(self) -> list[Array]:
        return [spline_weights(n, m) for n, m in zip(self.shape, self.nodes, strict=True)]

    def expand(self, nodes: Array) -> Array:
        """Return the field at the voxels; a last axis of components is kept."""
        return _along_axes(nodes, self._weights)

    def gather(self, voxels: Array) -> Array:
        """Return the sums over voxels that each node takes part in: the transpose of expand."""
        return _along_axes(voxels, [weights.T for weights in self._weights])

    def refine(self, nodes: Array, finer: SplineGrid) -> Array:
        """Return about the same field for the nodes of a finer grid."""
        return SplineGrid(finer.nodes, self.nodes).expand(nodes)


def _along_axes(field: Array, matrices: list[Array]) -> Array:
    for axis, matrix in enumerate(matrices):
        field = np.moveaxis(np.tensordot(matrix, field, axes=(1, axis)), 0, axis)
    return np.ascontiguousarray(field)
