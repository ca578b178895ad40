"""Write the figures of an OCT scan, each with the JSON that the report reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from smartms_img.figures.oct import (
    bscan_montage,
    bscan_strip,
    fundus_view,
    thickness_map,
    tsnit_curve,
)
from smartms_img.figures.png import save_png
from smartms_img.io.atomic import write_json
from smartms_img.io.layout import figure_stem
from smartms_img.io.oct_model import OctScan, ScanPattern
from smartms_img.oct.boundaries import LayerBoundaries, thickness_um
from smartms_img.oct.measure import MaculaPlace
from smartms_img.oct.scan import measure_scan, scan_grid
from smartms_img.oct.scan_course import scan_course_mm

ANY_COVERAGE = 0.5


@dataclass(frozen=True)
class _Picture:
    what: str
    figure: Figure
    title: str
    alt: str


def draw_scan(
    scan: OctScan,
    layers: LayerBoundaries,
    fovea_mm: tuple[float, float] | None,
    *,
    staging: Path,
    stem: str,
    unit: str,
) -> list[str]:
    """Draw a scan into the figures folder; return the pictures, relative to ``staging``."""
    name = unit.split("_", 1)[1]
    pictures = list(_pictures(scan, layers, fovea_mm, name))
    written = []
    for order, picture in enumerate(pictures):
        base = f"{figure_stem(stem)}_{picture.what}"
        save_png(picture.figure, staging / f"{base}.png")
        entry = {"title": picture.title, "alt": picture.alt, "unit": unit, "order": order}
        write_json(staging / f"{base}.json", entry)
        written.append(f"{base}.png")
    return written


def _pictures(
    scan: OctScan, layers: LayerBoundaries, fovea_mm: tuple[float, float] | None, name: str
) -> Iterator[_Picture]:
    if scan.pattern is ScanPattern.VOLUME:
        yield from _macula_pictures(scan, layers, fovea_mm, name)
    else:
        yield from _ring_pictures(scan, layers, name)
    if scan.fundus is not None and scan.positions_mm is not None:
        title = f"{name}: course of the scan on the fundus"
        lines = scan_course_mm(scan)
        figure = fundus_view(scan.fundus.image, scan.fundus.spacing_mm, lines, title=title)
        yield _Picture("fundus", figure, title, "Fundus picture with the scan drawn in green")


def _ring_pictures(scan: OctScan, layers: LayerBoundaries, name: str) -> Iterator[_Picture]:
    title = f"{name}: layers, temporal - superior - nasal - inferior - temporal"
    strip = bscan_strip(scan.bscans[0], layers.rows, 0, title=title)
    yield _Picture("layers", strip, title, "Ring B-scan with nine boundaries")
    profiles = {}
    for source, rows in (("smartms", layers.rows), ("device", scan.device_layers)):
        rnfl = thickness_um(rows, "RNFL", scan.axial_um)
        if rnfl is not None:
            profiles[source] = rnfl[0]
    values = measure_scan(scan, layers.rows, min_coverage=ANY_COVERAGE)
    sectors = {loc: v.value for (_, loc), v in values.items() if v.value is not None}
    title = f"{name}: RNFL thickness round the disc, mean {sectors.get('G', np.nan):.1f} um"
    curve = tsnit_curve(profiles, sectors, title=title)
    yield _Picture("tsnit", curve, title, "RNFL thickness against the angle round the disc")


def _macula_pictures(
    scan: OctScan, layers: LayerBoundaries, fovea_mm: tuple[float, float] | None, name: str
) -> Iterator[_Picture]:
    title = f"{name}: layers"
    montage = bscan_montage(scan.bscans, layers.rows, title=title)
    yield _Picture("layers", montage, title, "B-scans of the volume with nine boundaries")
    grid = scan_grid(scan)
    place = MaculaPlace(grid, fovea_mm)
    values = measure_scan(scan, layers.rows, min_coverage=ANY_COVERAGE, place=place)
    for paramcd, layer, what in (
        ("RETT", "RETT", "thickness"),
        ("GCIPL", "GCIPL", "gcipl"),
    ):
        thickness = thickness_um(layers.rows, layer, scan.axial_um)
        if thickness is None:
            continue
        sectors = {
            loc: v.value for (code, loc), v in values.items() if code == paramcd and v.value
        }
        title = f"{name}: {paramcd} thickness, ETDRS grid"
        figure = thickness_map(grid.x_mm, grid.y_mm, thickness, fovea_mm, sectors, title=title)
        alt = f"Map of {paramcd} thickness in OD orientation with sector means in um"
        yield _Picture(what, figure, title, alt)
