"""Lesion change between two visits that lie in one space."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from smartms_img.mri.lesions import CONNECTIVITY_26, drop_small, smooth_within
from smartms_img.mri.session_measures import Value
from smartms_img.robust import robust_sd

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]

_BLUR_VOXELS = 0.7
_DRIFT_MM = 20.0
_SLOPE_BINS = 20
_NEAR_MM = 10.0
_APART_MM = 3.0
_LIKELIER = 0.5
_NEW_SHARE = 0.25
_EVIDENT_TIMES = 4.0
_BRIGHT_SPREADS = 2.0
_CLOSING_VOXELS = 2


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
    weak_probability: float
    enlarging_fraction: float
    shrinking_fraction: float

    @property
    def name(self) -> str:
        """Name of the rule with its parameters."""
        return (
            f"joint-signal z>={self.signal_z:g} p>={self.weak_probability:g} "
            f"vol>={self.min_volume_mm3:g}mm3 "
            f"grow>={self.enlarging_fraction:g} shrink>={self.shrinking_fraction:g}"
        )


@dataclass(frozen=True)
class Visit:
    """One visit in the common space: FLAIR, lesion mask and probability, cerebrospinal fluid."""

    flair: Array
    lesions: Mask
    probability: Array
    csf: Array


def signal_change_z(earlier: Array, later: Array, normal: Mask, voxel_mm: float) -> Array:
    """Return the FLAIR change in units of its noise between the visits.

    Parameters
    ----------
    earlier, later : ndarray
        FLAIR of the visits in one space.
    normal : ndarray of bool
        Brain tissue without lesions, in which change is noise.
    voxel_mm : float
        Edge of the isotropic voxels.

    Returns
    -------
    ndarray
        Later minus earlier, after both were scaled to equal spread in ``normal``, and what varies
        over centimetres or comes of another sharpness was taken out. Noise grows with the slope
        of the signal, for no two visits lie on each other exactly: 1 is the SD of the difference
        in ``normal`` where the slope is the same.
    """
    if not normal.any():
        return np.zeros_like(earlier)
    a, b = (_standard(image, normal, voxel_mm) for image in (earlier, later))
    difference = ndimage.gaussian_filter(b - a, _BLUR_VOXELS)
    difference -= _drift(difference, normal, voxel_mm)
    mean = ndimage.gaussian_filter(0.5 * (a + b), _BLUR_VOXELS)
    difference -= _other_sharpness(difference, mean, normal)
    slope = np.sqrt(sum(np.square(part) for part in np.gradient(mean, voxel_mm)))
    return np.asarray(difference / _noise(difference, slope, normal), dtype=np.float32)


def trusted_change_z(earlier: Visit, later: Visit, brain: Mask, voxel_mm: float) -> Array:
    """Return :func:`signal_change_z`, and 0 where it is no sign of lesion change.

    That is what is fluid at both visits (a lesion may turn to fluid), and within two voxels of the
    edge of ``brain``, where a rim of half a millimetre is registration error.

    Parameters
    ----------
    earlier, later : Visit
        In one space.
    brain : ndarray of bool
        Brain that the FLAIR of both visits shows.
    voxel_mm : float
        Edge of the isotropic voxels.
    """
    lesions = earlier.lesions | later.lesions
    normal = (earlier.csf < 0.1) & (later.csf < 0.1) & brain & ~lesions
    trusted = ndimage.binary_erosion(brain, iterations=2)
    trusted &= np.minimum(earlier.csf, later.csf) <= 0.5
    return signal_change_z(earlier.flair, later.flair, normal, voxel_mm) * trusted


def joint_lesions(
    earlier: Visit, later: Visit, change_z: Array, voxel_mm: float, rule: ChangeRule
) -> tuple[Mask, Mask]:
    """Decide for both visits together where lesions are.

    Two segmentations of one unchanged lesion differ at its rim. There the mean of both
    probabilities decides for both visits, but for parts where the signal changed as well: lesion
    of one visit and not of the other, of at least the smallest volume.

    Parameters
    ----------
    earlier, later : Visit
        In one space.
    change_z : ndarray
        Signal change, as :func:`signal_change_z` gives it; 0 where it is not to be trusted.
    voxel_mm : float
        Edge of the isotropic voxels.
    rule : ChangeRule
        Thresholds.

    Returns
    -------
    earlier, later : ndarray of bool
        Lesions that differ only where the signal changed.
    """
    spacing = (voxel_mm, voxel_mm, voxel_mm)
    tissue = (change_z != 0) & (np.maximum(earlier.csf, later.csf) < 0.1)
    tissue &= ~(earlier.lesions | later.lesions)
    bright_before, bright_after = _bright(earlier, tissue), _bright(later, tissue)
    gained = _appeared(earlier, later, bright_after, change_z, voxel_mm, rule)
    lost = _appeared(later, earlier, bright_before, -change_z, voxel_mm, rule)
    likely = 0.5 * (earlier.probability + later.probability) >= 0.5
    pooled = (earlier.lesions & later.lesions) | ((earlier.lesions | later.lesions) & likely)
    inside = _surrounded(bright_before & bright_after, gained | lost)
    pooled |= inside
    pooled = drop_small(pooled | gained | lost, spacing, rule.min_volume_mm3) & pooled
    before, after = (pooled & ~gained) | lost, (pooled & ~lost) | gained
    return (
        _without_halo(before, after, (earlier, later), gained, inside),
        _without_halo(after, before, (later, earlier), lost, inside),
    )


def _without_halo(
    here: Mask, there: Mask, visits: tuple[Visit, Visit], appeared: Mask, inside: Mask
) -> Mask:
    """Take from a visit what only surrounds a lesion that appeared at the other visit.

    A mask drawn wide, or the edge of the brain where no signal is trusted, would make a new lesion
    one that grew. A lesion that is likely at this visit as well, or of which less than a quarter
    appeared, is no new one: one visit just shows it, and the other just does not.
    """
    visit = visits[0]
    lesion, count = ndimage.label(here | there, CONNECTIVITY_26)
    own, new, size = (
        np.bincount(lesion[part], minlength=count + 1)
        for part in (visit.lesions | inside, appeared, here | there)
    )
    likely, likely_there = (
        np.bincount(lesion.ravel(), part.probability.ravel(), count + 1) for part in visits
    )
    unlikely = likely <= _LIKELIER * likely_there
    return here & ~((own == 0) & unlikely & (new > 0) & (new >= _NEW_SHARE * size))[lesion]


def _appeared(
    before: Visit, after: Visit, bright: Mask, rise: Array, voxel_mm: float, rule: ChangeRule
) -> Mask:
    """Return lesion of one visit and not of the other, where the signal rose; with its rim.

    A weak probability suffices where the signal rose twice as much as it has to, and none is
    needed where it rose four times as much, from tissue to brighter than tissue is. Of a small
    lesion the segmentation may know no more than a voxel: there the lesion reaches as far, but no
    more than two voxels, as the signal rose by half of what it did at the peak.
    """
    weak = (after.probability >= rule.weak_probability) & (rise > 2 * rule.signal_z)
    here = after.lesions | (after.probability >= 0.5) | weak
    # A lesion that one visit just shows, and the other just does not, is likely at both.
    unlikely = before.probability <= _LIKELIER * after.probability
    evident = (rise > _EVIDENT_TIMES * rule.signal_z) & bright & (before.csf <= 0.5)
    evident = drop_small(evident, (voxel_mm, voxel_mm, voxel_mm), rule.min_volume_mm3)
    core = ((here & unlikely) | evident) & ~before.lesions & (rise > rule.signal_z)
    peak = ndimage.maximum_filter(np.where(core, rise, 0), size=5)
    strong = ~before.lesions & (rise > 2 * rule.signal_z) & (rise >= 0.5 * peak)
    core = ndimage.binary_dilation(core, CONNECTIVITY_26, iterations=2, mask=core | strong)
    core = drop_small(core, (voxel_mm, voxel_mm, voxel_mm), rule.min_volume_mm3)
    rim = ndimage.binary_dilation(core, CONNECTIVITY_26) & after.lesions & ~before.lesions
    return np.asarray(core | (rim & (rise > 0)))


def _bright(visit: Visit, tissue: Mask) -> Mask:
    """Return where FLAIR is two spreads of tissue above its median."""
    if not tissue.any():
        return tissue
    usual = visit.flair[tissue]
    return np.asarray(visit.flair > np.median(usual) + _BRIGHT_SPREADS * robust_sd(usual))


def _surrounded(bright: Mask, changed: Mask) -> Mask:
    """Return what is bright at both visits inside a shell that changed: the lesion that did.

    The segmentation may have missed it at both visits; what changed is then no new lesion.
    """
    inside = ndimage.binary_closing(changed, CONNECTIVITY_26, iterations=_CLOSING_VOXELS)
    return np.asarray(ndimage.binary_fill_holes(inside) & ~changed & bright)


def classify_change(
    earlier: Mask, later: Mask, voxel_mm: float, rule: ChangeRule
) -> NDArray[np.uint8]:
    """Label new, enlarging, shrinking and resolved lesions.

    Lesions are connected over both visits, so one that merged or split is one. One without any
    voxel at the earlier visit is new, one without any at the later visit is resolved; so is a
    part that only touches another lesion: most of it lies more than 3 mm from that, and it does
    not surround it. One that
    gained (lost) a fraction of the volume that it had within a centimetre of that part is
    enlarging (shrinking): of confluent lesions only the neighbourhood counts.

    Parameters
    ----------
    earlier, later : ndarray of bool
        Lesions, as :func:`joint_lesions` gives them.
    voxel_mm : float
        Edge of the isotropic voxels.
    rule : ChangeRule
        Thresholds.

    Returns
    -------
    ndarray of uint8
        :class:`LesionChange` labels of the voxels that changed, 0 elsewhere.
    """
    result = np.zeros(earlier.shape, dtype=np.uint8)
    lesion, count = ndimage.label(earlier | later, CONNECTIVITY_26)
    kinds = (
        (earlier, later, rule.enlarging_fraction, LesionChange.NEW, LesionChange.ENLARGING),
        (later, earlier, rule.shrinking_fraction, LesionChange.RESOLVED, LesionChange.SHRINKING),
    )
    for before, after, fraction, appeared, grew in kinds:
        gained = after & ~before
        if not gained.any():
            continue
        fresh = _apart(gained, before, voxel_mm)
        grown = gained & ~fresh
        near = ndimage.distance_transform_edt(~grown, sampling=voxel_mm) <= _NEAR_MM
        gain, had, was = (
            np.bincount(lesion[part], minlength=count + 1)
            for part in (grown, before, earlier & near)
        )
        result[fresh | (grown & (had == 0)[lesion])] = appeared
        result[grown & ((had > 0) & (gain >= fraction * was))[lesion]] = grew
    return result


def _apart(gained: Mask, before: Mask, voxel_mm: float) -> Mask:
    """Return the parts that only touch what was there: apart from it, and not all round it."""
    fresh = np.zeros(gained.shape, dtype=bool)
    if not before.any():
        return gained
    part, count = ndimage.label(gained, CONNECTIVITY_26)
    far = ndimage.distance_transform_edt(~before, sampling=voxel_mm) > _APART_MM
    size, apart = (np.bincount(part[mask], minlength=count + 1) for mask in (gained, gained & far))
    old, _ = ndimage.label(before, CONNECTIVITY_26)
    edge = before & ~ndimage.binary_erosion(before, CONNECTIVITY_26)
    # Number 0 is what was not gained, and holds none of it.
    for number in np.flatnonzero(apart > 0.5 * size):
        here = part == number
        touched = ndimage.binary_dilation(here, CONNECTIVITY_26) & edge
        whole = edge & np.isin(old, np.unique(old[touched]))
        if touched.sum() <= 0.5 * whole.sum():
            fresh |= here
    return fresh


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


def _standard(flair: Array, normal: Mask, voxel_mm: float) -> Array:
    """Scale to median 0 and spread 1, of what two millimetres have in common: not noise."""
    smooth = smooth_within(flair, normal, 2.0 / voxel_mm)[normal]
    spread = robust_sd(smooth) + 1e-6
    return ((flair - np.median(smooth)) / spread).astype(np.float32)


def _drift(difference: Array, normal: Mask, voxel_mm: float) -> Array:
    """Return what bias fields leave of a difference; single changes hardly move it."""
    centre, spread = np.median(difference[normal]), robust_sd(difference[normal])
    usual = np.clip(difference, centre - 2 * spread, centre + 2 * spread)
    return smooth_within(usual, normal, _DRIFT_MM / voxel_mm)


def _other_sharpness(difference: Array, mean: Array, normal: Mask) -> Array:
    """Return what one visit being sharper makes of a difference: a multiple of the Laplacian.

    That is the first order of a blur, fitted where the difference is no lesion that changed.
    """
    bend = ndimage.laplace(mean)
    x, y = bend[normal], difference[normal]
    usual = np.abs(y) <= 3 * (robust_sd(y) + 1e-6)
    power = float(np.square(x[usual]).sum())
    share = float((x[usual] * y[usual]).sum()) / power if power > 0 else 0.0
    return np.asarray(np.float32(share) * bend)


def _noise(difference: Array, slope: Array, normal: Mask) -> Array:
    """Fit the variance of a difference by a constant and the square of the slope."""
    values, slopes = difference[normal], slope[normal]
    edges = np.quantile(slopes, np.linspace(0, 1, _SLOPE_BINS + 1)[1:-1])
    place = np.digitize(slopes, edges)
    filled = [n for n in range(_SLOPE_BINS) if (place == n).sum() > 20]
    if not filled:
        return np.full(slope.shape, max(float(robust_sd(values)), 1e-6), dtype=np.float32)
    variance = [robust_sd(values[place == n]) ** 2 for n in filled]
    steep = [float(np.median(slopes[place == n]) ** 2) for n in filled]
    grows, least = np.polyfit(steep, variance, 1) if len(filled) > 1 else (0.0, variance[0])
    flat = max(float(least), 0.25 * float(np.median(variance)), 1e-12)
    return np.asarray(np.sqrt(flat + max(float(grows), 0.0) * slope**2))
