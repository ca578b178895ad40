"""The course of a scan on the fundus picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from smartms_img.io.oct_model import OctScan, ScanPattern
from smartms_img.naming import Eye


def scan_course_mm(scan: OctScan) -> list[NDArray[np.float64]]:
    """Return the line of every B-scan, points (x to the right, y downward) in mm.

    A ring starts at its first position and runs over superior, which is clockwise on the picture
    of a right eye and anticlockwise on that of a left eye.
    """
    if scan.positions_mm is None:
        return []
    if scan.pattern is not ScanPattern.RING:
        return [line.reshape(2, 2) for line in scan.positions_mm]
    start, centre = scan.positions_mm[0, :2], scan.positions_mm[0, 2:]
    radius = float(np.hypot(*(start - centre)))
    first = np.arctan2(start[1] - centre[1], start[0] - centre[0])
    turn = np.linspace(0, 2 * np.pi, 181) * (1 if scan.laterality is Eye.OD else -1)
    circle = np.stack([np.cos(first + turn), np.sin(first + turn)], axis=1)
    return [centre + radius * circle]
