"""Numbers that tell whether an MRI session or a pair can be trusted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from smartms_img.mri.tissue import Tissue
from smartms_img.volume import Volume

Array = NDArray[np.float32]


def contrast_measures(t1: Volume, tissue: Tissue) -> dict[str, float]:
    """Return SNR of white matter, CNR of white to grey, and CJV.

    SNR is mean over standard deviation in certain white matter; CNR is the difference of white
    and grey over the pooled standard deviation; CJV is the sum of standard deviations over that
    difference (Ganzetti 2016, doi:10.3389/fninf.2016.00010).

    Examples
    --------
    >>> t1 = Volume(np.array([[[10.0, 12.0, 20.0, 24.0]]]), np.eye(4))
    >>> white = np.array([[[0.0, 0.0, 1.0, 1.0]]], dtype=np.float32)
    >>> round(contrast_measures(t1, Tissue(0 * white, 1 - white, white))["cjv"], 4)
    0.2727
    """
    white = t1.data[tissue.white > 0.9]
    grey = t1.data[tissue.grey > 0.9]
    if white.size < 2 or grey.size < 2:
        return {"snr": float("nan"), "cnr": float("nan"), "cjv": float("nan")}
    difference = float(white.mean() - grey.mean())
    spread = float(white.std() + grey.std())
    return {
        "snr": float(white.mean() / max(white.std(), 1e-9)),
        "cnr": abs(difference) / max(float(np.hypot(white.std(), grey.std())), 1e-9),
        "cjv": spread / max(abs(difference), 1e-9),
    }


def mutual_information(
    first: Array, second: Array, mask: NDArray[np.bool_], bins: int = 32
) -> float:
    """Return normalised mutual information of two images in a mask, 0 (none) to 1 (same).

    Symmetric uncertainty: ``2 I(X, Y) / (H(X) + H(Y))`` with ranks cut into equal bins.
    """
    a, b = _ranked(first[mask], bins), _ranked(second[mask], bins)
    if a.size == 0:
        return 0.0
    joint = np.histogram2d(a, b, bins=bins, range=[[0, bins], [0, bins]])[0] / a.size
    joint_entropy = _entropy(joint.ravel())
    single = _entropy(joint.sum(axis=0)) + _entropy(joint.sum(axis=1))
    return float(2 * (single - joint_entropy) / single) if single > 0 else 0.0


def _ranked(values: Array, bins: int) -> NDArray[np.intp]:
    edges = np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1]) if values.size else np.empty(0)
    return np.digitize(values, edges)


def _entropy(probability: NDArray[np.float64]) -> float:
    positive = probability[probability > 0]
    return float(-(positive * np.log(positive)).sum())
