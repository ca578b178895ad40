"""What a follow-up needs of its baseline, and where it then measures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates, zoom

from smartms_img.io.oct_model import OctScan, ScanPattern
from smartms_img.naming import Eye
from smartms_img.oct.align import enface, enface_shift, ring_profile, ring_rotation
from smartms_img.oct.measure import MaculaPlace, Rows

PICTURE_MM = 0.04
Point = tuple[float, float]


@dataclass(frozen=True)
class Landmarks:
    """Place of a scan on the retina.

    Attributes
    ----------
    picture : ndarray, shape (rows, columns), or None
        Fundus picture, or else the volume's own en-face picture about its centre, 0.04 mm a
        pixel, row 0 superior, column 0 at the observer's left.
    from_fundus : bool
        Whether ``picture`` is the fundus picture.
    profile : ndarray, shape (ascans, rows), or None
        Flattened picture of a ring.
    centre_mm : tuple of float, or None
        Centre of the scan on the fundus picture (x to the right, y downward).
    fovea_mm : tuple of float, or None
        Fovea of a volume, in the coordinates of its grid.
    """

    picture: NDArray[np.float32] | None
    from_fundus: bool
    profile: NDArray[np.float32] | None
    centre_mm: Point | None
    fovea_mm: Point | None


@dataclass(frozen=True)
class Alignment:
    """Follow-up against baseline.

    Attributes
    ----------
    method : str
        What the alignment rests on.
    shift_um : float or None
        How far the follow-up scan lies from the baseline scan on the retina.
    rotation_deg : float
        Angle by which a ring's A-scan 0 lies superior of the baseline's.
    similarity : float
        Correlation of both after alignment, -1..1.
    fovea_mm : tuple of float, or None
        The baseline's fovea in the coordinates of the follow-up's grid.
    """

    method: str
    shift_um: float | None
    rotation_deg: float
    similarity: float
    fovea_mm: Point | None = None


def landmarks(scan: OctScan, rows: Rows, place: MaculaPlace | None) -> Landmarks:
    """Collect what a later scan of the same eye is aligned with."""
    on_fundus = scan.fundus is not None and scan.positions_mm is not None
    picture: NDArray[np.float32] | None = None
    if scan.fundus is not None and on_fundus:
        factors = [step / PICTURE_MM for step in scan.fundus.spacing_mm]
        image = scan.fundus.image.astype(np.float32)
        picture = zoom(image, factors, order=1, grid_mode=True, mode="nearest")
    elif scan.pattern is ScanPattern.VOLUME:
        picture = _own_picture(scan, rows)
    ring = scan.pattern is ScanPattern.RING
    return Landmarks(
        picture=picture,
        from_fundus=on_fundus,
        profile=ring_profile(scan.bscans[0], rows["BM"][0], scan.axial_um) if ring else None,
        centre_mm=_centre(scan) if on_fundus else None,
        fovea_mm=place.fovea_mm if place else None,
    )


def align(baseline: Landmarks, follow: Landmarks, laterality: Eye) -> Alignment | None:
    """Align a follow-up scan with its baseline; None if both share no kind of picture.

    A ring is turned by its own picture; its shift is known where both have a fundus picture. A
    volume is moved by the fundus pictures, or else by the en-face pictures of both volumes.
    """
    same_kind = baseline.from_fundus == follow.from_fundus
    shift = None
    if baseline.picture is not None and follow.picture is not None and same_kind:
        shift = enface_shift(baseline.picture, follow.picture, (PICTURE_MM, PICTURE_MM))
    moved = None
    if shift is not None:
        here, there = baseline.centre_mm or (0.0, 0.0), follow.centre_mm or (0.0, 0.0)
        if not baseline.from_fundus:
            here, there = _middle(baseline), _middle(follow)
        moved = there[0] - here[0] - shift.x_mm, there[1] - here[1] - shift.y_mm
    shift_um = None if moved is None else 1000 * float(np.hypot(*moved))
    if baseline.profile is not None and follow.profile is not None:
        rotation, similarity = ring_rotation(baseline.profile, follow.profile)
        method = "fundus and B-scan" if shift else "B-scan"
        return Alignment(method, shift_um, rotation, similarity)
    if shift is None or moved is None:
        return None
    fovea = None
    if baseline.fovea_mm is not None:
        mirror = 1 if laterality is Eye.OD else -1
        # Fundus coordinates are shared up to the registration; own pictures are centred ones.
        x, y = (shift.x_mm, shift.y_mm) if baseline.from_fundus else (-moved[0], -moved[1])
        fovea = baseline.fovea_mm[0] + mirror * x, baseline.fovea_mm[1] - y
    method = "fundus" if baseline.from_fundus else "en-face picture"
    return Alignment(method, shift_um, 0.0, shift.similarity, fovea)


def _middle(marks: Landmarks) -> Point:
    """Centre (mm) of an en-face picture from its first pixel."""
    if marks.picture is None:
        return 0.0, 0.0
    rows, columns = marks.picture.shape
    return (columns - 1) / 2 * PICTURE_MM, (rows - 1) / 2 * PICTURE_MM


def _centre(scan: OctScan) -> Point | None:
    if scan.positions_mm is None:
        return None
    if scan.pattern is ScanPattern.RING:
        return float(scan.positions_mm[0, 2]), float(scan.positions_mm[0, 3])
    x, y = scan.positions_mm[:, [0, 2]].mean(), scan.positions_mm[:, [1, 3]].mean()
    return float(x), float(y)


def _own_picture(scan: OctScan, rows: Rows) -> NDArray[np.float32] | None:
    """En-face picture of a volume on square pixels about its centre."""
    if scan.bscan_um is None:
        return None
    picture = enface(scan.bscans, rows["ILM"], rows["EZ"])
    steps = np.array([scan.bscan_um, scan.ascan_um]) / 1000
    size = np.maximum(np.floor((np.array(picture.shape) - 1) * steps / PICTURE_MM), 1).astype(int)
    centre = (np.array(picture.shape) - 1) / 2
    axes = [
        (np.arange(n + 1) - n / 2) * PICTURE_MM / step + middle
        for n, step, middle in zip(size, steps, centre, strict=True)
    ]
    where = np.meshgrid(*axes, indexing="ij")
    resampled = map_coordinates(picture, where, order=1, mode="nearest")
    if scan.positions_mm is not None and scan.positions_mm[0, 1] > scan.positions_mm[-1, 1]:
        resampled = resampled[::-1]
    return np.asarray(resampled, np.float32)
