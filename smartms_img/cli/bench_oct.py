"""``smartms bench oct``: boundaries beside the device's, the experts' and true ones."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from smartms_img.cli.bench_oct_follow_up import follow_up_figures
from smartms_img.cli.console import check_folder, print_table, say
from smartms_img.config import default_study
from smartms_img.errors import InputError
from smartms_img.io.atomic import write_text
from smartms_img.io.expert_layers import read_expert_layers
from smartms_img.io.oct import read_oct
from smartms_img.io.oct_model import OctScan, ScanPattern
from smartms_img.io.oct_picture import grey_picture
from smartms_img.io.tsv import tsv_text
from smartms_img.naming import Eye
from smartms_img.oct.boundaries import LayerBoundaries
from smartms_img.oct.scan import measure_scan, segment_scan
from smartms_img.phantoms.lesion_scores import Figure
from smartms_img.phantoms.oct import OctPhantom, macula_phantom, phantom_scan, ring_phantom
from smartms_img.phantoms.oct_scores import boundary_figures, mean_figures, ring_figures

HEADER = ("test", "case", "statistic", "value", "n")
LAYERS_SUFFIX = "_layers.png"


def oct_layers(
    out: Annotated[Path, typer.Argument(help="Folder for scores.tsv.")],
    device: Annotated[
        list[Path] | None, typer.Option(help="Scan with the device's boundaries in it.")
    ] = None,
    repeat: Annotated[
        list[str] | None, typer.Option(help="Two ring scans of one eye, FIRST:SECOND.")
    ] = None,
    experts: Annotated[
        Path | None, typer.Option(help="Folder of NAME.png and NAME_layers.png.")
    ] = None,
    axial_um: Annotated[float, typer.Option(help="Pixel height of the experts' scans.")] = 4.0,
    ascan_um: Annotated[float, typer.Option(help="Pixel width of the experts' scans.")] = 9.0,
    phantoms: Annotated[
        bool, typer.Option("--phantoms", help="Synthetic rings and a volume of 49 B-scans.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print only the result.")] = False,
) -> None:
    """Find boundaries that are known, and print how far off they are.

    Writes OUT/scores.tsv.

    Example: smartms bench oct /tmp/bench --device ring.vol --repeat first.vol:second.vol
    """
    check_folder(out)
    pairs = [_pair(text) for text in repeat or []]
    painted = _painted(experts) if experts else []
    if not (device or pairs or painted or phantoms):
        raise InputError("there is nothing to do", "Give --device, --experts or --phantoms")
    figures: list[Figure] = []

    def tell(what: str) -> None:
        if not quiet:
            say(what)

    for path in device or []:
        tell(path.name)
        figures += _device_figures(path)
    for first, second in pairs:
        tell(f"{first.name} and {second.name}")
        figures += _repeat_figures(first, second)
    for picture in painted:
        tell(picture.name)
        figures += _expert_figures(picture, axial_um, ascan_um)
    figures += mean_figures(figures, "experts")
    for name, phantom in _phantoms() if phantoms else ():
        tell(name)
        found = segment_scan(phantom_scan(phantom)).rows
        true = phantom.boundaries
        figures += boundary_figures("phantom", name, found, true, phantom.axial_um)
    for name, visits in _follow_ups() if phantoms else ():
        tell(f"{name}, followed up")
        figures += follow_up_figures(name, *visits)
    table = [[f.test, f.case, f.statistic, f"{f.value:.2f}", str(f.count)] for f in figures]
    write_text(out / "scores.tsv", tsv_text([HEADER, *table]))
    print_table(HEADER, table)


def _pair(text: str) -> tuple[Path, Path]:
    first, colon, second = text.partition(":")
    if not (first and colon and second):
        raise InputError(f"'{text}' names no two scans", "Write FIRST:SECOND")
    return Path(first), Path(second)


def _painted(folder: Path) -> list[Path]:
    """Return the B-scans that have a mask beside them."""
    masks = sorted(folder.glob(f"*{LAYERS_SUFFIX}"))
    if not masks:
        remedy = f"Give a folder of NAME.png and NAME{LAYERS_SUFFIX}"
        raise InputError("holds no painted layers", remedy, file=folder.name)
    return [mask.with_name(mask.name.removesuffix(LAYERS_SUFFIX) + ".png") for mask in masks]


def _device_figures(path: Path) -> list[Figure]:
    scan = read_oct(path)
    if not scan.device_layers:
        raise InputError("holds no boundaries of the device", "Leave it out", file=path.name)
    found = segment_scan(scan)
    case = path.stem
    figures = boundary_figures("device", case, found.rows, scan.device_layers, scan.axial_um)
    if scan.pattern is ScanPattern.RING and "RNFL_GCL" in scan.device_layers:
        device = LayerBoundaries(scan.device_layers, {})
        figures += ring_figures("device", case, _values(scan, found), _values(scan, device))
    return figures


def _repeat_figures(first: Path, second: Path) -> list[Figure]:
    values = []
    for path in (first, second):
        scan = read_oct(path)
        if scan.pattern is not ScanPattern.RING:
            raise InputError("is no ring scan", "Leave it out", file=path.name)
        values.append(_values(scan, segment_scan(scan)))
    return ring_figures("repeat", f"{first.stem}:{second.stem}", values[0], values[1])


def _values(scan: OctScan, layers: LayerBoundaries) -> dict[str, float | None]:
    """Return RNFL thickness (um) by sector."""
    coverage = default_study().oct.min_sector_coverage
    measured = measure_scan(scan, layers.rows, min_coverage=coverage)
    return {sector: found.value for (layer, sector), found in measured.items() if layer == "RNFL"}


def _expert_figures(picture: Path, axial_um: float, ascan_um: float) -> list[Figure]:
    pixels = np.asarray(grey_picture(picture) / 255, dtype=np.float32)
    scan = OctScan(ScanPattern.LINE, Eye.OD, pixels[None], axial_um, ascan_um)
    true = read_expert_layers(picture.with_name(picture.stem + LAYERS_SUFFIX))
    rows = {name: curve[0] for name, curve in segment_scan(scan).rows.items()}
    return boundary_figures("experts", picture.stem, rows, true, axial_um)


def _phantoms() -> Sequence[tuple[str, OctPhantom]]:
    ring = ring_phantom(seed=5)
    return (
        ("ring", ring),
        ("ring of a thin retina", ring_phantom(rnfl_um=60.0, gcipl_um=50.0, seed=6)),
        ("volume 49x512", macula_phantom(n_bscans=49, ascans=512, seed=7)),
    )


def _follow_ups() -> Sequence[tuple[str, tuple[OctPhantom, OctPhantom]]]:
    """Return pairs of which the second has lost 1 um, and lies elsewhere."""
    volume = partial(macula_phantom, n_bscans=49, ascans=512)
    moved = partial(volume, fovea_mm=(0.35, -0.2), rotation_deg=4.0)
    return (
        ("ring", (ring_phantom(seed=8), ring_phantom(rnfl_um=99.0, rotation_deg=3.0, seed=9))),
        ("volume 49x512", (volume(seed=10), moved(gcipl_um=69.0, seed=11))),
    )
