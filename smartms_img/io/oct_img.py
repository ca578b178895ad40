"""Reader of Zeiss Cirrus ``.img`` cubes: raw 8-bit pixels without a header.

The file says nothing of itself. Eye and protocol stand in the name that the device gives it, as in
``..._Macular Cube 512x128_..._OD_..._cube_z.img``, or, better, in a sidecar as of a picture, which
wins; nothing else of the name, which may hold that of the patient, is looked at.

Zeiss published no layout. What is taken for granted is what public readers of these cubes agree on
(LibOctData, RETIMAT): a cube is 6 x 6 mm wide and 2 mm deep, pixels run along A-scans of a row,
then rows, then B-scans, and a B-scan is stored turned by 180 degrees, with its deepest row first
and its right A-scan first. They do not agree on the order of the B-scans; it is taken to run from
superior to inferior.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smartms_img.errors import InputError
from smartms_img.io.oct_model import OctScan, ScanPattern
from smartms_img.io.oct_picture import described_scan, read_sidecar, sidecar_path
from smartms_img.io.oct_refusal import damaged

ROWS = 1024
SIDE_UM, DEPTH_UM = 6000.0, 2000.0
# Bytes of a file, and the B-scans and A-scans of the cube that has them.
CUBES = {
    n_bscans * ROWS * ascans: (n_bscans, ascans) for n_bscans, ascans in ((128, 512), (200, 200))
}
_NAME = re.compile(
    r"(?:Macular|Optic Disc) Cube (?P<ascans>\d+)x(?P<n_bscans>\d+)_(?:[^_]+_)*?"
    r"(?P<eye>OD|OS)_(?:[^_]+_)*?cube_z\.img$",
    re.IGNORECASE,
)


def read_img(path: Path) -> OctScan:
    """Read a macular or optic disc cube.

    Raises
    ------
    InputError
        If neither a sidecar nor the name says which eye it shows, or if the file has not the size
        of a cube; a 5 line raster does not say how long its lines are.
    """
    shape = CUBES.get(path.stat().st_size)
    if shape is None:
        raise damaged("has not the size of a 512x128 or 200x200 cube", path.name)
    said = read_sidecar(path) if sidecar_path(path).is_file() else _said_by_name(path.name, shape)
    return described_scan(_bscans(path, shape), {"device": "Zeiss Cirrus", **said}, path)


def _said_by_name(name: str, shape: tuple[int, int]) -> dict[str, Any]:
    """Return what the name and the protocol say, as a sidecar would."""
    found = _NAME.search(name)
    if found is None:
        remedy = "Write a sidecar, or keep the name that the device gave to the cube"
        raise InputError("does not say which eye it shows", remedy, file=name)
    n_bscans, ascans = shape
    if (int(found["n_bscans"]), int(found["ascans"])) != shape:
        raise damaged("holds a cube of another size than it says", name)
    return {
        "pattern": ScanPattern.VOLUME,
        "laterality": found["eye"].upper(),
        "axial_um": DEPTH_UM / ROWS,
        "ascan_um": SIDE_UM / ascans,
        "bscan_um": SIDE_UM / n_bscans,
    }


def _bscans(path: Path, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return display intensities 0..1, shape (n_bscans, rows, ascans), upright."""
    n_bscans, ascans = shape
    stored = np.fromfile(path, np.uint8).reshape(n_bscans, ROWS, ascans)
    if not stored.any():
        raise InputError("is empty (all pixels are 0)", "Export it again", file=path.name)
    bscans = stored[:, ::-1, ::-1].astype(np.float32, order="C")
    bscans /= 255
    return bscans
