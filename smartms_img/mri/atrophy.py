"""Volume change between two visits by integrating the Jacobians of their registration.

All arrays lie on one halfway grid, at the midpoint of the displacement between the visits (see
:mod:`smartms_img.mri.longitudinal`), so that no visit is privileged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smartms_img.mri.atlas import Region
from smartms_img.mri.tissue import Tissue

Array = NDArray[np.float32]


@dataclass(frozen=True)
class VolumeChange:
    """Change of one region, per cent of the earlier volume.

    ``percent`` weighs with both visits; ``by_earlier`` and ``by_later`` with one of them each, so
    that their difference shows how much the answer depends on where the region was drawn.
    """

    percent: float
    by_earlier: float
    by_later: float


def region_weights(tissue: Tissue, regions: NDArray[np.integer]) -> dict[str, Array]:
    """Return what each change endpoint integrates over, keyed by PARAMCD.

    Weights are tissue posteriors, so that a voxel with partial volume counts in part.
    """

    def inside(values: Array, *where: Region) -> Array:
        return np.where(np.isin(regions, where), values, 0.0).astype(np.float32)

    parenchyma = tissue.grey + tissue.white
    return {
        "PBVC": parenchyma,
        "PGMVC": tissue.grey,
        "PWMVC": tissue.white,
        "PCGMVC": inside(tissue.grey, Region.CEREBRUM),
        "PDGMVC": inside(parenchyma, Region.THALAMUS, Region.DEEP_GREY),
        "PTHALVC": inside(parenchyma, Region.THALAMUS),
        "PVENTVC": inside(tissue.csf, Region.LATERAL_VENTRICLES),
    }


def volume_changes(
    jacobian_earlier: Array,
    jacobian_later: Array,
    weights_earlier: Mapping[str, Array],
    weights_later: Mapping[str, Array],
) -> dict[str, VolumeChange]:
    """Integrate the volume of both visits over each region.

    Parameters
    ----------
    jacobian_earlier, jacobian_later : ndarray
        Volume of either visit's tissue relative to the midpoint.
    weights_earlier, weights_later : mapping of PARAMCD to ndarray
        Region weights of either visit, brought to the midpoint.

    Returns
    -------
    dict of str to VolumeChange
        ``100 (sum(w J_later) / sum(w J_earlier) - 1)``; a region without weight is left out.

    Examples
    --------
    >>> shrunk, before = np.full((2, 2, 2), 0.99), np.ones((2, 2, 2))
    >>> one = {"PBVC": np.ones((2, 2, 2))}
    >>> round(volume_changes(before, shrunk, one, one)["PBVC"].percent, 6)
    -1.0
    """

    def percent(weight: Array) -> float:
        before = float((weight * jacobian_earlier).sum(dtype=np.float64))
        after = float((weight * jacobian_later).sum(dtype=np.float64))
        return 100.0 * (after / before - 1.0)

    changes = {}
    for name, earlier in weights_earlier.items():
        later = weights_later[name]
        if earlier.sum() > 0 and later.sum() > 0:
            both = 0.5 * (earlier + later)
            changes[name] = VolumeChange(percent(both), percent(earlier), percent(later))
    return changes


def annualised_percent(percent: float, years: float) -> float:
    """Return the change per year, compounded.

    >>> round(annualised_percent(-1.99, 2.0), 4)
    -1.0
    """
    return 100.0 * float(np.expm1(np.log1p(percent / 100.0) / years))
