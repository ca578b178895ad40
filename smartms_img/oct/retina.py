"""The frame of the retina: inner surface (ILM), ellipsoid zone (EZ), Bruch's membrane (BM)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smartms_img.oct.columns import (
    FloatArray,
    Spacing,
    axial_gradient,
    flatten,
    slab_mean,
    smooth,
    smooth_curve,
)
from smartms_img.oct.paths import best_path, subpixel

Curve = NDArray[np.float64]

NOISE_LEVEL = 0.15
TISSUE_ABOVE_EZ_UM = 25.0
TISSUE_ABOVE_ILM_UM = 25.0
RETINA_UM = (70.0, 650.0)
LIGHT_POWER = 1.25
EZ_STIFFNESS = 0.3
EZ_SEARCH_UM = (-48.0, 24.0)
BM_BELOW_EZ_UM = (35.0, 110.0)
COARSE_SLOPE = 1.2


@dataclass(frozen=True)
class Frame:
    """Rows (px) of the three surfaces that frame the retina, each (n_bscans, ascans)."""

    ilm: Curve
    ez: Curve
    bm: Curve


def find_frame(columns: FloatArray, spacing: Spacing) -> Frame:
    """Find ILM, EZ and BM.

    Parameters
    ----------
    columns : ndarray, shape (n_bscans, ascans, rows)
        Scaled B-scans of :func:`smartms_img.oct.columns.to_columns`.
    spacing : Spacing
    """
    coarse = smooth(columns, spacing, lateral_um=40, axial_um=8)
    tissue_um = _tissue_um(coarse, spacing)
    ez = _coarse_ez(coarse, tissue_um, spacing)
    ilm = _coarse_ilm(coarse, tissue_um, ez, spacing)
    ez = _refine_ez(columns, ez, spacing)
    return Frame(
        ilm=_refine_ilm(columns, ilm, spacing),
        ez=ez,
        bm=_find_bm(columns, ez, spacing),
    )


def max_step(spacing: Spacing, slope: float) -> int:
    """Return the number of rows that a slope (um per um) may move between two A-scans."""
    return max(1, int(np.ceil(slope * spacing.ascan_um / spacing.axial_um)))


def _px(um: float, spacing: Spacing) -> int:
    return round(um / spacing.axial_um)


def _coarse_ez(coarse: FloatArray, tissue_um: FloatArray, spacing: Spacing) -> Curve:
    score = _outer_retina_score(coarse, tissue_um, spacing)
    path = best_path(score, max_step(spacing, COARSE_SLOPE), 0.01, periodic=spacing.periodic)
    return path.astype(np.float64)


def outer_retina_score(coarse: FloatArray, spacing: Spacing) -> FloatArray:
    """Likeness of every pixel to the EZ: a bright slab under a dark one, with tissue above.

    Parameters
    ----------
    coarse : ndarray, shape (n_bscans, ascans, rows)
        Smoothed columns.
    """
    return _outer_retina_score(coarse, _tissue_um(coarse, spacing), spacing)


def _tissue_um(coarse: FloatArray, spacing: Spacing) -> FloatArray:
    """Bright tissue passed from the top of the picture down to each pixel."""
    tissue = np.maximum(coarse - NOISE_LEVEL, 0) * np.float32(spacing.axial_um)
    return np.asarray(np.cumsum(tissue, axis=2, dtype=np.float32))


def _outer_retina_score(coarse: FloatArray, tissue_um: FloatArray, spacing: Spacing) -> FloatArray:
    bright = slab_mean(coarse, 0, _px(50, spacing))
    dark = slab_mean(coarse, -_px(60, spacing), -_px(12, spacing))
    above = np.roll(tissue_um, _px(60, spacing), axis=2)
    above[..., : _px(60, spacing)] = 0
    score = (bright - dark) * np.clip(above / TISSUE_ABOVE_EZ_UM, 0, 1)
    # An edge of the picture is no edge of the retina.
    score[..., : _px(60, spacing)] = score[..., -_px(20, spacing) :] = -1
    return np.asarray(score, np.float32)


def _coarse_ilm(coarse: FloatArray, tissue_um: FloatArray, ez: Curve, spacing: Spacing) -> Curve:
    """First strong dark-to-bright edge from above."""
    below = slab_mean(coarse, 0, _px(24, spacing))
    above = slab_mean(coarse, -_px(36, spacing), -_px(4, spacing))
    untouched = np.clip(1 - tissue_um / TISSUE_ABOVE_ILM_UM, 0, 1)
    score = (below - above) * untouched
    depth = ez[..., None] - np.arange(coarse.shape[2])
    nearest, farthest = (um / spacing.axial_um for um in RETINA_UM)
    score[(depth < nearest) | (depth > farthest)] = -1
    score[..., 0] = -1
    path = best_path(score, max_step(spacing, COARSE_SLOPE), 0.01, periodic=spacing.periodic)
    return path.astype(np.float64)


def _refine_ilm(columns: FloatArray, ilm: Curve, spacing: Spacing) -> Curve:
    edge = _light_edge(columns, spacing, axial_um=5)
    return _strongest_edge(edge, ilm, (-28, 28), spacing, slope=1.0)


def _light_edge(columns: FloatArray, spacing: Spacing, axial_um: float) -> FloatArray:
    """Dark-to-bright edge of the light itself.

    The display compresses bright light, which draws the edge of what is bright into the dark.
    """
    light = np.clip(columns, 0, None) ** np.float32(LIGHT_POWER)
    edge = axial_gradient(smooth(light, spacing, lateral_um=15, axial_um=axial_um)) * 10
    return np.asarray(edge, np.float32)


def _refine_ez(columns: FloatArray, ez: Curve, spacing: Spacing) -> Curve:
    """Follow the EZ edge in a picture flattened along the coarse course of the outer retina."""
    course = smooth_curve(ez, spacing, lateral_um=120)
    fine = smooth(columns, spacing, lateral_um=15, axial_um=5)
    # Dark above tells the EZ from the RPE, which has the bright EZ above it.
    above = slab_mean(fine, -_px(26, spacing), -_px(8, spacing))
    score = axial_gradient(fine) * 10 - 2 * np.maximum(above, 0)
    ez = _strongest_edge(score, course, EZ_SEARCH_UM, spacing, 0.35, EZ_STIFFNESS)
    # That term and a wide filter pull the path up: its last pixel is found by a fine edge alone.
    edge = _light_edge(columns, spacing, axial_um=3)
    return _strongest_edge(edge, ez, (-10, 10), spacing, 0.35, EZ_STIFFNESS)


def _find_bm(columns: FloatArray, ez: Curve, spacing: Spacing) -> Curve:
    """Follow the lower edge of the RPE; it is smooth, so a wide lateral filter is fair."""
    course = smooth_curve(ez, spacing, lateral_um=60)
    nearest, farthest = BM_BELOW_EZ_UM
    rows = _px(farthest + 40, spacing)
    flat = flatten(columns, course, rows)
    fine = smooth(flat, spacing, lateral_um=50, axial_um=5)
    score = -axial_gradient(fine) * 10
    score[..., : _px(nearest, spacing)] = -1
    score[..., _px(farthest, spacing) :] = -1
    path = best_path(score, max_step(spacing, 0.2), 0.08, periodic=spacing.periodic)
    return smooth_curve(subpixel(score, path) + course, spacing, lateral_um=30)


def _strongest_edge(
    score: FloatArray,
    course: Curve,
    search_um: tuple[float, float],
    spacing: Spacing,
    slope: float,
    stiffness: float = 0.05,
) -> Curve:
    """Path of the highest score within ``search_um`` of a course, to a part of a pixel."""
    origin = course + search_um[0] / spacing.axial_um
    flat = flatten(score, origin, _px(search_um[1] - search_um[0], spacing))
    path = best_path(flat, max_step(spacing, slope), stiffness, periodic=spacing.periodic)
    return subpixel(flat, path) + origin
