"""From a scan to its boundaries, its place on the fundus and its values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from smartms_img.io.oct_model import OctScan, ScanPattern
from smartms_img.oct.boundaries import LAYERS, LayerBoundaries, thickness_um
from smartms_img.oct.columns import Spacing
from smartms_img.oct.macula import MaculaGrid, find_fovea, macula_grid
from smartms_img.oct.measure import Key, MaculaPlace, Rows, measure_macula, measure_ring
from smartms_img.oct.sectors import SectorValue
from smartms_img.oct.segment import segment_layers


def scan_spacing(scan: OctScan) -> Spacing:
    """Return the sampling of a scan."""
    return Spacing(
        scan.axial_um, scan.ascan_um, scan.bscan_um, periodic=scan.pattern is ScanPattern.RING
    )


def segment_scan(scan: OctScan) -> LayerBoundaries:
    """Find the boundaries of a scan."""
    return segment_layers(scan.bscans, scan_spacing(scan))


def scan_grid(scan: OctScan) -> MaculaGrid:
    """Place the A-scans of a volume; a volume without ``bscan_um`` is a single B-scan."""
    n_bscans, _, ascans = scan.bscans.shape
    return macula_grid(
        (n_bscans, ascans),
        scan.ascan_um,
        scan.bscan_um or scan.ascan_um,
        scan.laterality,
        scan.positions_mm,
    )


def locate_macula(scan: OctScan, rows: Rows) -> MaculaPlace:
    """Place a volume and find its fovea in the thickness of the retina."""
    grid = scan_grid(scan)
    retina = thickness_um(rows, "RETT", scan.axial_um)
    return MaculaPlace(grid, None if retina is None else find_fovea(grid, retina))


def measure_scan(
    scan: OctScan,
    rows: Rows,
    *,
    min_coverage: float,
    rotation_deg: float = 0.0,
    place: MaculaPlace | None = None,
) -> dict[Key, SectorValue]:
    """Return all values of a ring or a volume; a line has none.

    Parameters
    ----------
    scan : OctScan
    rows : dict of str to ndarray
        Boundaries (px) of smartms or of the device.
    min_coverage : float
        Measured share that a sector needs.
    rotation_deg : float
        Rotation of a ring against its baseline.
    place : MaculaPlace, optional
        Where a volume is measured; default: about the fovea found in it.
    """
    if scan.pattern is ScanPattern.RING:
        return measure_ring(rows, scan.axial_um, min_coverage, rotation_deg)
    if scan.pattern is ScanPattern.VOLUME:
        where = place or locate_macula(scan, rows)
        return measure_macula(rows, scan.axial_um, where, min_coverage)
    return {}


def mean_thickness_um(scan: OctScan, rows: Rows) -> dict[str, float | None]:
    """Mean thickness (um) of every layer over all A-scans; None without its boundaries."""
    means: dict[str, float | None] = {}
    for layer in LAYERS:
        thickness: NDArray[np.float64] | None = thickness_um(rows, layer, scan.axial_um)
        known = thickness is not None and bool(np.isfinite(thickness).any())
        means[layer] = float(np.nanmean(thickness)) if thickness is not None and known else None
    return means
