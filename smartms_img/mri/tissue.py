"""Tissue: priors, lesion filling, volumes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from smartms_img.mri.atlas import Region
from smartms_img.robust import robust_sd
from smartms_img.volume import Volume

Array = NDArray[np.float32]

#: Names of the tissue classes, in the order of priors and posteriors.
TISSUES = ("csf", "grey", "white")


@dataclass(frozen=True)
class Tissue:
    """Posterior probabilities of cerebrospinal fluid, grey and white matter, on one grid."""

    csf: Array
    grey: Array
    white: Array

    @classmethod
    def of(cls, arrays: Mapping[str, Array], suffix: str = "") -> Tissue:
        """Pick the posteriors out of arrays by name, with a suffix to each."""
        return cls(*(arrays[f"{name}{suffix}"] for name in TISSUES))

    @property
    def labels(self) -> NDArray[np.uint8]:
        """Most probable tissue: 0 outside, 1 CSF, 2 grey, 3 white."""
        stack = np.stack([self.csf, self.grey, self.white])
        best = np.argmax(stack, axis=0).astype(np.uint8) + 1
        return np.where(stack.sum(axis=0) > 0.5, best, 0).astype(np.uint8)


def normalise_priors(priors: Sequence[Array], mask: NDArray[np.bool_]) -> list[Array]:
    """Make priors, in the order of ``TISSUES``, that sum to one and leave every tissue possible.

    Voxels of the mask that the template does not cover get mostly CSF: they lie at its edge.
    """
    stack = np.stack(list(priors))
    uncovered = np.clip(1.0 - stack.sum(axis=0), 0.0, 1.0)
    stack = stack + uncovered * np.array([0.6, 0.3, 0.1], dtype=np.float32)[:, None, None, None]
    stack = np.clip(stack, 0.02, None)
    stack /= stack.sum(axis=0)
    return [np.where(mask, prior, 0.0).astype(np.float32) for prior in stack]


def fill_lesions(
    t1: Volume, lesions: NDArray[np.bool_], white: Array, *, seed: int, reach_mm: float = 8.0
) -> Array:
    """Replace lesion voxels by the T1w signal of the white matter around them.

    Each lesion voxel gets the mean of nearby normal-appearing white matter and its noise, as
    Battaglini 2012 (doi:10.1002/hbm.21402) propose.

    Parameters
    ----------
    t1 : Volume
        T1w.
    lesions : ndarray of bool
        Lesion mask on its grid.
    white : ndarray
        White-matter probability on its grid.
    seed : int
        Seed of the noise.
    reach_mm : float
        Standard deviation of the neighbourhood.
    """
    if not lesions.any():
        return t1.data.astype(np.float32)
    near = ndimage.binary_dilation(lesions, iterations=2)
    normal = ((white > 0.8) & ~near).astype(np.float32)
    sigma = [reach_mm / size for size in t1.spacing_mm]
    weight = ndimage.gaussian_filter(normal, sigma)
    mean = ndimage.gaussian_filter(normal * t1.data, sigma) / np.maximum(weight, 1e-6)
    everywhere = t1.data[normal > 0]
    if everywhere.size == 0:
        return t1.data.astype(np.float32)
    mean = np.where(weight > 1e-4, mean, np.median(everywhere))
    spread = robust_sd(everywhere)
    noise = np.random.default_rng(seed).normal(0.0, 0.5 * spread, int(lesions.sum()))
    filled = t1.data.astype(np.float32).copy()
    filled[lesions] = mean[lesions] + noise
    return filled


def tissue_volumes_ml(
    tissue: Tissue, regions: NDArray[np.integer], mask: NDArray[np.bool_], voxel_mm3: float
) -> dict[str, float]:
    """Return the cross-sectional volumes, keyed by PARAMCD, in mL.

    Volumes are sums of posteriors, so partial volume counts in part.

    Examples
    --------
    >>> one = np.ones((2, 2, 2), dtype=np.float32)
    >>> half = Tissue(0 * one, 0.5 * one, 0.5 * one)
    >>> regions = np.full((2, 2, 2), Region.CEREBRUM)
    >>> tissue_volumes_ml(half, regions, one > 0, 1000.0)["GMV"]
    4.0
    """
    parenchyma = tissue.grey + tissue.white

    def total(values: Array, *where: Region) -> float:
        selected = values[np.isin(regions, where)] if where else values[mask]
        return float(selected.sum(dtype=np.float64) * voxel_mm3 / 1000.0)

    return {
        "BPV": total(parenchyma),
        "GMV": total(tissue.grey),
        "WMV": total(tissue.white),
        "CSFV": total(tissue.csf),
        "TIV": float(mask.sum() * voxel_mm3 / 1000.0),
        "CGMV": total(tissue.grey, Region.CEREBRUM),
        "DGMV": total(parenchyma, Region.THALAMUS, Region.DEEP_GREY),
        "THALV": total(parenchyma, Region.THALAMUS),
        "VENTV": total(tissue.csf, Region.LATERAL_VENTRICLES),
        "BSTV": total(parenchyma, Region.BRAINSTEM),
        "CBLV": total(parenchyma, Region.CEREBELLUM),
    }
