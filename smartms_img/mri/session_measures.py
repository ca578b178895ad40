"""The cross-sectional endpoints of one visit, from arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from smartms_img.mri.lesions import (
    CONNECTIVITY_26,
    LesionLocation,
    black_holes,
    drop_small,
    lesion_locations,
)
from smartms_img.mri.tissue import Tissue


@dataclass(frozen=True)
class Value:
    """One endpoint: catalogue code, location, value in the catalogue's unit."""

    paramcd: str
    loc: str
    value: float


def lesion_values(
    lesions: NDArray[np.bool_],
    tissue: Tissue,
    regions: NDArray[np.integer],
    spacing_mm: tuple[float, float, float],
) -> list[Value]:
    """Return volume (mL) and count of lesions, in all and by McDonald region."""
    labels, count = ndimage.label(lesions, CONNECTIVITY_26)
    locations = lesion_locations(labels, tissue, regions, spacing_mm)
    voxels = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    volume_ml = voxels * float(np.prod(spacing_mm)) / 1000.0
    values = [Value("T2LV", "", float(volume_ml.sum())), Value("T2LN", "", float(count))]
    for location in LesionLocation:
        here = np.array([found is location for found in locations], dtype=bool)
        values.append(Value("T2LV", location, float(volume_ml[here].sum())))
        values.append(Value("T2LN", location, float(here.sum())))
    return values


def black_hole_values(
    lesions: NDArray[np.bool_],
    t1: NDArray[np.float32],
    tissue: Tissue,
    spacing_mm: tuple[float, float, float],
    min_volume_mm3: float,
) -> list[Value]:
    """Return volume (mL) and count of black holes of at least a volume."""
    holes = drop_small(black_holes(lesions, t1, tissue.grey), spacing_mm, min_volume_mm3)
    _, count = ndimage.label(holes, CONNECTIVITY_26)
    volume_ml = float(holes.sum() * np.prod(spacing_mm) / 1000.0)
    return [Value("BHLV", "", volume_ml), Value("BHLN", "", float(count))]


def head_size_values(volumes_ml: dict[str, float], to_scan: NDArray[np.floating]) -> list[Value]:
    """Return BPF and NBV (mL) from the volumes and the affine from MNI152 to the scan.

    Examples
    --------
    >>> twice = np.diag([1.0, 1.0, 0.5, 1.0])
    >>> [v.value for v in head_size_values({"BPV": 1000.0, "TIV": 1250.0}, twice)]
    [0.8, 2000.0]
    """
    scaling = 1.0 / abs(float(np.linalg.det(to_scan[:3, :3])))
    return [
        Value("BPF", "", volumes_ml["BPV"] / volumes_ml["TIV"]),
        Value("NBV", "", volumes_ml["BPV"] * scaling),
    ]
