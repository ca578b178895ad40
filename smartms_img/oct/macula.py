"""Macular thickness: the map on the fundus, the fovea, the ETDRS grid, volumes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import LinearNDInterpolator
from scipy.ndimage import gaussian_filter

from smartms_img.naming import Eye
from smartms_img.oct.sectors import SectorValue, missing, sector_value

FINE_UM = 40.0
FOVEA_SEARCH_MM = 1.8
FOVEA_SMOOTHING_MM = 0.12
LEAST_PIT_UM = 20.0
# Inner and outer radius (mm); centre and width of the angle (degrees from nasal over superior).
ETDRS: dict[str, tuple[float, float, float, float]] = {
    "C": (0, 0.5, 0, 360),
    "IS": (0.5, 1.5, 90, 90),
    "IN": (0.5, 1.5, 0, 90),
    "II": (0.5, 1.5, 270, 90),
    "IT": (0.5, 1.5, 180, 90),
    "OS": (1.5, 3.0, 90, 90),
    "ON": (1.5, 3.0, 0, 90),
    "OI": (1.5, 3.0, 270, 90),
    "OT": (1.5, 3.0, 180, 90),
    "M3": (0, 1.5, 0, 360),
    "M6": (0, 3.0, 0, 360),
}
# Elliptical annulus of the Cirrus ganglion cell analysis: half axes (horizontal, vertical) in mm.
GCIPL_INNER_MM = (0.6, 0.5)
GCIPL_OUTER_MM = (2.4, 2.0)


@dataclass(frozen=True)
class MaculaGrid:
    """Where the A-scans of a volume lie.

    Attributes
    ----------
    x_mm, y_mm : ndarray, shape (n_bscans, ascans)
        Position on the fundus in OD orientation: x grows to nasal, y to superior. A left eye is
        mirrored.
    cell_mm2 : float
        Area that one A-scan stands for.
    """

    x_mm: NDArray[np.float64]
    y_mm: NDArray[np.float64]
    cell_mm2: float


def macula_grid(
    shape: tuple[int, int],
    ascan_um: float,
    bscan_um: float,
    laterality: Eye,
    positions_mm: NDArray[np.float64] | None = None,
) -> MaculaGrid:
    """Place the A-scans of a volume.

    Parameters
    ----------
    shape : tuple of int
        Number of B-scans and of A-scans.
    ascan_um, bscan_um : float
        Distances of neighbours.
    laterality : Eye
        Left eyes are mirrored.
    positions_mm : ndarray, shape (n_bscans, 4), optional
        Start x, y and end x, y on the fundus picture (y downward). Without it the first B-scan
        is superior, A-scans run from left to right, and the centre of the volume is (0, 0).
    """
    n_bscans, ascans = shape
    if positions_mm is None:
        x = np.broadcast_to((np.arange(ascans) - (ascans - 1) / 2) * ascan_um / 1000, shape)
        y = (np.arange(n_bscans) - (n_bscans - 1) / 2)[:, None] * bscan_um / 1000
        y = np.broadcast_to(y, shape)
    else:
        share = np.linspace(0, 1, ascans)
        start, end = positions_mm[:, None, :2], positions_mm[:, None, 2:]
        place = start + (end - start) * share[:, None]
        x, y = place[..., 0], place[..., 1]
    mirror = 1 if laterality is Eye.OD else -1
    return MaculaGrid(mirror * x, -y, ascan_um * bscan_um * 1e-6)


def moved_grid(grid: MaculaGrid, matrix: NDArray[np.float64]) -> MaculaGrid:
    """Carry a grid by a matrix of shape (2, 3), as of a follow-up onto its baseline."""
    x, y = (row[0] * grid.x_mm + row[1] * grid.y_mm + row[2] for row in matrix)
    return MaculaGrid(x, y, grid.cell_mm2)


def thickness_change(
    baseline: MaculaGrid,
    baseline_um: NDArray[np.float64],
    follow: MaculaGrid,
    follow_um: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return follow-up minus baseline at the pixels of the baseline; NaN beyond the follow-up.

    Both grids lie in the coordinates of the baseline.
    """
    places = np.column_stack([follow.x_mm.ravel(), follow.y_mm.ravel()])
    later = LinearNDInterpolator(places, follow_um.ravel())
    change: NDArray[np.float64] = later(baseline.x_mm, baseline.y_mm) - baseline_um
    return change


def find_fovea(grid: MaculaGrid, retina_um: NDArray[np.float64]) -> tuple[float, float] | None:
    """Return the position (x, y in mm) of the foveal pit, or None if there is none.

    The pit is the thinnest place of the smoothed retina within 1.8 mm of the scan's centre; it
    has to be 20 um thinner than its surroundings at 1 mm.
    """
    known = np.where(np.isfinite(retina_um), retina_um, np.nanmedian(retina_um))
    steps = _steps_mm(grid)
    smoothed = gaussian_filter(known, [FOVEA_SMOOTHING_MM / max(s, 1e-6) for s in steps])
    x0, y0 = float(grid.x_mm.mean()), float(grid.y_mm.mean())
    near = np.hypot(grid.x_mm - x0, grid.y_mm - y0) < FOVEA_SEARCH_MM
    lowest = np.unravel_index(np.argmin(np.where(near, smoothed, np.inf)), smoothed.shape)
    x, y = float(grid.x_mm[lowest]), float(grid.y_mm[lowest])
    distance = np.hypot(grid.x_mm - x, grid.y_mm - y)
    rim = (distance > 0.8) & (distance < 1.2)
    if not rim.any() or float(np.median(smoothed[rim]) - smoothed[lowest]) < LEAST_PIT_UM:
        return None
    # Centre of gravity of the deepest part: finer than the distance of B-scans.
    depth = np.where(distance < 0.35, smoothed[lowest] + 12.0 - smoothed, 0).clip(min=0)
    total = float(depth.sum())
    return float((depth * grid.x_mm).sum() / total), float((depth * grid.y_mm).sum() / total)


