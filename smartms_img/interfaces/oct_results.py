"""What one OCT scan leaves behind: the layers document, thickness maps, landmarks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smartms_img.io.atomic import write_json
from smartms_img.io.oct_layers import layers_document, load_arrays, save_arrays
from smartms_img.io.oct_model import OctScan
from smartms_img.oct.boundaries import LayerBoundaries, thickness_um
from smartms_img.oct.follow import Alignment, Landmarks
from smartms_img.oct.measure import MACULA_LAYERS, Key, MaculaPlace
from smartms_img.oct.scan import mean_thickness_um
from smartms_img.oct.sectors import SectorValue


@dataclass(frozen=True)
class ScanResult:
    """A measured scan.

    Attributes
    ----------
    scan, layers : OctScan, LayerBoundaries
        What was measured, and the boundaries found in it.
    values : dict
        Values by (PARAMCD, LOC), by source of the layers ('smartms', 'device').
    alignment : Alignment or None
        Against the baseline.
    place : MaculaPlace or None
        Where a volume was measured.
    """

    scan: OctScan
    layers: LayerBoundaries
    values: dict[str, dict[Key, SectorValue]]
    alignment: Alignment | None = None
    place: MaculaPlace | None = None

    def maps(self) -> dict[str, NDArray[np.float64]]:
        """Return thickness maps (um) of a volume with the positions of their pixels (mm)."""
        if self.place is None:
            return {}
        maps = {"x_mm": self.place.grid.x_mm, "y_mm": self.place.grid.y_mm}
        for paramcd, layer in MACULA_LAYERS.items():
            thickness = thickness_um(self.layers.rows, layer, self.scan.axial_um)
            if thickness is not None:
                maps[f"{paramcd}_um"] = thickness
        return {name: np.round(values, 4) for name, values in maps.items()}


def scan_document(result: ScanResult) -> dict[str, Any]:
    """Return the JSON document that lies beside ``layers.npz``."""
    scan = result.scan
    fovea = result.place.fovea_mm if result.place else None
    extra = {
        "thickness": {source: _values(values) for source, values in result.values.items()},
        "mean_thickness_um": {
            source: {name: _rounded(mean) for name, mean in mean_thickness_um(scan, rows).items()}
            for source, rows in (("smartms", result.layers.rows), ("device", scan.device_layers))
        },
        "fovea_mm": [round(float(x), 4) for x in fovea] if fovea else None,
        "alignment": _alignment(result.alignment),
    }
    return layers_document(scan, result.layers.rows, result.layers.confidence, extra)


def write_result(stem: Path, result: ScanResult, marks: Landmarks) -> None:
    """Write layers, landmarks and, of a volume, thickness maps to ``<stem>_desc-...``."""
    save_arrays(stem.with_name(f"{stem.name}_desc-layers.npz"), result.layers.rows)
    write_json(stem.with_name(f"{stem.name}_desc-layers.json"), scan_document(result))
    save_landmarks(stem.with_name(f"{stem.name}_desc-landmarks.npz"), marks)
    if maps := result.maps():
        save_arrays(stem.with_name(f"{stem.name}_desc-thickness.npz"), maps)


def save_landmarks(path: Path, marks: Landmarks) -> None:
    """Write what a later scan of the same eye is aligned with."""
    arrays: dict[str, NDArray[Any]] = {"from_fundus": np.array(marks.from_fundus)}
    for name in ("picture", "profile"):
        array = getattr(marks, name)
        if array is not None:
            arrays[name] = np.asarray(array, np.float32)
    for name in ("centre_mm", "fovea_mm"):
        point = getattr(marks, name)
        if point is not None:
            arrays[name] = np.array(point)
    save_arrays(path, arrays)


def load_landmarks(path: Path) -> Landmarks:
    """Read what :func:`save_landmarks` wrote."""
    arrays = load_arrays(path)
    points = {
        name: (float(arrays[name][0]), float(arrays[name][1])) if name in arrays else None
        for name in ("centre_mm", "fovea_mm")
    }
    return Landmarks(
        picture=arrays.get("picture"),
        from_fundus=bool(arrays["from_fundus"]),
        profile=arrays.get("profile"),
        centre_mm=points["centre_mm"],
        fovea_mm=points["fovea_mm"],
    )


def _values(values: dict[Key, SectorValue]) -> dict[str, dict[str, Any]]:
    document: dict[str, dict[str, Any]] = {}
    for (paramcd, loc), value in values.items():
        entry: dict[str, Any] = {"value": _rounded(value.value)}
        if value.reason:
            entry["reason"] = value.reason
        document[f"{paramcd}_{loc}" if loc else paramcd] = entry
    return document


def _alignment(alignment: Alignment | None) -> dict[str, Any] | None:
    if alignment is None:
        return None
    return {
        "method": alignment.method,
        "shift_um": _rounded(alignment.shift_um),
        "rotation_deg": _rounded(alignment.rotation_deg),
        "similarity": _rounded(alignment.similarity),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else round(float(value), 4)
