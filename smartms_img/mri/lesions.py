"""White-matter lesions of one visit: segmentation, location, black holes."""

from __future__ import annotations

from dataclasses import dataclass
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


class LesionLocation(StrEnum):
    """McDonald regions, in the order in which a lesion is assigned."""

    INFRATENTORIAL = "IT"
    PERIVENTRICULAR = "PV"
    JUXTACORTICAL = "JC"
    DEEP_WHITE = "DWM"


@dataclass(frozen=True)
class LesionEvidence:
    """FLAIR signal in robust standard deviations above grey matter, and its lesion probability."""

    z: NDArray[np.float32]
    probability: NDArray[np.float32]


def flair_evidence(
    flair: Volume, tissue: Tissue, white_prior: NDArray[np.float32], threshold_z: float
) -> LesionEvidence:
    """Weigh FLAIR signal by where white matter is expected.

    Parameters
    ----------
    flair : Volume
        Bias-corrected FLAIR.
    tissue : Tissue
        Tissue of the T1w on the FLAIR's grid; black holes are grey matter in it.
    white_prior : ndarray
        White-matter probability of the template on the FLAIR's grid: it knows no lesions.
    threshold_z : float
        Signal at which the probability is one half in certain white matter.
    """
    grey = flair.data[(tissue.grey > 0.7) & (flair.data > 0)]
    centre = float(np.median(grey))
    spread = robust_sd(grey) + 1e-6
    z = ((flair.data - centre) / spread).astype(np.float32)
    slope = 2.0
    signal = 1.0 / (1.0 + np.exp(-np.clip(slope * (z - threshold_z), -30, 30)))
    return LesionEvidence(z, (signal * np.clip(white_prior, 0, 1)).astype(np.float32))


def segment_lesions(
    evidence: LesionEvidence,
    tissue: Tissue,
    regions: NDArray[np.integer],
    mask: Mask,
    spacing_mm: tuple[float, float, float],
    *,
    threshold_z: float,
    min_volume_mm3: float,
) -> Mask:
    """Segment FLAIR-hyperintense lesions.

    Certain voxels (probability at least one half) seed lesions that grow into voxels one robust
    standard deviation less bright. Lesions that fluid surrounds (choroid plexus), at the outer
    rim of the brain, or below the smallest volume are dropped.

    Returns
    -------
    ndarray of bool
        Lesion mask on the grid of ``evidence``.
    """
    depth_mm = ndimage.distance_transform_edt(mask, sampling=spacing_mm)
    allowed = mask & (depth_mm > 3.0) & (tissue.csf < 0.5)
    seeds = allowed & (evidence.probability >= 0.5)
    prior = evidence.probability > 0.1
    grown = allowed & prior & (evidence.z > threshold_z - 1.0)
    lesions = ndimage.binary_propagation(seeds, CONNECTIVITY_26, mask=grown | seeds)
    return drop_small(lesions & ~_plexus(lesions, tissue, regions), spacing_mm, min_volume_mm3)


def _plexus(lesions: Mask, tissue: Tissue, regions: NDArray[np.integer]) -> Mask:
    """Return the lesion parts that fluid surrounds: choroid plexus."""
    fluid = (regions == Region.LATERAL_VENTRICLES) & (tissue.csf > 0.5)
    labels, count = ndimage.label(lesions, CONNECTIVITY_26)
    rim = ndimage.grey_dilation(labels, footprint=CONNECTIVITY_26) * ~lesions
    around = np.bincount(rim.ravel(), minlength=count + 1)
    wet = np.bincount(rim[fluid], minlength=count + 1)
    surrounded = wet > 0.7 * np.maximum(around, 1)
    surrounded[0] = False
    return np.asarray(surrounded[labels])


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
    cortex; else deep white matter (Thompson 2018, doi:10.1016/S1474-4422(17)30470-2).
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
