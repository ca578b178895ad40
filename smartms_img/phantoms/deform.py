"""Deformations whose effect on volumes is known.

A deformation is a displacement field, shape (3, x, y, z) in mm, on a grid of ``FIELD_MM`` whose
first node lies at the origin of the points it moves; between nodes it is linear.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage
from scipy.interpolate import CubicSpline

FIELD_MM = 2.0

Field = NDArray[np.float32]


def nodes(shape: tuple[int, ...]) -> Field:
    """Return the positions of a grid's nodes in mm, shape (3, x, y, z)."""
    return np.indices(shape, dtype=np.float32) * np.float32(FIELD_MM)


def move(field: Field, points_mm: Field) -> Field:
    """Return points, shape (3, ...), moved by a displacement field.

    Outside its grid a field goes on with the value at its edge.
    """
    index = points_mm / np.float32(FIELD_MM)
    shift = [
        ndimage.map_coordinates(part, index, order=1, mode="nearest", output=np.float32)
        for part in field
    ]
    return points_mm + np.stack(shift)


def invert(field: Field, steps: int = 7) -> Field:
    """Return the inverse of a deformation by fixed-point iteration.

    Converges where the field stretches by less than a factor of two.

    Examples
    --------
    A shift by 3 mm is undone by a shift by -3 mm.

    >>> float(invert(np.full((3, 4, 4, 4), 3, dtype=np.float32))[0, 1, 1, 1])
    -3.0
    """
    at = nodes(field.shape[1:])
    inverse = -field
    for _ in range(steps):
        points = at + inverse
        inverse = points - move(field, points)
    return inverse


def volume_ratio(positions_mm: Field) -> NDArray[np.float64]:
    """Return det J of the map that takes the grid's nodes to ``positions_mm``.

    Examples
    --------
    >>> bool(np.allclose(volume_ratio(nodes((5, 5, 5)) * 2), 8))
    True
    """
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = (np.gradient(p, FIELD_MM) for p in positions_mm)
    ratio = xx * (yy * zz - yz * zy) - xy * (yx * zz - yz * zx) + xz * (yx * zy - yy * zx)
    return np.asarray(ratio, dtype=np.float64)


def anatomy(shape: tuple[int, ...], rng: np.random.Generator, scale: float) -> Field:
    """Return a smooth random deformation of a head, as heads differ from the template.

    Parameters
    ----------
    shape : tuple of int
        Nodes of the grid.
    rng : numpy.random.Generator
        Source of chance.
    scale : float
        Mean size along each axis relative to the template; axes differ by a few per cent.
    """
    at = nodes(shape)
    centre = at.mean(axis=(1, 2, 3), keepdims=True)
    stretch = scale * (1 + rng.normal(0, 0.015, (3, 1, 1, 1))) - 1
    knots = rng.normal(0, 2.0, (3, 5, 6, 6))
    wave = knots
    for axis, n in enumerate(shape, start=1):
        where = np.linspace(0, n - 1, knots.shape[axis])
        wave = CubicSpline(where, wave, axis=axis, bc_type="clamped")(np.arange(n))
    return (stretch * (at - centre) + wave).astype(np.float32)


def displacement_of_growth(growth: NDArray[np.float32]) -> Field:
    """Return the irrotational displacement whose divergence is a prescribed relative growth.

    Solves Poisson's equation for a potential with no flux through the walls of the grid, so the
    mean of ``growth`` has no effect and should be zero. For small growth det J is 1 + growth.

    Parameters
    ----------
    growth : ndarray, shape (x, y, z)
        Relative change of volume at each node.
    """
    spectrum = fft.dctn(growth.astype(np.float64), type=2, norm="ortho")
    waves = [
        (2 * np.cos(np.pi * np.arange(n) / n) - 2).reshape(
            [-1 if a == axis else 1 for a in range(3)]
        )
        for axis, n in enumerate(growth.shape)
    ]
    eigenvalue = (waves[0] + waves[1] + waves[2]) / FIELD_MM**2
    eigenvalue[0, 0, 0] = 1.0
    spectrum /= eigenvalue
    spectrum[0, 0, 0] = 0.0
    potential = fft.idctn(spectrum, type=2, norm="ortho")
    return np.stack(np.gradient(potential, FIELD_MM)).astype(np.float32)


def at_nodes(volume: NDArray[np.generic]) -> NDArray[np.float32]:
    """Average a volume of 1 mm voxels onto the nodes, which lie on every second voxel."""
    smooth = volume.astype(np.float32)
    for axis in range(3):
        smooth = ndimage.convolve1d(smooth, [0.25, 0.5, 0.25], axis=axis, mode="nearest")
    return smooth[::2, ::2, ::2]
