"""Tissue and bias field of a T1w, found together by expectation and maximisation.

A voxel is one tissue, or two in unknown parts, which are counted as halves; its signal is normal
about the mean of its tissues, times a smooth field. The template says how likely each tissue is at
a place. Tissue and field are found in turns (Ashburner and Friston 2005,
doi:10.1016/j.neuroimage.2005.02.018; for mixtures Shattuck 2001, doi:10.1006/nimg.2000.0730) until
nothing moves any more: volumes of a model that stopped early depend on where it stopped. Eighty
rounds are the most; a dozen or two do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smartms_img.mri.cosines import cosine_count, cosines, expand
from smartms_img.mri.tissue import Tissue
from smartms_img.volume import Volume

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]

# Bias fields of scanners vary over more than a lobe; finer would take tissue for field.
_SHORTEST_WAVE_MM = 100.0
# Weight against its fit of what the field bends: squares of its waves' frequencies, mm4.
_STIFFNESS_MM4 = 600.0
# The field is smooth: so far apart lie the voxels that it is fitted to.
_FIT_MM = 4.0
_ROUNDS, _TOLERANCE = 80, 1e-4
# How often both halves of a voxel go by one draw of the prior.
_ONE_DRAW = 0.5
_LEAST_SPREAD, _LEAST_VOXELS, _DARK = 0.02, 0.01, 0.05
_HALVES = ((0, 1), (1, 2), (0, 2))
_TINY = np.finfo(np.float32).tiny


@dataclass(frozen=True)
class Segmentation:
    """Posteriors of tissue, and the logarithm of the bias field, on the grid of the image.

    The mean of the field is 0 in the mask; around the mask the field stays between its extremes
    within.
    """

    tissue: Tissue
    log_field: Array


def segment_tissue(image: Volume, mask: Mask, priors: Sequence[Array]) -> Segmentation:
    """Segment a T1w into fluid, grey and white matter, and find its bias field.

    Parameters
    ----------
    image : Volume
        T1w, with or without a bias field.
    mask : ndarray of bool
        Brain with its fluid, on the grid of the image.
    priors : sequence of three ndarray
        Prior probability of fluid, grey and white matter, none of them 0 in the mask, where they
        sum to one.

    Returns
    -------
    Segmentation
        Posteriors sum to one inside the mask and are 0 outside of it.
    """
    field = np.zeros(mask.shape, dtype=np.float32)
    shown = mask & (image.data > 0)
    if not shown.any():
        return Segmentation(Tissue(*(np.where(mask, prior, field) for prior in priors)), field)
    signal = (image.data[mask] / np.median(image.data[shown])).astype(np.float32)
    chances = np.stack([prior[mask] for prior in priors]).astype(np.float32)
    weights = _weights(chances)
    classes, fields = _start(signal, chances), _Fields(image, mask)
    for _ in range(_ROUNDS):
        flat = signal * np.exp(-field[mask])
        likelihood = weights * _densities(flat, classes)
        # Vessels and other strays fall to the broad mixtures, which move neither class nor field.
        sure = (likelihood / np.maximum(likelihood.sum(axis=0), _TINY))[:3]
        classes, before = _classes(flat, sure, classes), classes
        field, last = fields.fit(signal, sure, classes), field
        moved = max(np.abs(classes.mean - before.mean).max(), np.std((field - last)[mask]))
        if moved < _TOLERANCE:
            break
    # What is brighter than white matter is no mixture of it with anything darker.
    flat = np.minimum(signal * np.exp(-field[mask]), np.float32(classes.mean[2]))
    shares = _shares(weights * _densities(flat, classes), chances)
    within = field[mask].min(), field[mask].max()
    return Segmentation(Tissue(*(_back(share, mask) for share in shares)), np.clip(field, *within))


@dataclass(frozen=True)
class _Classes:
    """Mean and standard deviation of the signal of each tissue, shape (3,)."""

    mean: NDArray[np.float64]
    sd: NDArray[np.float64]


def _weights(chances: Array) -> Array:
    """Return the prior of each pure tissue and of each pair of halves, shape (6, voxels)."""
    two_draws = 1.0 - _ONE_DRAW
    pure = chances * (_ONE_DRAW + two_draws * chances)
    mixed = [2.0 * two_draws * chances[first] * chances[second] for first, second in _HALVES]
    return np.concatenate([pure, np.stack(mixed)]).astype(np.float32)


def _start(signal: Array, chances: Array) -> _Classes:
    """Begin with the signal where the priors are surest."""
    sure = [chance >= min(0.8, float(np.quantile(chance, 0.99))) for chance in chances]
    mean = np.array([np.median(signal[where]) for where in sure], dtype=np.float64)
    spread = max(0.2 * float(np.ptp(mean)), _LEAST_SPREAD)
    return _Classes(mean, np.full(3, spread))


def _densities(flat: Array, classes: _Classes) -> Array:
    """Return the normal density, but for a factor, of each pure tissue and pair of halves."""
    first, second = np.array(_HALVES).T
    apart = classes.mean[first] - classes.mean[second]
    # The parts of a mixture are unknown, so it spreads evenly between its tissues; noise stays.
    between = (classes.sd[first] ** 2 + classes.sd[second] ** 2) / 2 + apart**2 / 12
    mean = np.concatenate([classes.mean, (classes.mean[first] + classes.mean[second]) / 2])
    sd = np.concatenate([classes.sd, np.sqrt(between)])
    columns = zip(mean.astype(np.float32), sd.astype(np.float32), strict=True)
    return np.stack([np.exp(-0.5 * ((flat - m) / s) ** 2) / s for m, s in columns])


def _classes(flat: Array, sure: Array, before: _Classes) -> _Classes:
    """Return the classes anew; one that no voxel is of stays as it was before."""
    total = sure.sum(axis=1, dtype=np.float64)
    divisor = np.maximum(total, _LEAST_VOXELS)
    mean = (sure * flat).sum(axis=1, dtype=np.float64) / divisor
    distance = (flat - mean[:, None].astype(np.float32)) ** 2
    variance = (sure * distance).sum(axis=1, dtype=np.float64) / divisor
    sd = np.maximum(np.sqrt(variance), _LEAST_SPREAD)
    found = total >= _LEAST_VOXELS
    return _Classes(np.where(found, mean, before.mean), np.where(found, sd, before.sd))


def _shares(likelihood: Array, chances: Array) -> Array:
    """Return the part of each tissue in each voxel; the prior where the signal fits none."""
    total = likelihood.sum(axis=0)
    parts = likelihood[:3].copy()
    for number, (first, second) in enumerate(_HALVES, start=3):
        parts[first] += likelihood[number] / 2
        parts[second] += likelihood[number] / 2
    return np.where(total > _TINY, parts / np.maximum(total, _TINY), chances)


def _log(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the logarithm of a signal relative to the median, that of black a finite one."""
    return np.asarray(np.log(np.maximum(signal, _DARK)))


