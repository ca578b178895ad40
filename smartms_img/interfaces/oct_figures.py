"""Write the figures of an OCT scan, each with the JSON that the report reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from smartms_img.figures.oct import (
    bscan_montage,
    bscan_strip,
    change_map,
    fundus_view,
    thickness_map,
    tsnit_curve,
)
from smartms_img.figures.png import figure_pixels, save_png, save_webp
from smartms_img.io.atomic import write_json
from smartms_img.io.layout import figure_stem
from smartms_img.io.oct_model import OctScan, ScanPattern
from smartms_img.oct.boundaries import LayerBoundaries, thickness_um
from smartms_img.oct.macula import MaculaGrid, thickness_change
from smartms_img.oct.measure import MaculaPlace
from smartms_img.oct.scan import measure_scan, scan_grid
from smartms_img.oct.scan_course import scan_course_mm

ANY_COVERAGE = 0.5
# Pictures of the scan itself; the others are charts.
_SCANS = frozenset({"layers", "fundus"})


@dataclass(frozen=True)
class _Picture:
    what: str
    figure: Figure
    title: str
    alt: str


Arrays = dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class MeasuredThickness:
    """Thickness of a scan and of its baseline, in the coordinates of the baseline.

    Attributes
    ----------
    own : dict of str to ndarray
        Thickness (um) by endpoint, and the places of its pixels.
    fovea_mm : tuple of float, or None
        Centre of the measuring grid.
    baseline : dict of str to ndarray
        As ``own``; empty for none.
    """

    own: Arrays
    fovea_mm: tuple[float, float] | None
    baseline: Arrays


def draw_scan(
    scan: OctScan,
    layers: LayerBoundaries,
    thickness: MeasuredThickness,
    *,
    staging: Path,
    stem: str,
    unit: str,
) -> list[str]:
    """Draw a scan into the figures folder; return the pictures, relative to ``staging``.

    The pictures name neither subject nor visit: readers who rate them are blinded.
    """
    pictures = list(_pictures(scan, layers, thickness))
    written = []
    for order, picture in enumerate(pictures):
        base = f"{figure_stem(stem)}_{picture.what}"
        entry = {"title": picture.title, "alt": picture.alt, "unit": unit, "order": order}
        write_json(staging / f"{base}.json", entry)
        if picture.what in _SCANS:
            save_webp(figure_pixels(picture.figure), staging / f"{base}.webp")
            written.append(f"{base}.webp")
        else:
            save_png(picture.figure, staging / f"{base}.png")
            written.append(f"{base}.png")
    return written


def _pictures(
    scan: OctScan, layers: LayerBoundaries, thickness: MeasuredThickness
) -> Iterator[_Picture]:
    if scan.pattern is ScanPattern.VOLUME:
        yield from _macula_pictures(scan, layers, thickness)
    else:
        yield from _ring_pictures(scan, layers, thickness)
    if scan.fundus is not None and scan.positions_mm is not None:
        title = "Course of the scan on the fundus"
        lines = scan_course_mm(scan)
        figure = fundus_view(scan.fundus.image, scan.fundus.spacing_mm, lines, title=title)
        yield _Picture("fundus", figure, title, "Fundus picture with the scan drawn in green")


def _ring_pictures(
    scan: OctScan, layers: LayerBoundaries, thickness: MeasuredThickness
) -> Iterator[_Picture]:
    title = "Layers, temporal - superior - nasal - inferior - temporal"
    strip = bscan_strip(scan.bscans[0], layers.rows, 0, title=title)
    yield _Picture("layers", strip, title, "Ring B-scan with nine boundaries")
    angles = thickness.own["angle_deg"][0]
    profiles = {}
    for source, rows in (("device", scan.device_layers), ("smartms", layers.rows)):
        rnfl = thickness_um(rows, "RNFL", scan.axial_um)
        if rnfl is not None:
            profiles[source] = angles, rnfl[0]
    if "RNFL_um" in thickness.baseline:
        before = thickness.baseline
        profiles["smartms, earlier visit"] = before["angle_deg"][0], before["RNFL_um"][0]
    values = measure_scan(
        scan, layers.rows, min_coverage=ANY_COVERAGE, rotation_deg=float(angles[0])
    )
    sectors = {loc: v.value for (_, loc), v in values.items() if v.value is not None}
    title = f"RNFL thickness round the disc, mean {sectors.get('G', np.nan):.1f} um"
    curve = tsnit_curve(profiles, sectors, title=title)
    yield _Picture("tsnit", curve, title, "RNFL thickness against the angle round the disc")


def _macula_pictures(
    scan: OctScan, layers: LayerBoundaries, thickness: MeasuredThickness
) -> Iterator[_Picture]:
    title = "Layers"
    montage = bscan_montage(scan.bscans, layers.rows, title=title)
    yield _Picture("layers", montage, title, "B-scans of the volume with nine boundaries")
    grid = _grid(thickness.own, scan)
    fovea = thickness.fovea_mm
    place = MaculaPlace(grid, fovea)
    values = measure_scan(scan, layers.rows, min_coverage=ANY_COVERAGE, place=place)
    for paramcd, what in (("RETT", "thickness"), ("GCIPL", "gcipl")):
        found = thickness.own.get(f"{paramcd}_um")
        if found is None:
            continue
        sectors = {
            loc: v.value for (code, loc), v in values.items() if code == paramcd and v.value
        }
        title = f"{paramcd} thickness, ETDRS grid"
        figure = thickness_map(grid.x_mm, grid.y_mm, found, fovea, sectors, title=title)
        alt = f"Map of {paramcd} thickness in OD orientation with sector means in um"
        yield _Picture(what, figure, title, alt)
        before = thickness.baseline.get(f"{paramcd}_um")
        if before is None:
            continue
        first = _grid(thickness.baseline, scan)
        change = thickness_change(first, before, grid, found)
        title = f"Change of {paramcd} thickness since the earlier visit"
        figure = change_map(first.x_mm, first.y_mm, change, fovea, title=title)
        alt = f"Map of the change of {paramcd} thickness in OD orientation; loss is red"
        yield _Picture(f"{what}change", figure, title, alt)


def _grid(arrays: Arrays, scan: OctScan) -> MaculaGrid:
    return MaculaGrid(arrays["x_mm"], arrays["y_mm"], scan_grid(scan).cell_mm2)
