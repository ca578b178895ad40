"""Real scans with a known change: anatomy moved by a smooth field, scanned anew.

A real T1w, freed of its noise, is sampled once for each visit: at the baseline in a new position,
at the follow-up through the inverse of a known deformation and in another one. Then it gets a
new bias field, gain and noise. No visit is a resampled copy of the other, and no noise is shared.
Each visit of a skull-stripped scan has an edge of its own, as each has a mask of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from smartms_img.phantoms.deform import (
    FIELD_MM,
    Field,
    at_nodes,
    displacement_of_growth,
    move,
)
from smartms_img.volume import Volume

Mask = NDArray[np.bool_]
Kind = Literal["whole", "cortical", "ventricular", "thalamic"]

_BIAS_KNOTS = 4
# The edge of a mask wanders over about 2 cm.
_EDGE_KNOTS = 9
_ROOM_MM = 12.0


@dataclass(frozen=True)
class Anatomy:
    """Masks of a scan of 1 mm voxels: where a change is put, and where its truth is read."""

    brain: Mask
    cortex: Mask
    thalamus: Mask
    ventricles: Mask

    def by_endpoint(self) -> dict[str, Mask]:
        """Return the masks by the endpoint that measures their change."""
        return {
            "PBVC": self.brain,
            "PCGMVC": self.cortex,
            "PTHALVC": self.thalamus,
            "PVENTVC": self.ventricles,
        }

    def by_volume(self) -> dict[str, Mask]:
        """Return the masks by the endpoint that measures their volume at one visit."""
        return {
            "BPV": self.brain,
            "CGMV": self.cortex,
            "THALV": self.thalamus,
            "VENTV": self.ventricles,
        }


@dataclass(frozen=True)
class Acquisition:
    """How a visit is scanned.

    Attributes
    ----------
    degrees, shift_mm : float
        Size of the rotation about a random axis, and largest shift along each axis.
    noise : float
        SD relative to bright tissue, Rician.
    bias : float
        Largest logarithm of the bias field.
    edge_mm : float
        Where the scan is skull-stripped: how deep the edge of this visit's mask may cut, at most.
    """

    degrees: float = 2.0
    shift_mm: float = 2.0
    noise: float = 0.02
    bias: float = 0.06
    edge_mm: float = 1.5


def growth_field(kind: Kind, anatomy: Anatomy, percent: float, rng: np.random.Generator) -> Field:
    """Return a smooth deformation that changes the volume of the brain by a percentage.

    Parameters
    ----------
    kind : {'whole', 'cortical', 'ventricular', 'thalamic'}
        Where most of the change is; its strength varies smoothly over the brain.
    anatomy : Anatomy
        Of the scan.
    percent : float
        Change of the volume of ``anatomy.brain``.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    ndarray, shape (3, x, y, z)
        Displacement in mm on nodes of ``FIELD_MM``.
    """
    brain, cortex, thalamus, ventricles = (
        ndimage.gaussian_filter(at_nodes(mask), 0.8)
        for mask in (anatomy.brain, anatomy.cortex, anatomy.thalamus, anatomy.ventricles)
    )
    uneven = 1.0 + 0.5 * _smooth_noise(brain.shape, rng)
    growth = {
        "whole": -brain * uneven,
        "cortical": -cortex * uneven,
        "ventricular": ventricles * uneven - 0.05 * brain,
        "thalamic": -thalamus - 0.15 * cortex * uneven + 0.3 * ventricles,
    }[kind]
    near = ndimage.binary_dilation(brain > 0.05, iterations=round(_ROOM_MM / FIELD_MM))
    room = near * np.clip(1.0 - 1.5 * (brain + ventricles), 0.0, 1.0)
    strength, field = 1.0, np.zeros((3, *brain.shape), dtype=np.float32)
    for _ in range(6):
        wanted = strength * growth
        field = displacement_of_growth(wanted - room * (wanted.sum() / room.sum()))
        reached = _change_percent(field, anatomy.brain)
        strength *= percent / reached
    return field


def true_changes(field: Field | None, anatomy: Anatomy) -> dict[str, float]:
    """Return the change of each region in per cent: the integral of det J over its mask."""
    masks = anatomy.by_endpoint()
    if field is None:
        return dict.fromkeys(masks, 0.0)
    return {name: _change_percent(field, mask) for name, mask in masks.items()}


def acquire(
    image: Volume, field: Field | None, rng: np.random.Generator, settings: Acquisition
) -> Volume:
    """Scan an anatomy: in a new position, after a deformation, with new noise, bias and gain.

    Parameters
    ----------
    image : Volume
        T1w of 1 mm voxels without noise, axes RAS+; zero outside where it is skull-stripped.
    field : ndarray or None
        Deformation of the anatomy, as :func:`growth_field` gives it.
    rng : numpy.random.Generator
        Source of chance.
    settings : Acquisition
        Position, noise, bias field.
    """
    shape = image.shape
    centre = ((np.array(shape) - 1) / 2.0)[:, None]
    axis = rng.normal(size=3)
    turn = Rotation.from_rotvec(np.deg2rad(settings.degrees) * axis / np.linalg.norm(axis))
    shift = rng.uniform(-settings.shift_mm, settings.shift_mm, (3, 1))
    voxels = np.indices(shape, dtype=np.float32).reshape(3, -1)
    points = turn.as_matrix().T @ (voxels - centre - shift) + centre
    points = points.astype(np.float32)
    if field is not None:
        target, steps = points, 6
        for _ in range(steps):
            points = target - (move(field, points) - points)
    inside = _visit_mask(image, points, rng, settings.edge_mm)
    signal = ndimage.map_coordinates(image.data.astype(np.float32), points, order=5)
    signal = np.maximum(signal, 0.0).reshape(shape) * rng.uniform(0.8, 1.25)
    signal *= np.exp(settings.bias * _smooth_noise(shape, rng))
    sd = settings.noise * np.percentile(signal[inside], 95)
    noisy = np.hypot(signal + sd * rng.normal(size=shape), sd * rng.normal(size=shape))
    return Volume((noisy * inside).astype(np.float32), image.affine)


def _visit_mask(
    image: Volume, points: NDArray[np.float32], rng: np.random.Generator, edge_mm: float
) -> Mask:
    """Return where a visit has signal: all of a whole head, else within an edge of its own."""
    brain = ndimage.binary_fill_holes(image.data > 0)
    if brain.all():
        return np.ones(image.shape, dtype=bool)
    depth = ndimage.distance_transform_edt(brain).astype(np.float32) - 0.5
    at_points = ndimage.map_coordinates(depth, points, order=1).reshape(image.shape)
    cut = edge_mm * np.abs(_smooth_noise(image.shape, rng, _EDGE_KNOTS))
    return np.asarray(at_points > cut)


def _change_percent(field: Field, mask: Mask) -> float:
    """Integrate det J of the field, as :func:`move` applies it, over the voxels of a mask."""
    voxels = np.indices(mask.shape, dtype=np.float32)
    gradient = np.stack(
        [np.stack(np.gradient(part), axis=-1)[mask] for part in move(field, voxels)], axis=-2
    )
    return 100.0 * float(np.linalg.det(gradient.astype(np.float64)).mean() - 1.0)


def _smooth_noise(
    shape: tuple[int, ...], rng: np.random.Generator, count: int = _BIAS_KNOTS
) -> NDArray[np.float32]:
    """Return a smooth random field between -1 and 1, of ``count`` random values along an axis."""
    knots = rng.normal(size=(count,) * 3)
    field = ndimage.zoom(
        knots, [n / count for n in shape], order=3, mode="nearest", grid_mode=True
    )
    return (field / np.abs(field).max()).astype(np.float32)
