"""Peripapillary RNFL in the sectors of the Spectralis ring."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from smartms_img.oct.sectors import SectorValue, sector_value

# First angle and width in degrees, counted from temporal over superior, nasal and inferior.
RING_SECTORS: dict[str, tuple[float, float]] = {
    "G": (0, 360),
    "T": (-45, 90),
    "TS": (45, 40),
    "NS": (85, 40),
    "N": (125, 110),
    "NI": (235, 40),
    "TI": (275, 40),
    "PMB": (-15, 30),
}


def ring_sectors(
    thickness_um: NDArray[np.float64], min_coverage: float, rotation_deg: float = 0.0
) -> dict[str, SectorValue]:
    """Mean thickness of a ring scan in each sector.

    Sectors are those of the Spectralis (T 90, TS 40, NS 40, N 110, NI 40, TI 40 degrees, T centred
    on temporal); PMB is the papillomacular bundle, the 30 degrees about temporal that its fibres
    cross on their way from the fovea, a part of T. An A-scan that a border cuts counts with its
    share of the arc.

    Parameters
    ----------
    thickness_um : ndarray, shape (ascans,)
        Thickness; A-scan 0 is temporal, then superior, nasal, inferior, in both eyes. NaN where
        unknown.
    min_coverage : float
        Measured share that a sector needs.
    rotation_deg : float
        Angle by which the ring's A-scan 0 lies superior of the baseline's temporal point.

    Returns
    -------
    dict of str to SectorValue
        Mean thickness (um) by LOC.

    Examples
    --------
    >>> ring_sectors(np.full(360, 100.0), 0.9)["PMB"].value
    100.0
    """
    width = 360.0 / len(thickness_um)
    angles = np.arange(len(thickness_um), dtype=np.float64) * width + rotation_deg
    return {
        name: sector_value(thickness_um, _arcs(angles, width, first, span), span, min_coverage)
        for name, (first, span) in RING_SECTORS.items()
    }


def ring_angles_deg(ascans: int, rotation_deg: float = 0.0) -> NDArray[np.float64]:
    """Angles of the A-scans from the baseline's temporal point over superior."""
    return (np.arange(ascans, dtype=np.float64) * (360.0 / ascans) + rotation_deg) % 360.0


def _arcs(
    angles: NDArray[np.float64], width: float, first: float, span: float
) -> NDArray[np.float64]:
    """Arc (degrees) that each A-scan, ``width`` wide about its angle, shares with a sector."""
    if span >= 360:
        return np.full_like(angles, width)
    offset = (angles - (first + span / 2) + 180) % 360 - 180
    inside = np.minimum(offset + width / 2, span / 2) - np.maximum(offset - width / 2, -span / 2)
    return np.asarray(np.clip(inside, 0, width), np.float64)
