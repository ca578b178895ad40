"""Numbers that tell whether an OCT scan can be measured, after OSCAR-IB.

OSCAR-IB: Tewarie et al. 2012, doi:10.1371/journal.pone.0034823; Schippling et al. 2015,
doi:10.1177/1352458514538110. Signal strength and frame count come from the file; everything here
is computed from the picture and the boundaries found in it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from smartms_img.naming import Eye
from smartms_img.oct.boundaries import LayerBoundaries
from smartms_img.oct.columns import FloatArray, Spacing, smooth, to_columns
from smartms_img.oct.macula import MaculaGrid
from smartms_img.oct.retina import outer_retina_score

EDGE_UM = 12.0
LEAST_CONFIDENCE = 0.3
MIRROR_FACTOR = 1.15
LEAST_RETINA_SCORE = 0.25
RING_BOUNDARIES = ("ILM", "RNFL_GCL", "BM")
MACULA_BOUNDARIES = ("ILM", "RNFL_GCL", "IPL_INL", "INL_OPL", "OPL_ONL", "EZ", "BM")
TWELFTHS = 12
DISC_RADIUS_MM = 0.75
DISC_SEARCH_MM = 1.0
LEAST_DISC_CONTRAST = 8.0


def mean_confidence(layers: LayerBoundaries, names: tuple[str, ...]) -> float:
    """Mean confidence of some boundaries over all A-scans, 0..1."""
    return float(np.mean([layers.confidence[name].mean() for name in names]))


def missing_ascans(bscans: FloatArray, layers: LayerBoundaries) -> float:
    """Share of A-scans without a picture, or without a visible ILM or Bruch's membrane."""
    empty = bscans.max(axis=1) <= 0
    unseen = np.zeros_like(empty)
    for name in ("ILM", "BM"):
        unseen |= layers.confidence[name] < LEAST_CONFIDENCE
        unseen |= ~np.isfinite(layers.rows[name])
    return float((empty | unseen).mean())


def clipped_ascans(bscans: FloatArray, layers: LayerBoundaries, axial_um: float) -> float:
    """Share of A-scans whose retina touches the upper or lower edge of the picture.

    Rows of zeros that the device added when it shifted an A-scan are no picture.
    """
    rows = bscans.shape[1]
    filled = bscans > 0
    first = filled.argmax(axis=1)
    last = rows - 1 - filled[:, ::-1].argmax(axis=1)
    margin = EDGE_UM / axial_um
    top = layers.rows["ILM"] < first + margin
    bottom = layers.rows["BM"] > last - margin
    return float((top | bottom).mean())


def mirrored_ascans(bscans: FloatArray, spacing: Spacing) -> float:
    """Share of A-scans that look more like a retina upside down (folded at the zero delay)."""
    columns = smooth(to_columns(bscans), spacing, lateral_um=120, axial_um=8)
    upright = outer_retina_score(columns, spacing).max(axis=2)
    turned = outer_retina_score(np.ascontiguousarray(columns[..., ::-1]), spacing).max(axis=2)
    mirrored = (turned > MIRROR_FACTOR * upright) & (turned > LEAST_RETINA_SCORE)
    return float(mirrored.mean())


def illumination(bscans: FloatArray, layers: LayerBoundaries) -> float:
    """Brightness of the darkest twelfth of the retina over that of the brightest.

    The twelfths run along the A-scans; in a volume each is the median over the B-scans.
    """
    rows = np.arange(bscans.shape[1])[:, None]
    ilm, bm = (layers.rows[name][:, None] for name in ("ILM", "BM"))
    inside = (rows >= ilm) & (rows <= bm)
    bright = np.where(inside, bscans, 0).sum(axis=1) / np.maximum(inside.sum(axis=1), 1)
    parts = np.array_split(bright, TWELFTHS, axis=1)
    levels = np.median([np.median(part, axis=1) for part in parts], axis=1)
    return float(levels.min() / max(float(levels.max()), 1e-6))