def etdrs_sectors(
    grid: MaculaGrid,
    thickness_um: NDArray[np.float64],
    fovea_mm: tuple[float, float],
    min_coverage: float,
) -> dict[str, SectorValue]:
    """Mean thickness (um) in the ETDRS grid, and in the discs of 3 mm (M3) and 6 mm (M6).

    Source: ETDRS report 10, doi:10.1016/S0161-6420(13)38012-9. Quadrants meet at the diagonals.
    """
    x, y, values, cell = _fine(grid, thickness_um)
    radius = np.hypot(x - fovea_mm[0], y - fovea_mm[1])
    angle = np.degrees(np.arctan2(y - fovea_mm[1], x - fovea_mm[0]))
    sectors = {}
    for name, (inner, outer, middle, span) in ETDRS.items():
        inside = (radius >= inner) & (radius < outer) & _within(angle, middle, span)
        whole = np.pi * (outer**2 - inner**2) * span / 360
        sectors[name] = sector_value(values, np.where(inside, cell, 0.0), whole, min_coverage)
    return sectors


def minimum_gcipl(
    grid: MaculaGrid,
    gcipl_um: NDArray[np.float64],
    fovea_mm: tuple[float, float],
    min_coverage: float,
) -> SectorValue:
    """Minimum of the six 60-degree sectors of the elliptical annulus about the fovea.

    The annulus is that of the Cirrus ganglion cell analysis, half axes 0.6 x 0.5 to 2.4 x 2.0 mm:
    Mwanza et al. 2011, doi:10.1167/iovs.11-7962.
    """
    x, y, values, cell = _fine(grid, gcipl_um)
    dx, dy = x - fovea_mm[0], y - fovea_mm[1]
    outside_inner = (dx / GCIPL_INNER_MM[0]) ** 2 + (dy / GCIPL_INNER_MM[1]) ** 2 >= 1
    inside_outer = (dx / GCIPL_OUTER_MM[0]) ** 2 + (dy / GCIPL_OUTER_MM[1]) ** 2 < 1
    # Both ellipses have the same shape but for 4 %, so equal angles have nearly equal areas.
    angle = np.degrees(np.arctan2(dy, dx))
    sectors = []
    for middle in range(30, 360, 60):
        inside = outside_inner & inside_outer & _within(angle, middle, 60)
        sectors.append(
            sector_value(values, np.where(inside, cell, 0.0), _annulus_part(middle), min_coverage)
        )
    for sector in sectors:
        if sector.value is None:
            return missing(sector.reason)
    return min(sectors, key=lambda sector: sector.value or 0.0)


def disc_volume(sectors: dict[str, SectorValue]) -> SectorValue:
    """Volume (mm3) of a layer in the 6 mm disc, from its mean thickness there.

    >>> round(disc_volume({"M6": SectorValue(300.0, 1.0)}).value, 3)
    8.482
    """
    mean = sectors["M6"]
    if mean.value is None:
        return mean
    return SectorValue(mean.value / 1000 * np.pi * 9.0, mean.coverage)


def _within(angle: NDArray[np.float64], middle: float, span: float) -> NDArray[np.bool_]:
    offset = (angle - middle + 180) % 360 - 180
    return (offset >= -span / 2) & (offset < span / 2)


def _annulus_part(middle: float) -> float:
    """Area (mm2) of a 60-degree sector of the elliptical annulus."""
    angle = np.radians(np.linspace(middle - 30, middle + 30, 601))
    parts = []
    for a, b in (GCIPL_OUTER_MM, GCIPL_INNER_MM):
        radius_squared = 1 / ((np.cos(angle) / a) ** 2 + (np.sin(angle) / b) ** 2)
        parts.append(float(np.trapezoid(radius_squared / 2, angle)))
    return parts[0] - parts[1]


def _steps_mm(grid: MaculaGrid) -> tuple[float, float]:
    """Distance (mm) of neighbouring B-scans and of neighbouring A-scans."""
    steps = []
    for axis in (0, 1):
        if grid.x_mm.shape[axis] < 2:
            steps.append(1.0)
            continue
        dx, dy = np.diff(grid.x_mm, axis=axis), np.diff(grid.y_mm, axis=axis)
        steps.append(float(np.median(np.hypot(dx, dy))))
    return steps[0], steps[1]


def _fine(
    grid: MaculaGrid, thickness_um: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], float]:
    """Interpolate between B-scans to about 40 um, so that sectors are covered evenly."""
    factor = max(1, int(np.ceil(_steps_mm(grid)[0] * 1000 / FINE_UM)))
    # Strips of a B-scan's width about each B-scan: the first and last reach half a step outward.
    rows = (np.arange(len(thickness_um) * factor) + 0.5) / factor - 0.5
    lower = np.clip(np.floor(rows).astype(int), 0, max(len(thickness_um) - 2, 0))
    upper = np.minimum(lower + 1, len(thickness_um) - 1)
    part = (rows - lower)[:, None]

    def between(values: NDArray[np.float64], share: NDArray[np.float64]) -> NDArray[np.float64]:
        mixed: NDArray[np.float64] = values[lower] * (1 - share) + values[upper] * share
        return mixed

    thickness = between(thickness_um, np.clip(part, 0, 1))
    return between(grid.x_mm, part), between(grid.y_mm, part), thickness, grid.cell_mm2 / factor
