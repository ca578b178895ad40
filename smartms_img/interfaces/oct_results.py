"""What one OCT scan leaves behind: the layers document, thickness maps, landmarks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smartms_img.io.atomic import write_json
from smartms_img.io.layout import layers_file
from smartms_img.io.oct_layers import layers_document, load_arrays, save_arrays
from smartms_img.io.oct_model import OctScan, ScanPattern
from smartms_img.oct.boundaries import LayerBoundaries, thickness_um
from smartms_img.oct.follow import Alignment, Landmarks
from smartms_img.oct.measure import MACULA_LAYERS, Key, MaculaPlace
from smartms_img.oct.ring import ring_angles_deg
from smartms_img.oct.scan import mean_thickness_um
from smartms_img.oct.sectors import SectorValue

_POINTS = ("middle_mm", "centre_mm", "fovea_mm")


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
        """Return thickness (um) with the places of its pixels, in coordinates of the baseline.

        Places are ``x_mm`` and ``y_mm`` in a volume, ``angle_deg`` on a ring.
        """
        maps: dict[str, NDArray[np.float64]] = {}
        names = {}
        if self.place is not None:
            maps |= {"x_mm": self.place.grid.x_mm, "y_mm": self.place.grid.y_mm}
            names = MACULA_LAYERS
        elif self.scan.pattern is ScanPattern.RING:
            rotation = self.alignment.rotation_deg if self.alignment else 0.0
            maps["angle_deg"] = ring_angles_deg(self.scan.bscans.shape[2], rotation)[None]
            names = {"RNFL": "RNFL"}
        for paramcd, layer in names.items():
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
    """Write layers, landmarks and thickness to ``<stem>_desc-...``."""
    save_arrays(stem.with_name(f"{stem.name}_desc-layers.npz"), result.layers.rows)
    write_json(Path(layers_file(str(stem))), scan_document(result))
    save_landmarks(landmarks_file(stem), marks)
    save_arrays(thickness_file(stem), result.maps())


def landmarks_file(stem: Path) -> Path:
    """Return where the landmarks of a scan lie."""
    return stem.with_name(f"{stem.name}_desc-landmarks.npz")


def thickness_file(stem: Path) -> Path:
    """Return where the thickness of a scan lies."""
    return stem.with_name(f"{stem.name}_desc-thickness.npz")


def save_landmarks(path: Path, marks: Landmarks) -> None:
    """Write what a later scan of the same eye is aligned with."""
    arrays: dict[str, NDArray[Any]] = {
        "from_fundus": np.array(marks.from_fundus),
        "device": np.array(marks.device),
    }
    for name in ("picture", "profile"):
        array = getattr(marks, name)
        if array is not None:
            arrays[name] = np.asarray(array, np.float32)
    for name in _POINTS:
        point = getattr(marks, name)
        if point is not None:
            arrays[name] = np.array(point)
    save_arrays(path, arrays)


def load_landmarks(path: Path) -> Landmarks:
    """Read what :func:`save_landmarks` wrote."""
    arrays = load_arrays(path)
    points = {
        name: (float(x), float(y)) for name in _POINTS if name in arrays for x, y in [arrays[name]]
    }
    return Landmarks(
        picture=arrays.get("picture"),
        middle_mm=points["middle_mm"],
        from_fundus=bool(arrays["from_fundus"]),
        profile=arrays.get("profile"),
        centre_mm=points["centre_mm"],
        fovea_mm=points.get("fovea_mm"),
        device=str(arrays["device"]),
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
