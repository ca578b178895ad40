"""What a follow-up needs of its baseline, and where it then measures."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from smartms_img.io.oct_model import OctScan, ScanPattern
from smartms_img.naming import Eye
from smartms_img.oct.align import Motion, enface, enface_motion, ring_profile, ring_rotation, turn
from smartms_img.oct.macula import moved_grid
from smartms_img.oct.measure import MaculaPlace, Rows

PICTURE_MM = 0.04
Point = tuple[float, float]


@dataclass(frozen=True)
class Landmarks:
    """Place of a scan on the retina; points are x to the right, y downward.

    Attributes
    ----------
    picture : ndarray, shape (rows, columns), or None
        Fundus picture, or else the volume's own en-face picture, 0.04 mm a pixel, row 0
        superior, column 0 at the observer's left.
    middle_mm : tuple of float
        Middle of ``picture``.
    from_fundus : bool
        Whether ``picture`` is the fundus picture.
    profile : ndarray, shape (ascans, rows), or None
        Flattened picture of a ring.
    centre_mm : tuple of float
        Centre of the scan.
    fovea_mm : tuple of float, or None
        Fovea of a volume, in the coordinates of its grid.
    device : str
        Name of the device; empty where unknown.
    """

    picture: NDArray[np.float32] | None
    middle_mm: Point
    from_fundus: bool
    profile: NDArray[np.float32] | None
    centre_mm: Point
    fovea_mm: Point | None
    device: str = ""


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
        Angle by which a ring's A-scan 0 lies superior of the baseline's; of a volume, by which
        its content has turned from nasal towards superior.
    similarity : float
        Correlation of both after alignment, -1..1.
    onto_baseline : ndarray, shape (2, 3), or None
        Matrix that carries points (mm) of the follow-up's grid onto the baseline's; volumes only.
    same_device : bool
        False where both visits name their devices, and these differ.
    """

    method: str
    shift_um: float | None
    rotation_deg: float
    similarity: float
    onto_baseline: NDArray[np.float64] | None = None
    same_device: bool = True


def landmarks(scan: OctScan, rows: Rows, place: MaculaPlace | None) -> Landmarks:
    """Collect what a later scan of the same eye is aligned with."""
    on_fundus = scan.fundus is not None and scan.positions_mm is not None
    centre = _centre(scan)
    picture, middle = None, centre
    if scan.fundus is not None and on_fundus:
        image, steps = scan.fundus.image.astype(np.float32), scan.fundus.spacing_mm
        picture = _on_square_pixels(image, steps)
        middle = image.shape[1] * steps[1] / 2, image.shape[0] * steps[0] / 2
    elif scan.pattern is ScanPattern.VOLUME:
        picture = _own_picture(scan, rows)
    ring = scan.pattern is ScanPattern.RING
    return Landmarks(
        picture=picture,
        middle_mm=middle,
        from_fundus=on_fundus,
        profile=ring_profile(scan.bscans[0], rows["BM"][0], scan.axial_um) if ring else None,
        centre_mm=centre,
        fovea_mm=place.fovea_mm if place else None,
        device=scan.device,
    )


def align(baseline: Landmarks, follow: Landmarks, laterality: Eye) -> Alignment | None:
    """Align a follow-up scan with its baseline; None if both share no kind of picture.

    A ring is turned by its own picture; its shift is known where both have a fundus picture. A
    volume is moved and turned by the fundus pictures, or else by the en-face pictures of both
    volumes.
    """
    devices = {baseline.device, follow.device} - {""}
    same = len(devices) < 2
    motion, shift_um = None, None
    if (
        baseline.picture is not None
        and follow.picture is not None
        and baseline.from_fundus == follow.from_fundus
    ):
        motion = enface_motion(baseline.picture, follow.picture, PICTURE_MM)
        matrix, offset = _onto_baseline(motion, baseline, follow)
        shift_um = 1000 * math.dist(matrix @ follow.centre_mm + offset, baseline.centre_mm)
    if baseline.profile is not None and follow.profile is not None:
        rotation, similarity = ring_rotation(baseline.profile, follow.profile)
        method = "fundus and B-scan" if motion else "B-scan"
        return Alignment(method, shift_um, rotation, similarity, same_device=same)
    if motion is None:
        return None
    method = "fundus" if baseline.from_fundus else "en-face picture"
    # In OD orientation x grows to nasal and y to superior.
    flip = np.diag([1.0 if laterality is Eye.OD else -1.0, -1.0])
    matrix, offset = _onto_baseline(motion, baseline, follow)
    onto = np.column_stack([flip @ matrix @ flip, flip @ offset])
    rotation = float(np.degrees(np.arctan2(onto[0, 1], onto[0, 0])))
    return Alignment(method, shift_um, rotation, motion.similarity, onto, same)


def measuring_place(
    macula: MaculaPlace, alignment: Alignment | None, baseline: Landmarks
) -> MaculaPlace:
    """Return a volume in the coordinates of its baseline, about the fovea of the baseline."""
    if alignment is None or alignment.onto_baseline is None:
        return macula
    return MaculaPlace(moved_grid(macula.grid, alignment.onto_baseline), baseline.fovea_mm)


def _onto_baseline(
    motion: Motion, baseline: Landmarks, follow: Landmarks
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Matrix and offset (mm) that carry points of the follow-up onto the baseline."""
    back = turn(motion.rotation_deg)
    there = np.add(follow.middle_mm, (motion.x_mm, motion.y_mm))
    return back, np.array(baseline.middle_mm) - back @ there


def _centre(scan: OctScan) -> Point:
    """Return the centre of a scan; a volume without positions has its grid about (0, 0)."""
    if scan.positions_mm is None:
        return 0.0, 0.0
    if scan.pattern is ScanPattern.RING:
        return float(scan.positions_mm[0, 2]), float(scan.positions_mm[0, 3])
    x, y = scan.positions_mm[:, [0, 2]].mean(), scan.positions_mm[:, [1, 3]].mean()
    return float(x), float(y)


def _own_picture(scan: OctScan, rows: Rows) -> NDArray[np.float32] | None:
    """En-face picture of a volume."""
    if scan.bscan_um is None:
        return None
    picture = enface(scan.bscans, rows["ILM"], rows["EZ"])
    if scan.positions_mm is not None and scan.positions_mm[0, 1] > scan.positions_mm[-1, 1]:
        picture = picture[::-1]
    return _on_square_pixels(picture, (scan.bscan_um / 1000, scan.ascan_um / 1000))


def _on_square_pixels(
    picture: NDArray[np.float32], steps_mm: tuple[float, float]
) -> NDArray[np.float32]:
    """Resample about the middle; ``steps_mm`` is the size of a pixel, (row, column)."""
    axes = []
    for size, step in zip(picture.shape, steps_mm, strict=True):
        steps = max(int((size - 1) * step / PICTURE_MM), 1)
        axes.append((np.arange(steps + 1) - steps / 2) * PICTURE_MM / step + (size - 1) / 2)
    where = np.meshgrid(*axes, indexing="ij")
    return np.asarray(map_coordinates(picture, where, order=1, mode="nearest"), np.float32)