def ring_laterality_ratio(rnfl_um: NDArray[np.float64]) -> float:
    """RNFL of the temporal over that of the nasal superior and inferior sectors.

    The arcuate bundles lean to temporal, so a value well below 1 means that A-scan 0 is nasal:
    the scan was labelled as the wrong eye.
    """
    angle = np.arange(len(rnfl_um)) * 360.0 / len(rnfl_um)
    temporal = ((angle >= 45) & (angle < 85)) | ((angle >= 275) & (angle < 315))
    nasal = ((angle >= 95) & (angle < 135)) | ((angle >= 225) & (angle < 265))
    return float(np.nanmean(rnfl_um[temporal])) / max(float(np.nanmean(rnfl_um[nasal])), 1.0)


def ring_starts_temporal(positions_mm: NDArray[np.float64], laterality: Eye) -> bool:
    """Tell whether the first A-scan lies temporal of the centre for the eye that is stated."""
    left_of_centre = bool(positions_mm[0, 0] < positions_mm[0, 2])
    return left_of_centre == (laterality is Eye.OD)


def macula_laterality_ratio(
    grid: MaculaGrid, rnfl_um: NDArray[np.float64], fovea_mm: tuple[float, float]
) -> float:
    """Macular RNFL nasal over temporal of the fovea; it is thicker nasally, near the disc.

    The grid is in OD orientation, so a value below 1 means that the scan was labelled as the
    wrong eye.
    """
    dx = grid.x_mm - fovea_mm[0]
    near = np.abs(grid.y_mm - fovea_mm[1]) < 1.5
    nasal = near & (dx > 1.0) & (dx < 2.8)
    temporal = near & (dx < -1.0) & (dx > -2.8)
    if not (nasal.any() and temporal.any()):
        return float("nan")
    return float(np.nanmean(rnfl_um[nasal])) / max(float(np.nanmean(rnfl_um[temporal])), 1.0)


def disc_offset_um(
    fundus: NDArray[np.uint8],
    spacing_mm: tuple[float, float],
    centre_mm: tuple[float, float],
) -> float | None:
    """Distance (um) of a ring's centre from the optic disc, or None if no disc is seen.

    In the infrared picture the disc with its vessels is darker than the retina about it: the
    best disc of 1.5 mm within 1 mm of the centre is taken.

    Parameters
    ----------
    fundus : ndarray, shape (rows, columns)
    spacing_mm : tuple of float
        Size of a pixel, (row, column).
    centre_mm : tuple of float
        Centre of the ring (x to the right, y downward) from the corner of the picture.
    """
    step = 0.05
    offsets = np.arange(-2.4, 2.4 + step / 2, step)
    rows = (centre_mm[1] + offsets) / spacing_mm[0]
    columns = (centre_mm[0] + offsets) / spacing_mm[1]
    inside = (rows >= 0) & (rows < fundus.shape[0]), (columns >= 0) & (columns < fundus.shape[1])
    if not (inside[0].all() and inside[1].all()):
        return None
    near = fundus[np.ix_(rows.astype(int), columns.astype(int))].astype(np.float64)
    y, x = np.meshgrid(offsets, offsets, indexing="ij")
    shifts = np.arange(-DISC_SEARCH_MM, DISC_SEARCH_MM + 0.05, 0.1)
    best, place = LEAST_DISC_CONTRAST, None
    for dy in shifts:
        for dx in shifts:
            radius = np.hypot(x - dx, y - dy)
            disc = near[radius < DISC_RADIUS_MM].mean()
            about = near[(radius > DISC_RADIUS_MM + 0.15) & (radius < 1.25)].mean()
            if about - disc > best:
                best, place = about - disc, float(np.hypot(dx, dy))
    return None if place is None else place * 1000


def fovea_offset_um(grid: MaculaGrid, fovea_mm: tuple[float, float]) -> float:
    """Distance (um) of the fovea from the centre of a volume."""
    x, y = float(grid.x_mm.mean()), float(grid.y_mm.mean())
    return 1000 * float(np.hypot(fovea_mm[0] - x, fovea_mm[1] - y))
