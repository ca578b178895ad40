"""The boundaries between ILM and EZ: an ordered chain in each A-scan, then smooth paths.

In a picture flattened along the EZ, four boundaries (RNFL/GCL, IPL/INL, INL/OPL, OPL/ONL) are
searched together. Each A-scan scores every ordered set of four rows by its edges (bright to dark
or dark to bright) and by how well the brightness between them fits the layer; the best score
with one boundary held at a row is found exactly, for every row, by passing messages down and up
the chain. A smooth path through these scores then joins the A-scans. A second round is held near
the first and looks at finer detail.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from smartms_img.oct.columns import FloatArray, Spacing, axial_gradient, smooth
from smartms_img.oct.paths import FORBIDDEN, best_path, subpixel
from smartms_img.oct.retina import Curve, max_step

CHAIN = ("RNFL_GCL", "IPL_INL", "INL_OPL", "OPL_ONL")
EDGE_SIGN = (-1.0, -1.0, 1.0, -1.0)
FIBRE_SLOPE = 1.0
DEEP_SLOPE = 0.6
DEEP_STIFFNESS = 8.0
ROUGH_PENALTY = 0.15
FINE_PENALTY = 0.08
FIBRE_WEIGHT = 0.015
LEAST_GCIPL_UM = 18.0
FIBRE_LEVEL = 0.25
FIBRE_PENALTY = 0.3


@dataclass(frozen=True)
class LayerPrior:
    """Believable thickness of a layer (um): hard limits, and a mean and SD held weakly."""

    least: float
    most: float
    mean: float
    sd: float


# ILM to RNFL, GCIPL, INL, OPL, OPL/ONL to EZ. In the macula layers vanish toward the fovea, so
# limits are wide and SDs several times the population's; round the disc layers are steady.
MACULA_PRIORS = (
    LayerPrior(0, 320, 60, 80),
    LayerPrior(0, 150, 60, 30),
    LayerPrior(0, 80, 36, 14),
    LayerPrior(0, 70, 28, 14),
    LayerPrior(25, 200, 95, 30),
)
RING_PRIORS = (
    LayerPrior(0, 320, 100, 80),
    LayerPrior(0, 100, 42, 13),
    LayerPrior(8, 70, 36, 6),
    LayerPrior(8, 60, 28, 6.5),
    LayerPrior(40, 160, 92, 13),
)
PRIOR_WEIGHT = 0.03
REGION_WEIGHT = 0.015
NEAR_FIRST_UM = 16.0
NEIGHBOUR_BSCAN_UM = 150.0


@dataclass(frozen=True)
class Flattened:
    """Picture flattened along the EZ.

    Attributes
    ----------
    columns : ndarray, shape (n_bscans, ascans, rows)
        Scaled intensities; the EZ lies on row ``ez``.
    ilm : ndarray, shape (n_bscans, ascans)
        Row of the ILM in this picture.
    ez : int
        Row of the EZ.
    weight : ndarray, shape (n_bscans, ascans)
        Trust in an A-scan, 0..1: low in the shadow of a vessel.
    firmness : ndarray, shape (n_bscans, ascans)
        Factor of the price of unusual layer thickness: least at the fovea, where layers vanish.
    """

    columns: FloatArray
    ilm: Curve
    ez: int
    weight: FloatArray
    firmness: FloatArray


def find_inner(flat: Flattened, spacing: Spacing) -> dict[str, Curve]:
    """Return the rows of the four boundaries in the flattened picture."""
    near = _rough_paths(flat, spacing)
    fine = smooth(flat.columns, spacing, lateral_um=22, axial_um=6)
    evidence = _evidence(fine, flat, _layer_levels(fine, near, flat))
    leash = [_leash(course, flat, spacing) for course in near]
    evidence = [score - price for score, price in zip(evidence, leash, strict=True)]
    paths = _paths(_chain_scores(evidence, flat, spacing), flat, spacing, FINE_PENALTY)
    fibres = _nerve_fibre_path(fine, paths[0], flat, spacing, leash[0])
    return dict(zip(CHAIN, [fibres, *paths], strict=True))


def _rough_paths(flat: Flattened, spacing: Spacing) -> list[Curve]:
    """Course of the boundaries from a smooth picture, on every n-th A-scan, interpolated."""
    stride = max(1, int(30 / spacing.ascan_um))
    picture = smooth(flat.columns, spacing, lateral_um=45, axial_um=8)[:, ::stride]
    thin = Flattened(
        picture,
        flat.ilm[:, ::stride],
        flat.ez,
        flat.weight[:, ::stride],
        flat.firmness[:, ::stride],
    )
    wide = replace(spacing, ascan_um=spacing.ascan_um * stride)
    paths: list[Curve] | None = None
    for _ in range(2):
        level = None if paths is None else _layer_levels(picture, paths, thin)
        scores = _chain_scores(_evidence(picture, thin, level), thin, wide)
        deep = _paths(scores, thin, wide, ROUGH_PENALTY)
        paths = [_nerve_fibre_path(picture, deep[0], thin, wide), *deep]
    every = np.arange(flat.columns.shape[1])
    period = len(every) if spacing.periodic else None
    known = every[::stride]
    return [
        np.stack([np.interp(every, known, curve, period=period) for curve in course])
        for course in (_agreed(path, spacing) for path in paths or [])
    ]


def _leash(course: Curve, flat: Flattened, spacing: Spacing) -> FloatArray:
    """Price of leaving the course found in the smooth picture."""
    rows = np.arange(flat.columns.shape[2])
    far = (rows - course[..., None]) * spacing.axial_um / NEAR_FIRST_UM
    return np.asarray(0.2 * far**2, np.float32)


def _agreed(path: Curve, spacing: Spacing) -> Curve:
    """Median with both neighbouring B-scans where they lie close: outvotes a lost B-scan."""
    if spacing.bscan_um is None or spacing.bscan_um > NEIGHBOUR_BSCAN_UM:
        return path
    agreed: Curve = median_filter(path, size=(3, 1), mode="nearest")
    return agreed


def _nerve_fibre_path(
    picture: FloatArray,
    ipl_inl: Curve,
    flat: Flattened,
    spacing: Spacing,
    leash: FloatArray | float = 0.0,
) -> Curve:
    """Divide what lies between ILM and IPL/INL into bright nerve fibres and darker GCIPL.

    Where the nerve fibre layer is thin, its lower edge is too faint to win in the chain against
    the stronger edge of the same sign below, so it is found by the brightness of both layers.
    """
    rows = np.arange(picture.shape[2])
    depth_um = (rows - flat.ilm[..., None]) * spacing.axial_um
    height_um = (ipl_inl[..., None] - rows) * spacing.axial_um
    trusted = flat.weight[..., None] > 0.5
    fibres = (depth_um > 4) & (depth_um < 20) & trusted
    plexiform = (height_um > 4) & (height_um < 30) & (depth_um > 20) & trusted
    dark = _median_per_bscan(picture, plexiform)
    edge = -axial_gradient(picture) * 10
    room = np.maximum((ipl_inl - flat.ilm)[..., None] * spacing.axial_um, 0)
    inside = (depth_um > 0) & (height_um > np.minimum(LEAST_GCIPL_UM, room / 3))
    at_ilm = np.clip(np.round(flat.ilm).astype(np.int64) + 1, 0, len(rows) - 1)[..., None]
    penalty = FIBRE_PENALTY * _step_scale(spacing)
    step = max_step(spacing, FIBRE_SLOPE)
    for _ in range(2):
        bright = _median_per_bscan(picture, fibres)
        contrast = np.maximum(bright - dark, 0.1)
        # Fibres lose light with depth, so the border is darker than half way between the medians.
        likeness = np.clip(2 * (picture - dark) / contrast - 2 * FIBRE_LEVEL, -1.5, 1.5)
        gain = np.cumsum(np.where(inside, likeness, 0), axis=2, dtype=np.float32)
        score = (FIBRE_WEIGHT * spacing.axial_um * gain + edge) * flat.weight[..., None]
        score = np.where(inside, score - leash, np.float32(-20))
        np.put_along_axis(score, at_ilm, np.float32(0), axis=2)
        path = best_path(score, step, penalty, periodic=spacing.periodic)
        fibres = (depth_um > 4) & (rows < path[..., None] - 1) & trusted
    return np.clip(subpixel(score, path), flat.ilm, np.maximum(ipl_inl, flat.ilm))


def _median_per_bscan(picture: FloatArray, mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Median of the masked pixels of each B-scan, shape (n_bscans, 1, 1)."""
    values = [
        np.median(image[inside]) if inside.any() else 0.5
        for image, inside in zip(picture, mask, strict=True)
    ]
    return np.asarray(values, np.float32)[:, None, None]


