"""Boundaries and landmarks of an OCT scan on disk."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from smartms_img.errors import InputError
from smartms_img.io.atomic import atomic_path
from smartms_img.io.oct_model import Fundus, OctScan

Rows = Mapping[str, NDArray[np.float64]]
_CURVES = "boundaries"


def save_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write named arrays as a compressed ``.npz``; the same arrays give the same bytes."""
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **dict(arrays))


def load_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Read what :func:`save_arrays` wrote."""
    with np.load(path, allow_pickle=False) as content:
        return {name: content[name] for name in content.files}


def read_outside_layers(
    path: Path, shape: tuple[int, int], names: Sequence[str]
) -> dict[str, NDArray[np.float64]]:
    """Read boundaries that a reader or another program has found.

    Parameters
    ----------
    path : Path
        ``.npz`` with an array for each boundary: rows in px, NaN where unknown.
    shape : tuple of int
        Number of B-scans and of A-scans.
    names : sequence of str
        Boundaries that there are.

    Raises
    ------
    InputError
        If it cannot be read, names an unknown boundary, or does not fit the scan.
    """
    remedy = "Write arrays as in our own desc-layers.npz"
    try:
        arrays = load_arrays(path)
    except (OSError, ValueError, BadZipFile, EOFError) as error:
        raise InputError("cannot be read", remedy, file=path.name) from error
    if not arrays or arrays.keys() - set(names):
        what = sorted(arrays.keys() - set(names))[0] if arrays else "nothing"
        raise InputError(f"holds {what}, not {', '.join(names)}", remedy, file=path.name)
    for name, curve in arrays.items():
        if curve.shape != shape or not np.issubdtype(curve.dtype, np.number):
            problem = f"{name} has shape {curve.shape}, the scan has {shape}"
            raise InputError(problem, remedy, file=path.name)
    return {name: arrays[name].astype(np.float64) for name in names if name in arrays}


def layers_document(
    scan: OctScan, rows: Rows, confidence: Rows, extra: Mapping[str, Any]
) -> dict[str, Any]:
    """Describe the boundaries of a scan for the JSON beside ``layers.npz``.

    Parameters
    ----------
    scan : OctScan
    rows, confidence : mapping of str to ndarray, shape (n_bscans, ascans)
        Boundaries (px of the input picture) and their confidence.
    extra : mapping
        Further entries, such as thicknesses.

    Returns
    -------
    dict
        Spacing, size, device, fundus picture and, for each boundary, rows in px and depths in um
        from the upper edge of the picture, a list for each B-scan, null where unknown.
    """
    return {
        "Description": "Retinal boundaries: row positions from the upper edge of the picture",
        "pattern": scan.pattern.value,
        "laterality": scan.laterality.value,
        "device": scan.device,
        "software": scan.software,
        "quality_db": _number(scan.quality_db),
        "frames_averaged": scan.frames_averaged,
        "axial_um": _number(scan.axial_um),
        "ascan_um": _number(scan.ascan_um),
        "bscan_um": _number(scan.bscan_um),
        "ring_diameter_mm": _number(scan.ring_diameter_mm),
        "bscans": scan.bscans.shape[0],
        "ascans": scan.bscans.shape[2],
        "rows": scan.bscans.shape[1],
        "fundus": _fundus(scan.fundus),
        "positions_known": scan.positions_mm is not None,
        **extra,
        _CURVES: _curves(rows, scan.axial_um),
        "device_boundaries": _curves(scan.device_layers, scan.axial_um),
        "confidence": {name: _list(values) for name, values in confidence.items()},
    }


def read_description(path: Path) -> dict[str, Any]:
    """Read what a layers document says of its scan, without the megabytes of curves after it.

    Raises
    ------
    ValueError
        If it is not what :func:`layers_document` describes.
    """
    lines = []
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.startswith(f'  "{_CURVES}":'):
                break
            lines.append(line)
        else:
            raise ValueError("no curves follow the description")
    description: dict[str, Any] = json.loads("".join(lines).rstrip().removesuffix(",") + "}")
    return description


def _fundus(fundus: Fundus | None) -> dict[str, float | None] | None:
    if fundus is None:
        return None
    rows, columns = fundus.image.shape
    row_mm, column_mm = (_number(step) for step in fundus.spacing_mm)
    return {"rows": rows, "columns": columns, "row_mm": row_mm, "column_mm": column_mm}


def _curves(rows: Rows, axial_um: float) -> dict[str, dict[str, Any]]:
    return {
        name: {"px": _list(curve), "um": _list(curve * axial_um)} for name, curve in rows.items()
    }


def _list(values: NDArray[np.float64]) -> list[list[float | None]]:
    return [
        [None if np.isnan(value) else round(float(value), 3) for value in row] for row in values
    ]


def _number(value: float | None) -> float | None:
    return None if value is None else round(float(value), 6)
