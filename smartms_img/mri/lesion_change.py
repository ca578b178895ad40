"""Lesion change between two visits that lie in one space."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from smartms_img.mri.lesions import CONNECTIVITY_26, drop_small
from smartms_img.mri.session_measures import Value
from smartms_img.robust import robust_sd

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]


class LesionChange(IntEnum):
    """Labels of the lesion change map."""

    NEW = 1
    ENLARGING = 2
    SHRINKING = 3
    RESOLVED = 4


@dataclass(frozen=True)
class ChangeRule:
    """When a lesion counts as changed; the name is written beside every number."""

    min_volume_mm3: float
    signal_z: float
    enlarging_fraction: float
    shrinking_fraction: float

    @property
    def name(self) -> str:
        """Name of the rule with its parameters."""
        return (
            f"joint-signal z>={self.signal_z:g} vol>={self.min_volume_mm3:g}mm3 "
            f"grow>={self.enlarging_fraction:g} shrink>={self.shrinking_fraction:g}"
        )


@dataclass(frozen=True)
class Visit:
    """One visit in the common space: FLAIR, lesion mask and probability, cerebrospinal fluid."""

    flair: Array
    lesions: Mask
    probability: Array
    csf: Array


def signal_change_z(earlier: Array, later: Array, normal: Mask) -> Array:
    """Return the FLAIR change in units of its noise between the visits.

    Parameters
    ----------
    earlier, later : ndarray
        FLAIR of the visits in one space.
    normal : ndarray of bool
        Brain tissue without lesions, in which change is noise.

    Returns
    -------
    ndarray
        Later minus earlier, after both were scaled to median 1 and equal spread in ``normal``;
        0 is the median and 1 the robust standard deviation of the difference in ``normal``.
    """
    a, b = _standard(earlier, normal), _standard(later, normal)
    difference = ndimage.gaussian_filter(b - a, 0.7)
    centre = np.median(difference[normal])
    spread = robust_sd(difference[normal]) + 1e-6
    return ((difference - centre) / spread).astype(np.float32)


def classify_change(
    earlier: Visit, later: Visit, change_z: Array, brain: Mask, voxel_mm: float, rule: ChangeRule
) -> NDArray[np.uint8]:
    """Label new, enlarging, shrinking and resolved lesions.

    A new lesion lies in the later mask, touches no earlier lesion dilated by one voxel, and its
    signal really rose; a resolved one mirrors it. An enlarging (shrinking) lesion gained (lost) a
    fraction of its volume, and a part of at least the smallest volume, by a real change of
    signal. Only voxels that changed are labelled.

    Returns
    -------
    ndarray of uint8
        :class:`LesionChange` labels, 0 elsewhere.
    """
    spacing = (voxel_mm, voxel_mm, voxel_mm)
    # A rim of half a millimetre at the brain's edge or the ventricles is registration error.
    fluid = np.minimum(earlier.csf, later.csf) > 0.5
    trusted = ndimage.binary_erosion(brain, iterations=2) & ~fluid
    result = np.zeros(brain.shape, dtype=np.uint8)
    pairs = (
        (earlier.lesions, later.lesions, change_z, LesionChange.NEW, LesionChange.ENLARGING),
        (later.lesions, earlier.lesions, -change_z, LesionChange.RESOLVED, LesionChange.SHRINKING),
    )
    for before, after, rise, appeared, grew in pairs:
        fraction = (
            rule.enlarging_fraction if grew is LesionChange.ENLARGING else rule.shrinking_fraction
        )
        gained = after & ~before & trusted & (rise > rule.signal_z)
        gained = drop_small(gained, spacing, rule.min_volume_mm3)
        # Parts that touch one lesion belong to it.
        lesion, count = ndimage.label(before | after, CONNECTIVITY_26)
        gain, had, was = (
            np.bincount(lesion[part], minlength=count + 1)
            for part in (gained, before, earlier.lesions)
        )
        result[gained & (had == 0)[lesion]] = appeared
        result[gained & ((had > 0) & (gain >= fraction * was))[lesion]] = grew
    return result


def change_values(
    change: NDArray[np.uint8], lesions: Mask, atrophied: Mask, voxel_mm: float
) -> list[Value]:
    """Return counts and volumes (mL) of changed lesions, and atrophied lesion volume.

    Parameters
    ----------
    change : ndarray of uint8
        :class:`LesionChange` labels.
    lesions : ndarray of bool
        Lesions of either visit: a lesion that changed in two places counts once.
    atrophied : ndarray of bool
        Earlier lesion that is fluid later.
    voxel_mm : float
        Edge of the isotropic voxels.

    Examples
    --------
    >>> change = np.zeros((4, 4, 4), dtype=np.uint8); change[1:3, 1:3, 1:3] = LesionChange.NEW
    >>> [(v.paramcd, v.value) for v in change_values(change, change > 0, change > 9, 1.0)][:2]
    [('NEWLN', 1.0), ('NEWLV', 0.008)]
    """
    ml = voxel_mm**3 / 1000.0
    count, volume = {}, {}
    lesion, _ = ndimage.label(lesions | (change > 0), CONNECTIVITY_26)
    for label in LesionChange:
        part = change == label
        count[label] = float(len(np.unique(lesion[part])))
        volume[label] = float(part.sum() * ml)
    return [
        Value("NEWLN", "", count[LesionChange.NEW]),
        Value("NEWLV", "", volume[LesionChange.NEW]),
        Value("ENLLN", "", count[LesionChange.ENLARGING]),
        Value("ENLLV", "", volume[LesionChange.ENLARGING]),
        Value("SHRLN", "", count[LesionChange.SHRINKING]),
        Value("RESLN", "", count[LesionChange.RESOLVED]),
        Value("ATLV", "", float(atrophied.sum() * ml)),
    ]


def _standard(flair: Array, normal: Mask) -> Array:
    values = flair[normal]
    centre = np.median(values)
    spread = robust_sd(values) + 1e-6
    return ((flair - centre) / spread).astype(np.float32)
