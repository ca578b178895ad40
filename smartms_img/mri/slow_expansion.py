"""Candidates of slowly expanding lesions between two visits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from smartms_img.mri.lesions import CONNECTIVITY_26, drop_small
from smartms_img.mri.session_measures import Value

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]

SEED_PERCENT_YEAR = 12.5
GROWN_PERCENT_YEAR = 4.0
LEAST_VOXELS = 10


def slowly_expanding(lesions: Mask, volume_ratio: Array, years: float) -> Mask:
    """Return the parts of lesions that expand.

    Seeds expand by 12.5 % a year or more, and grow into what expands by 4 % a year or more; parts
    of less than 10 voxels are dropped (Elliott 2019, doi:10.1177/1352458518814117). Whether the
    expansion is constant and concentric takes three visits.

    Parameters
    ----------
    lesions : ndarray of bool
        Lesions of the earlier visit.
    volume_ratio : ndarray
        Later over earlier volume.
    years : float
        Time between the visits, positive.

    Examples
    --------
    >>> lesions = np.zeros((9, 9, 9), dtype=bool); lesions[2:7, 2:7, 2:7] = True
    >>> ratio = np.ones((9, 9, 9), dtype=np.float32); ratio[2:5, 2:7, 2:7] = 1.03
    >>> ratio[3, 4, 4] = 1.07
    >>> int(slowly_expanding(lesions, ratio, 0.5).sum())
    75
    """
    percent_year = 100.0 * np.expm1(np.log(np.maximum(volume_ratio, 1e-3)) / years)
    seeds = lesions & (percent_year >= SEED_PERCENT_YEAR)
    allowed = lesions & (percent_year >= GROWN_PERCENT_YEAR)
    grown = ndimage.binary_propagation(seeds, CONNECTIVITY_26, mask=allowed)
    return drop_small(grown, (1.0, 1.0, 1.0), LEAST_VOXELS)


def expansion_values(expanding: Mask, lesions: Mask, voxel_mm: float) -> list[Value]:
    """Return how many lesions expand, and the volume (mL) that does."""
    labels, _ = ndimage.label(lesions, CONNECTIVITY_26)
    count = len(np.unique(labels[expanding]))
    volume_ml = float(expanding.sum()) * voxel_mm**3 / 1000.0
    return [Value("SELLN", "", float(count)), Value("SELLV", "", volume_ml)]
