"""Volume change between two visits by integrating the Jacobian of their registration.

All arrays lie on one halfway grid. ``forward`` maps points of the earlier visit to the later one,
so ``det J(forward)`` is the local ratio of later to earlier volume; ``inverse`` runs back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from smartms_img.mri.atlas import Region
from smartms_img.mri.tissue import Tissue

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]

_SMOOTH_BIAS_MM = 30.0


@dataclass(frozen=True)
class VolumeChange:
    """Change of one region, per cent.

    ``forward`` comes from the earlier visit's weights and the forward field, ``backward`` from
    the later visit's and the inverse field; ``percent`` is their mean on the logarithmic scale,
    so that exchanging the visits exchanges the sign of the log ratio.
    """

    percent: float
    forward: float
    backward: float


def match_intensity(
    earlier: Array, later: Array, white: Mask, mask: Mask, spacing_mm: float
) -> tuple[Array, Array]:
    """Give two aligned T1w the same white-matter signal and share their bias difference.

    Parameters
    ----------
    earlier, later : ndarray
        T1w of the visits.
    white : ndarray of bool
        White matter in both.
    mask : ndarray of bool
        Brain in both.
    spacing_mm : float
        Voxel size of the isotropic grid.

    Returns
    -------
    earlier, later : ndarray
        White matter has median 1; the smooth ratio of the two (Lewis and Fox 2004,
        doi:10.1016/j.neuroimage.2004.04.037) is split evenly.
    """
    a = earlier / np.median(earlier[white])
    b = later / np.median(later[white])
    valid = mask & (a > 0.3) & (b > 0.3)
    ratio = np.where(valid, np.log(np.maximum(a, 0.1) / np.maximum(b, 0.1)), 0.0)
    ratio = np.clip(ratio, -0.5, 0.5)
    sigma = _SMOOTH_BIAS_MM / spacing_mm
    weight = ndimage.gaussian_filter(valid.astype(np.float32), sigma)
    smooth = ndimage.gaussian_filter(ratio.astype(np.float32), sigma) / np.maximum(weight, 1e-3)
    half = np.where(weight > 1e-3, 0.5 * smooth, 0.0)
    return (a * np.exp(-half)).astype(np.float32), (b * np.exp(half)).astype(np.float32)


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
    jacobian_forward: Array,
    jacobian_backward: Array,
    weights_earlier: Mapping[str, Array],
    weights_later: Mapping[str, Array],
) -> dict[str, VolumeChange]:
    """Integrate both Jacobians over the weights of each region.

    A region without weight is left out.

    Examples
    --------
    >>> shrunk, grown = np.full((2, 2, 2), 0.99), np.full((2, 2, 2), 1 / 0.99)
    >>> one = {"PBVC": np.ones((2, 2, 2))}
    >>> round(volume_changes(shrunk, grown, one, one)["PBVC"].percent, 6)
    -1.0
    """
    changes = {}
    for name in weights_earlier:
        forward = _mean_log(jacobian_forward, weights_earlier[name])
        backward = _mean_log(jacobian_backward, weights_later[name])
        if forward is None or backward is None:
            continue
        changes[name] = VolumeChange(
            percent=100.0 * float(np.expm1(0.5 * (forward - backward))),
            forward=100.0 * float(np.expm1(forward)),
            backward=100.0 * float(np.expm1(-backward)),
        )
    return changes


def annualised_percent(percent: float, years: float) -> float:
    """Return the change per year, compounded.

    >>> round(annualised_percent(-1.99, 2.0), 4)
    -1.0
    """
    return 100.0 * float(np.expm1(np.log1p(percent / 100.0) / years))


def _mean_log(jacobian: Array, weight: Array) -> float | None:
    total = float(weight.sum(dtype=np.float64))
    if total <= 0:
        return None
    return float(np.log((jacobian * weight).sum(dtype=np.float64) / total))
