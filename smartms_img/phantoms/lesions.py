"""Lesions of synthetic patients: where they lie, how large they are at each visit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from smartms_img.phantoms.template import Head

EDGE_MM = 0.8
GAP_MM = 5.0


class LesionFate(StrEnum):
    """What happens to a lesion between the visits."""

    STABLE = "stable"
    NEW = "new"
    ENLARGING = "enlarging"
    SHRINKING = "shrinking"
    RESOLVED = "resolved"


# Radius at baseline and at follow-up, relative to a lesion's largest radius.
GROWTH: dict[LesionFate, tuple[float, float]] = {
    LesionFate.STABLE: (1.0, 1.0),
    LesionFate.NEW: (0.0, 1.0),
    LesionFate.ENLARGING: (0.72, 1.0),
    LesionFate.SHRINKING: (1.0, 0.72),
    LesionFate.RESOLVED: (1.0, 0.0),
}

# Range of the largest radius: what changes has to be seen at the smaller size, too.
RADIUS_MM: dict[LesionFate, tuple[float, float]] = {
    LesionFate.STABLE: (2.6, 3.8),
    LesionFate.NEW: (2.8, 3.8),
    LesionFate.ENLARGING: (3.6, 4.2),
    LesionFate.SHRINKING: (3.6, 4.2),
    LesionFate.RESOLVED: (2.8, 3.8),
}


@dataclass(frozen=True)
class Lesion:
    """An ellipsoid in white matter of the template head.

    Attributes
    ----------
    centre_mm : tuple of float
        Centre on the template grid, in mm from its first voxel.
    semi_axes_mm : tuple of float
        Half axes at the visit where the lesion is largest.
    fate : LesionFate
        Change between the visits.
    periventricular, black_hole : bool
        Whether it touches a ventricle, and whether its T1 signal is below that of grey matter.
    """

    centre_mm: tuple[float, float, float]
    semi_axes_mm: tuple[float, float, float]
    fate: LesionFate
    periventricular: bool
    black_hole: bool

    def axes_at(self, visit: int) -> tuple[float, float, float]:
        """Return the half axes at baseline (visit 0) or follow-up (visit 1); zero if absent."""
        a, b, c = (GROWTH[self.fate][visit] * axis for axis in self.semi_axes_mm)
        return a, b, c

    def weight(self, points_mm: NDArray[np.float32], visit: int) -> NDArray[np.float32]:
        """Return the share of lesion at points, shape (3, ...), 0.5 on the ellipsoid."""
        axes = np.array(self.axes_at(visit))
        if not axes.all():
            return np.zeros(points_mm.shape[1:], dtype=np.float32)
        column = (3,) + (1,) * (points_mm.ndim - 1)
        offset = points_mm - np.reshape(self.centre_mm, column)
        radius = np.sqrt(((offset / axes.reshape(column)) ** 2).sum(axis=0))
        depth_mm = (1 - radius) * axes.mean()
        return np.clip(depth_mm / EDGE_MM + 0.5, 0, 1).astype(np.float32)


def place_lesions(
    head: Head, fates: Mapping[LesionFate, int], rng: np.random.Generator
) -> tuple[Lesion, ...]:
    """Draw lesions of 4 to 8 mm in white matter that neither touch each other nor grey matter.

    Every third stable lesion touches a lateral ventricle; every second lesion is a black hole.
    """
    voxels = np.argwhere(head.white_depth_mm > 2)
    clear, wall = (
        distance[tuple(voxels.T)] for distance in (head.white_depth_mm, head.ventricle_distance_mm)
    )
    lesions: list[Lesion] = []
    for fate in LesionFate:
        for number in range(fates.get(fate, 0)):
            beside = fate is LesionFate.STABLE and number % 3 == 0
            axes = rng.uniform(*RADIUS_MM[fate]) * rng.uniform(0.9, 1.1, 3)
            reach = float(axes.max())
            if beside:
                allowed = (clear > reach) & (np.abs(wall - reach) <= 0.5)
            else:
                allowed = (clear > reach + 1) & (wall > reach + 4)
            centre = _draw(voxels[allowed], lesions, reach, rng)
            lesions.append(_lesion(centre, axes, fate, beside, len(lesions) % 2 == 0))
    return tuple(lesions)


def burn(
    image: NDArray[np.float32],
    head: Head,
    lesions: Sequence[Lesion],
    visit: int,
    signal: Callable[[Lesion], float],
) -> NDArray[np.float32]:
    """Return an image of the template head with the lesions of a visit in its tissue."""
    burnt = image.copy()
    for lesion in lesions:
        box, points = _around(lesion, image.shape, step_mm=1.0)
        share = lesion.weight(points, visit) * head.tissue[box]
        burnt[box] += share * (np.float32(signal(lesion)) - burnt[box])
    return burnt


def lesion_volume_mm3(
    lesion: Lesion, visit: int, head: Head, volume_ratio: NDArray[np.float64], field_mm: float
) -> float:
    """Return the volume of a lesion within tissue after a deformation.

    Integrates det J, given on nodes every ``field_mm``, over the ellipsoid where the head has
    more tissue than CSF, on a 0.25 mm grid.
    """
    step = 0.25
    _, points = _around(lesion, head.white.shape, step_mm=step)
    inside = points[:, lesion.weight(points, visit) >= 0.5]
    tissue = ndimage.map_coordinates(head.tissue, inside, order=1)
    ratio = ndimage.map_coordinates(volume_ratio, inside / field_mm, order=1)
    return float(ratio[tissue >= 0.5].sum() * step**3)


def _around(
    lesion: Lesion, shape: tuple[int, ...], step_mm: float
) -> tuple[tuple[slice, ...], NDArray[np.float32]]:
    reach = max(lesion.semi_axes_mm) + EDGE_MM + 1
    box = tuple(
        slice(max(0, int(centre - reach)), min(n, int(centre + reach) + 2))
        for centre, n in zip(lesion.centre_mm, shape, strict=True)
    )
    axes = [np.arange(part.start, part.stop, step_mm, dtype=np.float32) for part in box]
    return box, np.stack(np.meshgrid(*axes, indexing="ij"))


def _draw(
    candidates: NDArray[np.intp],
    lesions: Sequence[Lesion],
    reach: float,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    for other in lesions:
        distance = np.linalg.norm(candidates - np.array(other.centre_mm), axis=1)
        candidates = candidates[distance > reach + max(other.semi_axes_mm) + GAP_MM]
    return candidates[rng.integers(len(candidates))] + rng.uniform(-0.4, 0.4, 3)


def _lesion(
    centre: NDArray[np.float64],
    axes: NDArray[np.float64],
    fate: LesionFate,
    periventricular: bool,
    black_hole: bool,
) -> Lesion:
    x, y, z = (float(value) for value in centre)
    a, b, c = (float(value) for value in axes)
    return Lesion((x, y, z), (a, b, c), fate, periventricular, black_hole)
