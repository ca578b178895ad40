"""The brain mask: is the scan already stripped, and which voxels belong."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from smartms_img.volume import Volume

Mask = NDArray[np.bool_]

_LARGEST_INTRACRANIAL_ML = 2050.0
_BRIGHTEST_TO_MEDIAN = 1.9


def is_skull_stripped(scan: Volume) -> bool:
    """Tell a skull-stripped scan from a whole head.

    A stripped scan is zero (one constant) outside the brain, and what is not zero is no larger
    than the largest intracranial volume; a head with a zeroed background is larger.
    """
    foreground = scan.data != scan.data.flat[0]
    volume_ml = foreground.sum() * scan.voxel_volume_mm3 / 1000.0
    return bool(volume_ml < _LARGEST_INTRACRANIAL_ML and foreground.mean() < 0.75)


def foreground_mask(scan: Volume) -> Mask:
    """Return the brain mask of a skull-stripped scan: what is not background, filled."""
    # Cubic resampling by other programs leaves ringing outside the brain.
    positive = scan.data[scan.data > 0]
    inside = scan.data > 0.05 * np.percentile(positive, 90)
    inside = largest_component(ndimage.binary_closing(inside, ball(2.0, scan.spacing_mm)))
    return np.asarray(ndimage.binary_fill_holes(inside))


def shown(scan: Volume) -> NDArray[np.float32]:
    """Return 1 where a scan shows something, 0 where it was blanked; dark tissue is no hole.

    >>> data = np.ones((3, 3, 5), dtype=np.float32); data[1, 1, 1] = 0; data[..., 3:] = 0
    >>> shown(Volume(data, np.eye(4)))[1, 1].tolist()
    [1.0, 1.0, 1.0, 0.0, 0.0]
    """
    return np.asarray(ndimage.binary_fill_holes(scan.data > 0), dtype=np.float32)


def refine_head_mask(head: Volume, mask: Mask, plausible: Mask) -> Mask:
    """Cut what a deformable surface took too much of.

    Parameters
    ----------
    head : Volume
        Bias-corrected T1w.
    mask : ndarray of bool
        First mask.
    plausible : ndarray of bool
        Where a brain can be, from the template.

    Returns
    -------
    ndarray of bool
        Largest smooth part of ``mask`` that is plausible and not as bright as fat.
    """
    core = ndimage.binary_erosion(mask, ball(6.0, head.spacing_mm))
    bright = head.data > _BRIGHTEST_TO_MEDIAN * np.median(head.data[core])
    fat = ndimage.binary_dilation(bright & ~core, ball(2.0, head.spacing_mm))
    opened = ndimage.binary_opening(mask & plausible & ~fat, ball(4.0, head.spacing_mm))
    closed = ndimage.binary_closing(largest_component(opened), ball(3.0, head.spacing_mm))
    return np.asarray(ndimage.binary_fill_holes(closed & mask))


def largest_component(mask: Mask) -> Mask:
    """Keep the largest face-connected part of a mask."""
    labels, count = ndimage.label(mask)
    if count < 2:
        return mask
    return np.asarray(labels == np.argmax(np.bincount(labels.ravel())[1:]) + 1)


def ball(radius_mm: float, spacing_mm: tuple[float, float, float]) -> Mask:
    """Return a ball as structuring element for voxels of a given size.

    >>> ball(1.0, (1.0, 1.0, 3.0)).shape
    (3, 3, 1)
    """
    half = [int(radius_mm / size) for size in spacing_mm]
    axes = np.meshgrid(*[np.arange(-n, n + 1) for n in half], indexing="ij", sparse=True)
    squared = sum((axis * size) ** 2 for axis, size in zip(axes, spacing_mm, strict=True))
    return np.asarray(squared <= radius_mm**2 + 1e-9)


def edge_fraction(mask: Mask) -> float:
    """Return the share of a mask's voxels that lie on the border of the field of view."""
    if not mask.any():
        return 0.0
    border = mask.copy()
    border[1:-1, 1:-1, 1:-1] = False
    return float(border.sum() / mask.sum())


def dilate(mask: Mask, radius_mm: float, spacing_mm: tuple[float, float, float]) -> Mask:
    """Grow a mask by a distance in mm."""
    if not mask.any():
        return mask
    return np.asarray(ndimage.distance_transform_edt(~mask, sampling=spacing_mm) <= radius_mm)


def erode(mask: Mask, depth_mm: float, spacing_mm: tuple[float, float, float]) -> Mask:
    """Shrink a mask by a distance in mm; the border of the field of view counts as outside."""
    padded = np.pad(mask, 1)
    depth = ndimage.distance_transform_edt(padded, sampling=spacing_mm)[1:-1, 1:-1, 1:-1]
    return np.asarray(depth > depth_mm)