def _evidence(
    picture: FloatArray, flat: Flattened, level: NDArray[np.float32] | None
) -> list[FloatArray]:
    """Reward of each boundary at each row: its edge, and the fit of the layers it divides."""
    gradient = axial_gradient(picture) * 10 * flat.weight[..., None]
    evidence = [np.asarray(sign * gradient, np.float32) for sign in EDGE_SIGN]
    if level is None:
        return evidence
    # Squared misfit summed down the A-scan: what layer k gains over layer k + 1 above a row.
    misfit = [
        np.cumsum((picture - level[k][..., None]) ** 2, axis=2, dtype=np.float32)
        for k in range(len(level))
    ]
    scale = REGION_WEIGHT / 0.02 * flat.weight[..., None]
    return [edge + scale * (misfit[k + 1] - misfit[k]) for k, edge in enumerate(evidence)]


def _chain_scores(
    evidence: list[FloatArray], flat: Flattened, spacing: Spacing
) -> list[FloatArray]:
    """Score of the best ordered chain that passes each row, for each boundary."""
    priors = RING_PRIORS if spacing.periodic else MACULA_PRIORS
    rows = np.arange(flat.columns.shape[2])
    from_ilm = (rows - flat.ilm[..., None]) * spacing.axial_um
    from_ez = np.broadcast_to((flat.ez - rows) * spacing.axial_um, from_ilm.shape)
    firm = flat.firmness[..., None]
    down = [evidence[0] + _prior(from_ilm, priors[0], firm)]
    for k in range(1, len(CHAIN)):
        down.append(evidence[k] + _message(down[-1], priors[k], firm, spacing, downward=True))
    up = [_prior(from_ez, priors[-1], firm)]
    for k in range(len(CHAIN) - 1, 0, -1):
        up.append(_message(up[-1] + evidence[k], priors[k], firm, spacing, downward=False))
    return [d + u for d, u in zip(down, reversed(up), strict=True)]


