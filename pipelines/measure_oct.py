"""Measure one OCT file without a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from smartms_img.config import StudyConfig
from smartms_img.interfaces.oct_checks import oct_checks, values_by_name
from smartms_img.interfaces.oct_results import ScanResult, scan_document
from smartms_img.io.atomic import write_json
from smartms_img.io.oct import read_oct
from smartms_img.io.oct_layers import save_arrays
from smartms_img.io.oct_model import ScanPattern
from smartms_img.oct.scan import locate_macula, measure_scan, segment_scan


def measure_oct(path: Path, out: Path, config: StudyConfig) -> dict[str, Any]:
    """Find the layers of a scan and measure them.

    Writes ``layers.npz`` (one array a boundary, B-scans x A-scans, row in px of the input) and
    ``layers.json`` into ``out``.

    Parameters
    ----------
    path : Path
        Scan of any format of :func:`smartms_img.io.oct.read_oct`.
    out : Path
        Folder, made if absent.
    config : StudyConfig
        Method and thresholds.

    Returns
    -------
    dict
        JSON-able: thickness by layer source, mean thickness of every layer, checks.

    Raises
    ------
    InputError
        If the scan cannot be read.
    """
    scan = read_oct(path)
    layers = segment_scan(scan)
    place = locate_macula(scan, layers.rows) if scan.pattern is ScanPattern.VOLUME else None
    coverage = config.oct.min_sector_coverage
    values = {
        source: measure_scan(scan, rows, min_coverage=coverage, place=place)
        for source, rows in (("smartms", layers.rows), ("device", scan.device_layers))
    }
    document = scan_document(ScanResult(scan, layers, values, None, place))
    checks = oct_checks(scan, layers, place, None, (config.oct, config.qc.oct))
    document = {"qc": values_by_name(checks)} | document
    save_arrays(out / "layers.npz", layers.rows)
    write_json(out / "layers.json", document)
    summary = ("pattern", "laterality", "thickness", "mean_thickness_um", "fovea_mm", "qc")
    return {key: document[key] for key in summary}
