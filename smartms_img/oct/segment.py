"""Find the nine retinal boundaries of a scan.

The frame (ILM, EZ, BM) and the thin lines below (ELM, RPE) are found by gradients, the four
boundaries between by a net; dynamic programming makes paths of both. The idea of shortest paths
along layer edges: Chiu et al. 2010, doi:10.1364/OE.18.019413.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d, median_filter

from smartms_img.oct.boundaries import BOUNDARIES, LayerBoundaries
from smartms_img.oct.columns import (
    FloatArray,
    Spacing,
    axial_gradient,
    flatten,
    sample,
    slab_mean,
    smooth,
    smooth_curve,
    to_columns,
)
from smartms_img.oct.firmness import layer_firmness
from smartms_img.oct.inner import Flattened, find_inner
from smartms_img.oct.paths import best_path, subpixel
from smartms_img.oct.retina import Curve, Frame, find_frame, max_step

ABOVE_ILM_UM = 20.0
BELOW_EZ_UM = 130.0
NEIGHBOURHOOD_UM = 2000.0
MOST_EZ_UM = 12.0
ELM_SHARED_UM = 150.0
ELM_ABOVE_EZ_UM = (14.0, 46.0)


def segment_layers(bscans: FloatArray, spacing: Spacing) -> LayerBoundaries:
    """Find all boundaries of all B-scans.

    Parameters
    ----------
    bscans : ndarray of float32, shape (n_bscans, rows, ascans)
        Display intensities 0..1, row 0 in the vitreous.
    spacing : Spacing
        Sampling of the scan.

    Returns
    -------
    LayerBoundaries
        Ordered rows (px of the input) and confidence of each boundary.
    """
    columns = to_columns(bscans)
    frame = find_frame(columns, spacing)
    flat, origin = _flattened(columns, frame, spacing)
    inner = find_inner(flat, spacing)
    rows = {"ILM": frame.ilm, "EZ": frame.ez, "BM": frame.bm}
    rows |= {name: path + origin for name, path in inner.items()}
    rows["ELM"] = _find_elm(flat, inner["OPL_ONL"], spacing) + origin
    rows["RPE"] = _find_rpe(flat, frame.bm - origin, spacing) + origin
    ordered = _ordered(rows)
    return LayerBoundaries(ordered, _confidence(columns, ordered, spacing))


def _flattened(columns: FloatArray, frame: Frame, spacing: Spacing) -> tuple[Flattened, Curve]:
    """Flatten along the EZ; also return the row of the input that became row 0."""
    course = smooth_curve(_believable_ez(frame, spacing), spacing, lateral_um=25)
    above_um = float((course - frame.ilm).max()) * spacing.axial_um + ABOVE_ILM_UM
    ez = int(np.ceil(above_um / spacing.axial_um))
    origin = course - ez
    picture = flatten(columns, origin, ez + round(BELOW_EZ_UM / spacing.axial_um))
    firmness = layer_firmness((course - frame.ilm) * spacing.axial_um, spacing)
    return Flattened(picture, frame.ilm - origin, ez, firmness), origin


def _believable_ez(frame: Frame, spacing: Spacing) -> Curve:
    """EZ held near its usual distance from BM: where it is destroyed its path dives."""
    distance = frame.ez - frame.bm
    width = 2 * round(NEIGHBOURHOOD_UM / spacing.ascan_um / 2) + 1
    usual = median_filter(distance, size=(1, width), mode=spacing.lateral_mode)
    room = MOST_EZ_UM / spacing.axial_um
    believable: Curve = frame.bm + np.clip(distance, usual - room, usual + room)
    return believable


def _find_elm(flat: Flattened, opl_onl: Curve, spacing: Spacing) -> Curve:
    """Thin bright line above the EZ: brightest ridge against both of its sides."""
    near, far = (round(um / spacing.axial_um) for um in ELM_ABOVE_EZ_UM)
    half = max(1, round(3 / spacing.axial_um))
    fine = smooth(flat.columns, spacing, lateral_um=90, axial_um=2)
    if spacing.bscan_um is not None:
        # The line is faint and runs along the EZ: neighbouring B-scans show the same one.
        fine = gaussian_filter1d(fine, ELM_SHARED_UM / spacing.bscan_um, axis=0, mode="nearest")
    sides = (slab_mean(fine, -3 * half, -half - 1) + slab_mean(fine, half + 1, 3 * half)) / 2
    score = (slab_mean(fine, -half, half) - np.maximum(sides, 0)) * 10
    rows = np.arange(fine.shape[2])
    # Without a visible line, its usual distance from the EZ decides.
    score = score - 0.2 * ((flat.ez - rows) * spacing.axial_um / 28 - 1).astype(np.float32) ** 2
    outside = (rows > flat.ez - near) | (rows < flat.ez - far) | (rows < opl_onl[..., None] + 2)
    score = np.where(outside, np.float32(-20), score)
    path = best_path(score, max_step(spacing, 0.15), 2.0, periodic=spacing.periodic)
    return subpixel(score, path)


def _find_rpe(flat: Flattened, bm: Curve, spacing: Spacing) -> Curve:
    """Dark-to-bright edge between the EZ and Bruch's membrane: outer segments to RPE."""
    fine = smooth(flat.columns, spacing, lateral_um=40, axial_um=4)
    score = axial_gradient(fine) * 10
    rows = np.arange(fine.shape[2])
    share = (rows - flat.ez) / np.maximum(bm - flat.ez, 1)[..., None]
    score = (score - 0.1 * ((share - 0.35) / 0.2) ** 2).astype(np.float32)
    score = np.where((share < 0.2) | (share > 0.85), np.float32(-20), score)
    path = best_path(score, max_step(spacing, 0.15), 1.5, periodic=spacing.periodic)
    return subpixel(score, path)


def _ordered(rows: dict[str, Curve]) -> dict[str, Curve]:
    """Push crossing boundaries onto the one above; the frame (ILM, EZ, BM) is trusted most."""
    ilm, ez, bm = (rows[name] for name in ("ILM", "EZ", "BM"))
    ez = np.maximum(ez, ilm)
    bm = np.maximum(bm, ez)
    limits = dict.fromkeys(BOUNDARIES[1:6], (ilm, ez))
    limits |= {"ILM": (ilm, ilm), "EZ": (ez, ez), "RPE": (ez, bm), "BM": (bm, bm)}
    above = ilm
    ordered = {}
    for name in BOUNDARIES:
        above = np.maximum(np.clip(rows[name], *limits[name]), above)
        ordered[name] = above
    return ordered


def _confidence(columns: FloatArray, rows: dict[str, Curve], spacing: Spacing) -> dict[str, Curve]:
    """Edge strength at each boundary against the noise of the same filter in the background."""
    gradient = np.abs(axial_gradient(smooth(columns, spacing, lateral_um=30, axial_um=6)))
    noise = 1.4826 * np.median(gradient, axis=(1, 2))[:, None] + 1e-6
    confidence = {}
    for name, curve in rows.items():
        ratio = sample(gradient, curve) / noise
        confidence[name] = (ratio**2 / (ratio**2 + 4.0)).astype(np.float64)
    return confidence
