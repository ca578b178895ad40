"""The typed OCT scan that every reader returns, free of anything that identifies a person."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from smartms_img.naming import Eye

FloatArray = NDArray[np.float32]


class ScanPattern(StrEnum):
    """How the B-scans lie on the retina."""

    LINE = "line"
    RING = "ring"
    VOLUME = "volume"


@dataclass(frozen=True)
class Fundus:
    """En-face picture taken together with the scan.

    Attributes
    ----------
    image : ndarray of uint8, shape (rows, columns)
        Row 0 is superior, column 0 is at the left of the observer.
    spacing_mm : tuple of float
        Size of a pixel, (row, column), in mm.
    """

    image: NDArray[np.uint8]
    spacing_mm: tuple[float, float]


@dataclass(frozen=True)
class OctScan:
    """One OCT scan of one eye.

    No name, birth date, patient id, visit id or date is ever read into this class; the day of the
    visit comes from the dataset's ``sessions.tsv``.

    Attributes
    ----------
    pattern : ScanPattern
        Line, ring or volume.
    laterality : Eye
        Eye that was scanned.
    bscans : ndarray of float32, shape (n_bscans, rows, ascans)
        Display intensity 0..1; row 0 lies in the vitreous. Rings start at the temporal A-scan and
        run over superior, nasal and inferior, in both eyes. Volumes without ``positions_mm`` run
        from superior to inferior, and their A-scans from left to right of the observer.
    axial_um, ascan_um : float
        Height of a pixel and distance of neighbouring A-scans.
    bscan_um : float or None
        Distance of neighbouring B-scans of a volume.
    ring_diameter_mm : float or None
        Diameter of the circle of a ring scan.
    positions_mm : ndarray, shape (n_bscans, 4), or None
        Start x, start y, end x, end y on the fundus picture (x to the right, y downward). For a
        ring the second point is the centre of the circle.
    fundus : Fundus or None
        Fundus picture where the file has one.
    device, software : str
        Name of the device and version of its file format or software; empty where unknown.
    quality_db : float or None
        Signal quality as the device reports it, mean over B-scans.
    frames_averaged : int or None
        Frames averaged into a B-scan.
    device_layers : dict of str to ndarray, shape (n_bscans, ascans)
        Row position (px) of the boundaries that the device found, NaN where it found none.
    """

    pattern: ScanPattern
    laterality: Eye
    bscans: FloatArray
    axial_um: float
    ascan_um: float
    bscan_um: float | None = None
    ring_diameter_mm: float | None = None
    positions_mm: NDArray[np.float64] | None = None
    fundus: Fundus | None = None
    device: str = ""
    software: str = ""
    quality_db: float | None = None
    frames_averaged: int | None = None
    device_layers: dict[str, NDArray[np.float64]] = field(default_factory=dict)
