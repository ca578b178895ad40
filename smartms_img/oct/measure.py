"""From boundaries to the values of the endpoint catalogue."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smartms_img.oct.boundaries import LAYERS, thickness_um
from smartms_img.oct.macula import (
    ETDRS,
    MaculaGrid,
    disc_volume,
    etdrs_sectors,
    minimum_gcipl,
)
from smartms_img.oct.ring import RING_SECTORS, ring_sectors
from smartms_img.oct.sectors import SectorValue, missing

Rows = dict[str, NDArray[np.float64]]
Key = tuple[str, str]

MACULA_LAYERS = {
    "GCIPL": "GCIPL",
    "MRNFL": "RNFL",
    "INL": "INL",
    "OPL": "OPL",
    "ONL": "ONL",
    "RETT": "RETT",
}
NO_FOVEA = "no fovea found in the scan"


@dataclass(frozen=True)
class MaculaPlace:
    """A volume on the fundus and where its measuring grid is centred."""

    grid: MaculaGrid
    fovea_mm: tuple[float, float] | None


def measure_ring(
    rows: Rows, axial_um: float, min_coverage: float, rotation_deg: float = 0.0
) -> dict[Key, SectorValue]:
    """Return RNFL (um) by sector.

    Parameters
    ----------
    rows : dict of str to ndarray, shape (1, ascans)
        Boundaries (px).
    axial_um : float
        Height of a pixel.
    min_coverage, rotation_deg : float
        As for :func:`smartms_img.oct.ring.ring_sectors`.
    """
    thickness = thickness_um(rows, "RNFL", axial_um)
    if thickness is None:
        return {("RNFL", loc): missing(_lacking(rows, "RNFL")) for loc in RING_SECTORS}
    sectors = ring_sectors(thickness[0], min_coverage, rotation_deg)
    return {("RNFL", loc): value for loc, value in sectors.items()}


def measure_macula(
    rows: Rows, axial_um: float, place: MaculaPlace, min_coverage: float
) -> dict[Key, SectorValue]:
    """Return every macular endpoint by (PARAMCD, LOC): um, volumes in mm3.

    Parameters
    ----------
    rows : dict of str to ndarray, shape (n_bscans, ascans)
        Boundaries (px).
    axial_um : float
        Height of a pixel.
    place : MaculaPlace
        Position of the A-scans and of the fovea.
    min_coverage : float
        Measured share that a sector needs.
    """
    values: dict[Key, SectorValue] = {}
    volumes = {"RETT": "TMV", "GCIPL": "GCIPLV"}
    for paramcd, layer in MACULA_LAYERS.items():
        sectors = _layer_sectors(rows, layer, axial_um, place, min_coverage)
        values |= {(paramcd, loc): value for loc, value in sectors.items()}
        if paramcd in volumes:
            values[volumes[paramcd], ""] = disc_volume(sectors)
    values["GCIPLMN", ""] = _minimum(rows, axial_um, place, min_coverage)
    return values


def _layer_sectors(
    rows: Rows, layer: str, axial_um: float, place: MaculaPlace, min_coverage: float
) -> dict[str, SectorValue]:
    thickness = thickness_um(rows, layer, axial_um)
    if thickness is None:
        return dict.fromkeys(ETDRS, missing(_lacking(rows, layer)))
    if place.fovea_mm is None:
        return dict.fromkeys(ETDRS, missing(NO_FOVEA))
    return etdrs_sectors(place.grid, thickness, place.fovea_mm, min_coverage)


def _minimum(rows: Rows, axial_um: float, place: MaculaPlace, min_coverage: float) -> SectorValue:
    thickness = thickness_um(rows, "GCIPL", axial_um)
    if thickness is None:
        return missing(_lacking(rows, "GCIPL"))
    if place.fovea_mm is None:
        return missing(NO_FOVEA)
    return minimum_gcipl(place.grid, thickness, place.fovea_mm, min_coverage)


def _lacking(rows: Rows, layer: str) -> str:
    lacking = [name for name in LAYERS[layer] if name not in rows]
    return f"no boundary {' and '.join(lacking)} in the layers"
