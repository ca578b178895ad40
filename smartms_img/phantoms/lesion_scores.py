"""Scores of lesion masks: voxel by voxel and lesion by lesion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.bool_]

_CONNECTIVITY = np.ones((3, 3, 3), dtype=bool)
# A lesion counts as found if this share of it is (Commowick 2018,
# doi:10.1038/s41598-018-31911-7).
LEAST_OVERLAP = 0.1


@dataclass(frozen=True)
class MaskScore:
    """How a mask agrees with a true one.

    Attributes
    ----------
    dice : float
        1 where both are empty.
    true_lesions, found_lesions : int
        Of at least the smallest volume.
    sensitivity, ppv : float
        Shares of true lesions that were found, and of found lesions that are true; 1 where
        there are none.
    volume_ml, true_volume_ml : float
        Volumes of the masks.
    """

    dice: float
    true_lesions: int
    found_lesions: int
    sensitivity: float
    ppv: float
    volume_ml: float
    true_volume_ml: float

    @property
    def f1(self) -> float:
        """Harmonic mean of sensitivity and PPV."""
        total = self.sensitivity + self.ppv
        return 2 * self.sensitivity * self.ppv / total if total else 0.0


def score_mask(found: Mask, true: Mask, voxel_mm3: float, min_volume_mm3: float) -> MaskScore:
    """Compare a lesion mask with a true one on the same grid.

    Examples
    --------
    >>> true = np.zeros((9, 9, 9), dtype=bool); true[1:4, 1:4, 1:4] = True
    >>> score = score_mask(np.roll(true, 1, axis=0), true, 1.0, 14.0)
    >>> round(score.dice, 3), score.f1
    (0.667, 1.0)
    """
    both = float((found & true).sum())
    total = float(found.sum() + true.sum())
    hits, true_lesions = _covered(true, found, voxel_mm3, min_volume_mm3)
    right, found_lesions = _covered(found, true, voxel_mm3, min_volume_mm3)
    return MaskScore(
        dice=2 * both / total if total else 1.0,
        true_lesions=true_lesions,
        found_lesions=found_lesions,
        sensitivity=hits / true_lesions if true_lesions else 1.0,
        ppv=right / found_lesions if found_lesions else 1.0,
        volume_ml=float(found.sum()) * voxel_mm3 / 1000.0,
        true_volume_ml=float(true.sum()) * voxel_mm3 / 1000.0,
    )


def _covered(lesions: Mask, by: Mask, voxel_mm3: float, min_volume_mm3: float) -> tuple[int, int]:
    """Return how many lesions are covered by another mask, and how many there are."""
    labels, count = ndimage.label(lesions, _CONNECTIVITY)
    voxels = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    covered = np.bincount(labels[by], minlength=count + 1)[1:]
    large = voxels * voxel_mm3 >= min_volume_mm3 - 1e-6
    share = covered / np.maximum(voxels, 1)
    return int((large & (share >= LEAST_OVERLAP)).sum()), int(large.sum())


@dataclass(frozen=True)
class Figure:
    """One figure of the benchmark: what it says, of which case, of how many things."""

    test: str
    case: str
    statistic: str
    value: float
    count: int


@dataclass(frozen=True)
class InjectedLesion:
    """A lesion whose change was injected: its fate, largest diameter, and whether it was found."""

    fate: str
    diameter_mm: float
    found: bool


@dataclass(frozen=True)
class PairResult:
    """What was found in a pair of visits whose change is known.

    Attributes
    ----------
    injected : tuple of InjectedLesion
        Empty for a stable pair.
    false_lesions : dict of str to int
        Connected changes that touch no injected one, by class.
    """

    injected: tuple[InjectedLesion, ...]
    false_lesions: dict[str, int]


def pair_result(found: Mapping[str, Mask], true: Sequence[tuple[str, float, Mask]]) -> PairResult:
    """Compare found with injected change.

    Parameters
    ----------
    found : mapping of str to ndarray of bool
        Changed voxels by class.
    true : sequence of (str, float, ndarray of bool)
        Class, diameter in mm and changed voxels of each injected lesion.
    """
    injected = []
    known = np.zeros(next(iter(found.values())).shape, dtype=bool)
    for fate, diameter_mm, region in true:
        share = found[fate][region].mean() if region.any() else 0.0
        injected.append(InjectedLesion(fate, diameter_mm, bool(share >= LEAST_OVERLAP)))
        known |= region
    false = {}
    for fate, mask in found.items():
        labels, count = ndimage.label(mask, _CONNECTIVITY)
        false[fate] = count - len(np.unique(labels[known & mask]))
    return PairResult(tuple(injected), false)


def pair_figures(results: Mapping[str, PairResult]) -> list[Figure]:
    """Return sensitivity for injected change, and false change by class."""
    figures: list[Figure] = []
    lesions = [lesion for result in results.values() for lesion in result.injected]
    groups = {
        "new, 4 mm or more": [x for x in lesions if x.fate == "new" and x.diameter_mm >= 3.99],
        "new, less than 4 mm": [x for x in lesions if x.fate == "new" and x.diameter_mm < 3.99],
        "enlarging": [x for x in lesions if x.fate == "enlarging"],
        "shrinking": [x for x in lesions if x.fate == "shrinking"],
    }
    for name, group in groups.items():
        if group:
            share = float(np.mean([lesion.found for lesion in group]))
            figures.append(Figure("injected", name, "sensitivity", share, len(group)))
    for test, own in (
        ("stable", [r for r in results.values() if not r.injected]),
        ("injected", [r for r in results.values() if r.injected]),
    ):
        for fate in own[0].false_lesions if own else ():
            counts = [result.false_lesions[fate] for result in own]
            mean, none = float(np.mean(counts)), float(np.mean([n == 0 for n in counts]))
            figures.append(Figure(test, fate, "false lesions a pair", mean, len(own)))
            figures.append(Figure(test, fate, "share of pairs without", none, len(own)))
    return figures


def mask_figures(scores: Mapping[str, MaskScore], test: str = "expert mask") -> list[Figure]:
    """Return the figures of every case, and the means of several."""
    figures = []
    for case, score in scores.items():
        values = {
            "Dice": (score.dice, 1),
            "lesion F1": (score.f1, score.true_lesions),
            "lesion sensitivity": (score.sensitivity, score.true_lesions),
            "lesion PPV": (score.ppv, score.found_lesions),
            "volume, mL": (score.volume_ml, 1),
            "true volume, mL": (score.true_volume_ml, 1),
        }
        figures += [Figure(test, case, name, v, n) for name, (v, n) in values.items()]
    if len(scores) > 1:
        items = list(scores.values())
        dice = float(np.mean([score.dice for score in items]))
        f1 = float(np.mean([score.f1 for score in items]))
        figures.append(Figure(test, "mean", "Dice", dice, len(items)))
        figures.append(Figure(test, "mean", "lesion F1", f1, len(items)))
    return figures
