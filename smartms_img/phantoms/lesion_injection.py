"""Lesions put into real scans of 1 mm voxels, at the contrast of the patient's own lesions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.filters import threshold_multiotsu

from smartms_img.phantoms.lesions import EDGE_MM, Lesion, LesionFate

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]

# Diameters in mm of the lesions of one follow-up; of those that change, the larger of both.
INJECTED_MM: tuple[tuple[LesionFate, float], ...] = (
    (LesionFate.NEW, 3.0),
    (LesionFate.NEW, 4.0),
    (LesionFate.NEW, 5.0),
    (LesionFate.NEW, 6.0),
    (LesionFate.NEW, 8.0),
    (LesionFate.NEW, 12.0),
    (LesionFate.ENLARGING, 7.0),
    (LesionFate.ENLARGING, 9.0),
    (LesionFate.SHRINKING, 7.0),
    (LesionFate.SHRINKING, 9.0),
)
_CLEAR_MM = 4.0
_BLUR_MM = 0.5
# Signal of white matter about a lesion is that within this distance.
_AROUND_MM = 4.0


@dataclass(frozen=True)
class OwnContrast:
    """Signal of a patient's lesions relative to white matter, medians."""

    flair: float
    t1w: float


def white_matter(t1w: Array) -> Mask:
    """Return the brightest of three classes of a skull-stripped T1w, without islands."""
    inside = t1w > 0
    # A few bright vessels would have a class of their own.
    low, high = np.percentile(t1w[inside], (1, 98))
    _, bright = threshold_multiotsu(np.clip(t1w[inside], low, high), classes=3)
    labels, _ = ndimage.label(inside & (t1w > bright))
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray(labels == sizes.argmax())


def own_contrast(flair: Array, t1w: Array, lesions: Mask, white: Mask) -> OwnContrast:
    """Return the contrast of a patient's lesions, without their rim where they are thick."""
    core = ndimage.binary_erosion(lesions)
    where = core if core.sum() >= 20 else lesions
    normal = white & ~ndimage.binary_dilation(lesions, iterations=2)
    ratio = [float(np.median(image[where]) / np.median(image[normal])) for image in (flair, t1w)]
    return OwnContrast(*ratio)


def place_in_white_matter(
    white: Mask, lesions: Mask, rng: np.random.Generator
) -> tuple[Lesion, ...]:
    """Draw the lesions of ``INJECTED_MM`` clear of each other and of the patient's own.

    Larger ones may reach out of white matter by a third of their radius. A size for which there
    is no place is left out.
    """
    depth = ndimage.distance_transform_edt(white).astype(np.float32)
    clear = ndimage.distance_transform_edt(~lesions).astype(np.float32)
    placed: list[Lesion] = []
    for fate, diameter in sorted(INJECTED_MM, key=lambda item: -item[1]):
        axes = 0.5 * diameter * rng.uniform(0.85, 1.15, 3)
        axes *= 0.5 * diameter / np.prod(axes) ** (1 / 3)
        reach = float(axes.max())
        free = (depth > 0.67 * reach + 0.5) & (clear > reach + _CLEAR_MM)
        candidates = np.argwhere(free)
        for other in placed:
            apart = np.linalg.norm(candidates - np.array(other.centre_mm), axis=1)
            candidates = candidates[apart > reach + max(other.semi_axes_mm) + _CLEAR_MM]
        if len(candidates):
            x, y, z = candidates[rng.integers(len(candidates))] + rng.uniform(-0.4, 0.4, 3)
            a, b, c = axes
            placed.append(Lesion((x, y, z), (a, b, c), fate, False, False))
    return tuple(placed)


def inject(
    image: Array, white: Mask, lesions: Sequence[Lesion], visit: int, ratio: float
) -> Array:
    """Return an image with lesions whose signal is a multiple of that of the white matter around.

    Parameters
    ----------
    image : ndarray, shape (i, j, k)
        1 mm voxels.
    white : ndarray of bool
        White matter.
    lesions : sequence of Lesion
        Centres are voxel indices.
    visit : int
        0 or 1: before or after the change.
    ratio : float
        Signal of lesion over white matter.
    """
    share = lesion_share(lesions, visit, image.shape)
    weight = ndimage.gaussian_filter(white.astype(np.float32), _AROUND_MM)
    around = ndimage.gaussian_filter(np.where(white, image, 0).astype(np.float32), _AROUND_MM)
    target = ratio * around / np.maximum(weight, 1e-3)
    inside = ndimage.gaussian_filter(share, _BLUR_MM) * (image > 0)
    return np.asarray(image + inside * (target - image), dtype=np.float32)


def lesion_share(lesions: Sequence[Lesion], visit: int, shape: tuple[int, ...]) -> Array:
    """Return the share of lesion in each voxel of 1 mm at a visit."""
    share = np.zeros(shape, dtype=np.float32)
    for lesion in lesions:
        reach = max(lesion.semi_axes_mm) + EDGE_MM + 1
        box = tuple(
            slice(max(0, int(c - reach)), min(n, int(c + reach) + 2))
            for c, n in zip(lesion.centre_mm, shape, strict=True)
        )
        axes = [np.arange(part.start, part.stop, dtype=np.float32) for part in box]
        points = np.stack(np.meshgrid(*axes, indexing="ij"))
        share[box] = np.maximum(share[box], lesion.weight(points, visit))
    return share