def _back(values: Array, mask: Mask) -> Array:
    image = np.zeros(mask.shape, dtype=np.float32)
    image[mask] = values
    return image


class _Fields:
    """Smooth fields over an image, fitted to the grey and white matter in a mask."""

    def __init__(self, image: Volume, mask: Mask) -> None:
        axes = list(zip(mask.shape, image.spacing_mm, np.nonzero(mask), strict=True))
        self._mask = mask
        self._counts = [cosine_count(size, mm, _SHORTEST_WAVE_MM) for size, mm, _ in axes]
        self._bases = [
            cosines(size, count) for (size, _, _), count in zip(axes, self._counts, strict=True)
        ]
        steps = [max(1, round(_FIT_MM / mm)) for _, mm, _ in axes]
        self._chosen = np.logical_and.reduce(
            [index % step == step // 2 for (_, _, index), step in zip(axes, steps, strict=True)]
        )
        if not self._chosen.any():
            self._chosen[:] = True
        rows = [
            basis[index[self._chosen]]
            for (_, _, index), basis in zip(axes, self._bases, strict=True)
        ]
        self._design = np.einsum("ni,nj,nk->nijk", *rows).reshape(len(rows[0]), -1)
        x, y, z = (
            (np.pi * np.arange(count) / (size * mm)) ** 2
            for (size, mm, _), count in zip(axes, self._counts, strict=True)
        )
        curvature = x[:, None, None] + y[:, None] + z
        self._penalty = _STIFFNESS_MM4 * curvature.ravel() ** 2 + 1e-6

    def fit(self, signal: Array, sure: Array, classes: _Classes) -> Array:
        """Return the logarithm of the field on the grid, given how sure each tissue is."""
        near = _log(signal[self._chosen].astype(np.float64))
        weight, pull = np.zeros_like(near), np.zeros_like(near)
        for tissue in (1, 2):
            mean, sd = classes.mean[tissue], classes.sd[tissue]
            certain = sure[tissue, self._chosen] * (mean / sd) ** 2
            weight += certain
            pull += certain * (near - _log(mean))
        system = (self._design * weight[:, None]).T @ self._design
        system[np.diag_indices_from(system)] += (weight.sum() + 1e-9) * self._penalty
        coefficients = np.linalg.solve(system, self._design.T @ pull)
        field = expand(coefficients.reshape(self._counts), self._bases)
        return np.asarray(field - field[self._mask].mean(), dtype=np.float32)
