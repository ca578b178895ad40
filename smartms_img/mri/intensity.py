"""Equal signal for two visits: gain and the difference of their bias fields."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from smartms_img.mri.cosines import cosine_count, cosines, expand

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]

_SAMPLE_MM = 4.0
_OUTLIER_SD = 3.0


def match_intensity(
    earlier: Array, later: Array, valid: Mask, spacing_mm: float, *, cutoff_mm: float = 60.0
) -> tuple[Array, Array]:
    """Split the smooth ratio of two aligned images evenly between them.

    Drifting receive fields look like atrophy wherever tissue meets fluid (Lewis and Fox 2004,
    doi:10.1016/j.neuroimage.2004.04.037). The logarithm of the ratio is fitted by cosines down to
    a wavelength, without outliers: lesions that changed and edges that moved are not bias.

    Parameters
    ----------
    earlier, later : ndarray
        Images on one isotropic grid.
    valid : ndarray of bool
        Tissue in both, away from edges.
    spacing_mm : float
        Voxel size.
    cutoff_mm : float
        Shortest wavelength of the fit.

    Returns
    -------
    earlier, later : ndarray of float32
        Both have median 1 in ``valid``.
    """
    a, b = earlier / np.median(earlier[valid]), later / np.median(later[valid])
    valid = valid & (a > 0.2) & (b > 0.2)
    counts = [cosine_count(size, spacing_mm, cutoff_mm) for size in valid.shape]
    bases = [cosines(size, count) for size, count in zip(valid.shape, counts, strict=True)]
    coefficients = _fit(
        np.log(np.where(valid, a / np.where(valid, b, 1), 1)), valid, bases, spacing_mm
    )
    log_ratio = expand(coefficients, bases)
    half = np.exp(0.5 * log_ratio)
    a, b = a / half, b * half
    level = np.sqrt(np.median(a[valid]) * np.median(b[valid]))
    return (a / level).astype(np.float32), (b / level).astype(np.float32)


def _fit(
    log_ratio: NDArray[np.floating],
    valid: Mask,
    bases: list[NDArray[np.float64]],
    spacing_mm: float,
) -> NDArray[np.float64]:
    step = max(1, round(_SAMPLE_MM / spacing_mm))
    sample = np.zeros_like(valid)
    sample[::step, ::step, ::step] = True
    index = np.argwhere(valid & sample)
    values = log_ratio[tuple(index.T)].astype(np.float64)
    x, y, z = (basis[axis] for basis, axis in zip(bases, index.T, strict=True))
    design = np.einsum("ni,nj,nk->nijk", x, y, z).reshape(len(index), -1)
    keep = np.ones(len(values), dtype=bool)
    # A touch of ridge holds the fit still where no tissue constrains it.
    ridge = 1e-3 * len(values) * np.eye(design.shape[1])
    coefficients = np.zeros(design.shape[1])
    for _ in range(4):
        kept = design[keep]
        coefficients = np.linalg.solve(kept.T @ kept + ridge, kept.T @ values[keep])
        residual = values - design @ coefficients
        spread = 1.4826 * np.median(np.abs(residual[keep])) + 1e-9
        keep = np.abs(residual) < _OUTLIER_SD * spread
    return coefficients.reshape([basis.shape[1] for basis in bases])
