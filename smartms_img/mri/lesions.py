"""White-matter lesions of one visit: segmentation, location, black holes."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from smartms_img.mri.atlas import Region
from smartms_img.mri.tissue import Tissue
from smartms_img.robust import robust_sd
from smartms_img.volume import Volume

Mask = NDArray[np.bool_]

CONNECTIVITY_26 = np.ones((3, 3, 3), dtype=bool)

# Share of the probability of a certain voxel that suffices beside one.
_GROWN = 0.4
# White matter less likely to be lesion than this says how bright white matter is.
_NORMAL = 0.05
_NEARBY_MM = 4.0


class LesionLocation(StrEnum):
    """McDonald regions, in the order in which a lesion is assigned."""

    INFRATENTORIAL = "IT"
    PERIVENTRICULAR = "PV"
    JUXTACORTICAL = "JC"
    DEEP_WHITE = "DWM"


def signal_above_grey(flair: Volume, grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return FLAIR signal above the median of grey matter, in its robust standard deviations.

    Parameters
    ----------
    flair : Volume
        Bias-corrected FLAIR.
    grey : ndarray
        Posterior of grey matter on its grid; black holes may be in it.

    Returns
    -------
    ndarray of float32
        Infinite where there is no grey matter to compare with.
    """
    sample = flair.data[(grey > 0.7) & (flair.data > 0)]
    if sample.size == 0:
        return np.full(flair.shape, np.inf, dtype=np.float32)
    z = (flair.data - np.median(sample)) / (robust_sd(sample) + 1e-6)
    return np.asarray(z, dtype=np.float32)


def segment_lesions(
    probability: NDArray[np.float32],
    flair_z: NDArray[np.float32],
    white: NDArray[np.float32],
    mask: Mask,
    spacing_mm: tuple[float, float, float],
    *,
    least_probability: float,
    least_z: float,
    min_volume_mm3: float,
) -> Mask:
    """Return the lesions of a visit.

    A lesion has a voxel of at least ``least_probability`` and one of at least ``least_z``. From
    there it reaches through less likely voxels to where the signal is half way between white
    matter and the lesion: a blurred edge lies at half its height.

    Parameters
    ----------
    probability : ndarray
        Probability of lesion in each voxel.
    flair_z : ndarray
        Signal above grey matter, in its standard deviations; where it is negative is no lesion.
    white : ndarray
        Posterior of white matter.
    mask : ndarray of bool
        Brain.
    spacing_mm : tuple of float
        Voxel size.
    least_probability : float
        Of the most certain voxel, 0 to 1.
    least_z : float
        Of the brightest voxel.
    min_volume_mm3 : float
        Smaller 26-connected parts are dropped.
    """
    certain = probability >= least_probability
    normal = (white > 0.6) & (probability < _NORMAL) & mask
    white_z = float(np.median(flair_z[normal])) if normal.any() else 0.0
    nearby = [_NEARBY_MM / step for step in spacing_mm]
    border_z = 0.5 * (white_z + smooth_within(flair_z, certain, nearby))
    likely = mask & (probability >= _GROWN * least_probability)
    likely &= (flair_z >= 0) & (flair_z >= border_z)
    for needed in (certain, flair_z >= least_z):
        likely = ndimage.binary_propagation(likely & needed, CONNECTIVITY_26, mask=likely)
    return drop_small(likely, spacing_mm, min_volume_mm3)


def smooth_within(
    image: NDArray[np.float32], mask: Mask, sigma: float | Sequence[float]
) -> NDArray[np.float32]:
    """Return the Gaussian mean (sigma in voxels) of the masked voxels about each voxel."""
    weight = ndimage.gaussian_filter(mask.astype(np.float32), sigma)
    total = ndimage.gaussian_filter(np.where(mask, image, 0).astype(np.float32), sigma)
    return np.asarray(total / np.maximum(weight, 1e-6))


def drop_small(mask: Mask, spacing_mm: tuple[float, float, float], min_volume_mm3: float) -> Mask:
    """Keep the 26-connected parts of at least a volume.

    >>> grid = np.zeros((5, 5, 5), dtype=bool); grid[0, 0, 0] = grid[2:4, 2:4, 2:4] = True
    >>> int(drop_small(grid, (1.0, 1.0, 1.0), 8.0).sum())
    8
    """
    labels, count = ndimage.label(mask, CONNECTIVITY_26)
    voxels = np.bincount(labels.ravel(), minlength=count + 1)
    keep = voxels * np.prod(spacing_mm) >= min_volume_mm3 - 1e-6
    keep[0] = False
    return np.asarray(keep[labels])


def lesion_locations(
    labels: NDArray[np.integer],
    tissue: Tissue,
    regions: NDArray[np.integer],
    spacing_mm: tuple[float, float, float],
    *,
    touch_mm: float = 2.0,
) -> list[LesionLocation]:
    """Return the McDonald region of each lesion label 1..n.

    Infratentorial if most of it lies in brainstem or cerebellum; else periventricular if it comes
    within ``touch_mm`` of the lateral ventricles; else juxtacortical if it comes as near to
    cortex; else deep white matter (Thompson 2018, doi:10.1016/S1474-4422(17)30470-2). Half the
    longest edge of a voxel is added to ``touch_mm``, for distances are between centres.
    """
    count = int(labels.max())
    if count == 0:
        return []
    found = np.arange(1, count + 1)
    below = np.isin(regions, [Region.BRAINSTEM, Region.CEREBELLUM])
    fluid = (regions == Region.LATERAL_VENTRICLES) & (tissue.csf > 0.5)
    cortex = (regions == Region.CEREBRUM) & (tissue.grey > 0.7)
    share_below = ndimage.mean(below, labels, found)
    to_fluid = _nearest_mm(fluid, labels, found, spacing_mm)
    to_cortex = _nearest_mm(cortex, labels, found, spacing_mm)
    reach = touch_mm + max(spacing_mm) / 2
    locations = []
    for n in range(count):
        if share_below[n] > 0.5:
            locations.append(LesionLocation.INFRATENTORIAL)
        elif to_fluid[n] <= reach:
            locations.append(LesionLocation.PERIVENTRICULAR)
        elif to_cortex[n] <= reach:
            locations.append(LesionLocation.JUXTACORTICAL)
        else:
            locations.append(LesionLocation.DEEP_WHITE)
    return locations


def black_holes(lesions: Mask, t1: NDArray[np.float32], grey: NDArray[np.float32]) -> Mask:
    """Return the part of T2 lesions whose T1w signal is at or below the median of grey matter."""
    reference = float(np.median(t1[(grey > 0.8) & ~lesions]))
    return lesions & (t1 <= reference)


def _nearest_mm(
    target: Mask,
    labels: NDArray[np.integer],
    found: NDArray[np.integer],
    spacing_mm: tuple[float, float, float],
) -> NDArray[np.float64]:
    if not target.any():
        return np.full(len(found), np.inf)
    distance = ndimage.distance_transform_edt(~target, sampling=spacing_mm)
    return np.asarray(ndimage.minimum(distance, labels, found))
