"""Regions in MNI152 space, made from the template's tissue maps and an anatomical atlas.

The Desikan-Killiany volume has neither ventricles nor cerebellum: both follow from the tissue
maps and their place in MNI152 space.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from smartms_img.volume import Volume


class Region(IntEnum):
    """Labels of the region image; every brain voxel has one."""

    CEREBRUM = 1
    THALAMUS = 2
    DEEP_GREY = 3  # caudate, putamen, pallidum, accumbens
    MEDIAL_TEMPORAL = 4  # hippocampus, amygdala
    LATERAL_VENTRICLES = 5
    BRAINSTEM = 6
    CEREBELLUM = 7


@dataclass(frozen=True)
class Template:
    """MNI152 as the pipeline uses it: all images on one grid.

    ``t1`` is skull-stripped; ``grey``, ``white`` and ``csf`` are probabilities; ``brain`` is the
    mask with its sulci and ventricles; ``regions`` holds :class:`Region` labels.
    """

    t1: Volume
    brain: NDArray[np.bool_]
    grey: NDArray[np.float32]
    white: NDArray[np.float32]
    csf: NDArray[np.float32]
    regions: NDArray[np.uint8]


_DEEP = {
    Region.THALAMUS: ("thalamusproper",),
    Region.DEEP_GREY: ("caudate", "putamen", "pallidum", "accumbensarea"),
    Region.MEDIAL_TEMPORAL: ("hippocampus", "amygdala"),
    Region.BRAINSTEM: ("brainstem",),
}


def build_template(
    t1: Volume,
    grey: NDArray[np.float32],
    white: NDArray[np.float32],
    atlas: NDArray[np.integer],
    names: dict[int, str],
) -> Template:
    """Assemble the template.

    Parameters
    ----------
    t1 : Volume
        Skull-stripped T1w template, background 0.
    grey, white : ndarray
        Tissue probabilities, 0 to 1, on the grid of ``t1``.
    atlas : ndarray of int
        Anatomical labels on the grid of ``t1``.
    names : dict of int to str
        Label -> structure, as in the Desikan-Killiany table.
    """
    inside = ndimage.binary_closing(t1.data > 0.08 * t1.data.max(), iterations=3)
    brain = ndimage.binary_fill_holes(inside)
    brain = ndimage.binary_opening(brain, iterations=2)
    csf = np.where(brain, np.clip(1.0 - grey - white, 0.0, 1.0), 0.0).astype(np.float32)
    x, y, z = _millimetres(t1)
    regions = np.where(brain, Region.CEREBRUM, 0).astype(np.uint8)
    regions[_cerebellum(brain, grey + white, atlas > 0, y, z)] = Region.CEREBELLUM
    for region, structures in _DEEP.items():
        labels = [label for label, name in names.items() if name in structures]
        regions[np.isin(atlas, labels) & brain] = region
    ventricles = _lateral_ventricles(brain, csf, x, y, z)
    deep_grey = np.isin(regions, [Region.THALAMUS, Region.DEEP_GREY, Region.BRAINSTEM])
    zone = ndimage.binary_dilation(ventricles, iterations=4) & ~_third_ventricle(x, y, z)
    regions[zone & ~(deep_grey & ~ventricles)] = Region.LATERAL_VENTRICLES
    return Template(t1, brain, grey, white, csf, regions)


def _millimetres(volume: Volume) -> list[NDArray[np.float32]]:
    axes = [
        volume.affine[a, a] * np.arange(n, dtype=np.float32) + volume.affine[a, 3]
        for a, n in enumerate(volume.shape)
    ]
    return list(np.meshgrid(*axes, indexing="ij", sparse=True))


def _third_ventricle(
    x: NDArray[np.float32], y: NDArray[np.float32], z: NDArray[np.float32]
) -> NDArray[np.bool_]:
    middle: NDArray[np.bool_] = (np.abs(x) < 5) & (z < 6) & (y > -40)
    return middle


def _lateral_ventricles(
    brain: NDArray[np.bool_],
    csf: NDArray[np.float32],
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    z: NDArray[np.float32],
) -> NDArray[np.bool_]:
    depth_mm = ndimage.distance_transform_edt(brain)
    fluid = (csf > 0.5) & (depth_mm > 15) & (np.abs(x) < 45) & (y > -62) & (y < 40)
    cistern = (np.abs(x) < 22) & (y < -22) & (z < 8)
    fissure = np.abs(x) < 3
    body = fluid & (z > -4) & (z < 34) & ~cistern & ~fissure & ~_third_ventricle(x, y, z)
    labels, count = ndimage.label(body)
    found = np.arange(1, count + 1)
    size = ndimage.sum_labels(body, labels, found)
    lateral = ndimage.mean(np.broadcast_to(np.abs(x), body.shape), labels, found)
    return np.isin(labels, found[(size >= 500) & (lateral > 8)])


def _cerebellum(
    brain: NDArray[np.bool_],
    tissue: NDArray[np.float32],
    labelled: NDArray[np.bool_],
    y: NDArray[np.float32],
    z: NDArray[np.float32],
) -> NDArray[np.bool_]:
    fossa = brain & (y < -28) & (y > -98) & (z < 2 + 0.12 * (y + 60))
    core = fossa & (tissue > 0.5) & ~ndimage.binary_dilation(labelled, iterations=2)
    core = ndimage.binary_opening(core, iterations=3)
    labels, count = ndimage.label(core)
    if count == 0:
        return np.zeros_like(brain)
    largest = labels == np.argmax(np.bincount(labels.ravel())[1:]) + 1
    grown = ndimage.binary_dilation(largest, iterations=4, mask=fossa & ~labelled)
    return np.asarray(grown, dtype=bool)