def _prior(thickness: Curve, prior: LayerPrior, firm: FloatArray) -> FloatArray:
    price = -PRIOR_WEIGHT * firm * ((thickness - prior.mean) / prior.sd) ** 2
    # A pixel of tolerance: the frame's own rows are fractional.
    outside = (thickness < prior.least - 4) | (thickness > prior.most)
    return np.where(outside, FORBIDDEN, price).astype(np.float32)


def _message(
    score: FloatArray, prior: LayerPrior, firm: FloatArray, spacing: Spacing, *, downward: bool
) -> FloatArray:
    """Best score of the neighbouring boundary for every row of this one."""
    best = np.full_like(score, FORBIDDEN)
    rows = score.shape[2]
    least, most = (round(um / spacing.axial_um) for um in (prior.least, prior.most))
    for thickness in range(least, min(most, rows - 1) + 1):
        um = thickness * spacing.axial_um
        price = np.float32(PRIOR_WEIGHT * ((um - prior.mean) / prior.sd) ** 2) * firm
        here, there = slice(thickness, None), slice(0, rows - thickness)
        if not downward:
            here, there = there, here
        np.maximum(best[..., here], score[..., there] - price, out=best[..., here])
    return best


def _paths(
    scores: list[FloatArray], flat: Flattened, spacing: Spacing, penalty: float
) -> list[Curve]:
    """Smooth paths of the three boundaries below the GCIPL; none may cross the one above it."""
    deep = np.concatenate(scores[1:])
    path = best_path(
        np.maximum(deep, -50.0),
        max_step(spacing, DEEP_SLOPE),
        penalty * DEEP_STIFFNESS * _step_scale(spacing),
        periodic=spacing.periodic,
    )
    curves = np.split(subpixel(deep, path), len(scores) - 1)
    return list(np.maximum.accumulate([flat.ilm, *curves])[1:])


def _step_scale(spacing: Spacing) -> float:
    """Factor that keeps the price of a slope over a distance the same at every spacing."""
    return (12.0 / spacing.ascan_um) * (spacing.axial_um / 4.0) ** 2


def _layer_levels(picture: FloatArray, paths: list[Curve], flat: Flattened) -> NDArray[np.float32]:
    """Median brightness of the five layers of each B-scan, shape (5, n_bscans, 1)."""
    rows = np.arange(picture.shape[2])
    edges = [flat.ilm, *paths, np.full_like(flat.ilm, flat.ez - 3)]
    trusted = flat.weight[..., None] > 0.5
    levels = np.zeros((len(edges) - 1, len(picture), 1), np.float32)
    for k, (top, bottom) in enumerate(pairwise(edges)):
        inside = (rows > top[..., None] + 0.5) & (rows < bottom[..., None] - 0.5) & trusted
        for b, mask in enumerate(inside):
            levels[k, b] = np.median(picture[b][mask]) if mask.any() else 0.5
    return levels
