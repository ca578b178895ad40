"""The boundaries between ILM and EZ: a net's probabilities, an ordered chain, smooth paths.

In a picture flattened along the EZ a small U-Net tells for each row of an A-scan how likely each
of four boundaries (RNFL/GCL, IPL/INL, INL/OPL, OPL/ONL) lies there. The best ordered chain of four
rows with believable thicknesses between them is found exactly, for every row that one boundary is
held at, by passing messages down and up the chain. A smooth path through these scores then joins
the A-scans. In volumes a second round is held near the mean of both neighbouring B-scans.

A U-Net with ordered surfaces: He et al. 2019, doi:10.1364/BOE.10.005042 (there trained on experts'
boundaries, here on synthetic B-scans alone).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import median_filter

from smartms_img.oct.columns import FloatArray, Spacing
from smartms_img.oct.layer_net import boundary_evidence
from smartms_img.oct.paths import FORBIDDEN, best_path, subpixel
from smartms_img.oct.retina import Curve, max_step

CHAIN = ("RNFL_GCL", "IPL_INL", "INL_OPL", "OPL_ONL")
FIBRE_SLOPE = 1.0
DEEP_SLOPE = 0.6
FIBRE_PENALTY = 0.08
DEEP_PENALTY = 0.3
EVIDENCE_WEIGHT = 0.3
LEAST_SCORE = -60.0


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
NEAR_NEIGHBOURS_UM = 12.0
BEYOND_UM = 8.0
NEIGHBOUR_WEIGHT = 0.2
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
    firmness : ndarray, shape (n_bscans, ascans)
        Factor of the price of unusual layer thickness: least at the fovea, where layers vanish.
    """

    columns: FloatArray
    ilm: Curve
    ez: int
    firmness: FloatArray


def find_inner(flat: Flattened, spacing: Spacing) -> dict[str, Curve]:
    """Return the rows of the four boundaries in the flattened picture."""
    logs = boundary_evidence(flat.columns, flat.ilm, flat.ez, spacing)
    evidence = [np.float32(EVIDENCE_WEIGHT) * log for log in logs]
    paths = _paths(_chain_scores(evidence, flat, spacing), flat, spacing)
    if _has_neighbours(flat, spacing):
        evidence = [
            score - _leash(path, flat, spacing)
            for score, path in zip(evidence, paths, strict=True)
        ]
        paths = _paths(_chain_scores(evidence, flat, spacing), flat, spacing)
    return dict(zip(CHAIN, paths, strict=True))


def _has_neighbours(flat: Flattened, spacing: Spacing) -> bool:
    close = spacing.bscan_um is not None and spacing.bscan_um <= NEIGHBOUR_BSCAN_UM
    return close and len(flat.columns) > 1


def _leash(path: Curve, flat: Flattened, spacing: Spacing) -> FloatArray:
    """Price of jumping away from where the two B-scans on either side have the boundary."""
    others = np.array([[True], [True], [False], [True], [True]])
    neighbours = median_filter(path, footprint=others, mode="nearest")
    rows = np.arange(flat.columns.shape[2])
    far_um = np.abs(rows - neighbours[..., None]) * spacing.axial_um
    beyond = np.maximum(far_um - NEAR_NEIGHBOURS_UM, 0) / BEYOND_UM
    return np.asarray(NEIGHBOUR_WEIGHT * beyond**2, np.float32)


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


def _paths(scores: list[FloatArray], flat: Flattened, spacing: Spacing) -> list[Curve]:
    """Smooth paths of the boundaries; none may cross the one above it."""
    limits = [(FIBRE_SLOPE, FIBRE_PENALTY)] + [(DEEP_SLOPE, DEEP_PENALTY)] * (len(scores) - 1)
    curves = []
    for score, (slope, penalty) in zip(scores, limits, strict=True):
        bounded = np.maximum(score, np.float32(LEAST_SCORE))
        price = penalty * _step_scale(spacing)
        path = best_path(bounded, max_step(spacing, slope), price, periodic=spacing.periodic)
        curves.append(subpixel(bounded, path))
    return list(np.maximum.accumulate([flat.ilm, *curves])[1:])


def _step_scale(spacing: Spacing) -> float:
    """Factor that keeps the price of a slope over a distance the same at every spacing."""
    return (12.0 / spacing.ascan_um) * (spacing.axial_um / 4.0) ** 2
