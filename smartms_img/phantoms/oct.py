"""Synthetic OCT scans whose boundaries are known exactly: peripapillary rings and maculas."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter, gaussian_filter1d
from scipy.spatial import cKDTree

from smartms_img.io.oct_model import OctScan, ScanPattern
from smartms_img.naming import Eye

Array = NDArray[np.float64]

AXIAL_UM = 3.87
RING_DIAMETER_MM = 3.5
ROWS = 400
VITREOUS = 0.16
# Display brightness of what lies below each boundary; the ganglion cell layer is the darker
# upper part of the GCIPL, and the EZ and the RPE are bright bands on top of what follows.
BRIGHTNESS = {
    "ILM": 0.78,
    "RNFL_GCL": 0.50,
    "IPL": 0.57,
    "IPL_INL": 0.36,
    "INL_OPL": 0.54,
    "OPL_ONL": 0.28,
    "ELM": 0.33,
    "EZ": 0.86,
    "OS": 0.55,
    "RPE": 0.88,
    "BM": 0.48,
}
GCL_SHARE = 0.45
EZ_BAND_UM = 11.0
ELM_LINE = 0.08
CHOROID_DEPTH_UM = 180.0
# Angle, width (degrees) and height of the superior, inferior and nasal nerve fibre bundles.
RNFL_HUMPS = ((68.0, 34.0, 0.95), (292.0, 33.0, 0.95), (180.0, 60.0, 0.35))
VESSEL_BRANCHES = 16
VESSEL_SEED = 11
VESSEL_ANGLES_DEG = (38.0, 62.0, 97.0, 150.0, 265.0, 292.0, 321.0)


@dataclass(frozen=True)
class OctPhantom:
    """A synthetic scan and its truth.

    Attributes
    ----------
    pattern, laterality : ScanPattern, Eye
        Ring or volume, of which eye.
    bscans : ndarray of float32, shape (n_bscans, rows, ascans)
        Display intensity 0..1.
    boundaries : dict of str to ndarray, shape (n_bscans, ascans)
        True row (px) of the nine boundaries.
    shadows : ndarray, shape (n_bscans, ascans)
        Share of light that passes the vessels of an A-scan.
    axial_um, ascan_um : float
        Spacing.
    bscan_um, ring_diameter_mm : float or None
        Distance of B-scans of a volume, diameter of a ring.
    fovea_mm : tuple of float
        Fovea of a volume (to nasal, to superior).
    rotation_deg : float
        As it was asked for.
    """

    pattern: ScanPattern
    laterality: Eye
    bscans: NDArray[np.float32]
    boundaries: dict[str, Array]
    shadows: Array
    axial_um: float
    ascan_um: float
    bscan_um: float | None = None
    ring_diameter_mm: float | None = None
    fovea_mm: tuple[float, float] = (0.0, 0.0)
    rotation_deg: float = 0.0


def ring_phantom(
    *,
    rnfl_um: float = 100.0,
    gcipl_um: float = 38.0,
    laterality: Eye = Eye.OD,
    seed: int = 1,
    ascans: int = 768,
    rotation_deg: float = 0.0,
) -> OctPhantom:
    """Make a peripapillary ring scan.

    Parameters
    ----------
    rnfl_um : float
        Mean RNFL thickness over the circle; it is thickest superior and inferior.
    gcipl_um : float
        Thickness of the ganglion cell and inner plexiform layers.
    laterality : Eye
        A ring runs temporal, superior, nasal, inferior in both eyes, so this is only noted.
    seed : int
        Seed of speckle.
    ascans : int
        A-scans of the circle.
    rotation_deg : float
        Angle by which A-scan 0 lies superior of temporal.
    """
    angle = np.arange(ascans) * 360.0 / ascans + rotation_deg
    shape = np.full(ascans, 0.62)
    for middle, width, height in RNFL_HUMPS:
        shape += height * np.exp(-((_turn(angle - middle) / width) ** 2))
    rnfl = rnfl_um * shape / shape.mean()
    ripple = np.cos(np.radians(angle))
    thickness = {
        "RNFL": rnfl,
        "GCIPL": np.full(ascans, gcipl_um),
        "INL": 34 + 2 * ripple,
        "OPL": 26 + 1.5 * ripple,
        "ONL": 62 + 4 * ripple,
        "IS": np.full(ascans, 27.0),
        "OS": np.full(ascans, 28.0),
        "RPE": np.full(ascans, 30.0),
    }
    course = 265 + 28 * np.cos(np.radians(angle - 35)) + 9 * np.cos(np.radians(2 * angle))
    vessels = np.ones(ascans)
    for middle in VESSEL_ANGLES_DEG:
        vessels -= 0.42 * np.exp(-0.5 * (_turn(angle - middle) / 1.6) ** 2)
    ascan_um = RING_DIAMETER_MM * np.pi * 1000 / ascans
    boundaries = _stack({name: layer[None] for name, layer in thickness.items()}, course[None])
    bscans = _render(boundaries, vessels[None], ascan_um, seed, mode="wrap")
    return OctPhantom(
        ScanPattern.RING,
        laterality,
        bscans,
        boundaries,
        vessels[None],
        AXIAL_UM,
        ascan_um,
        ring_diameter_mm=RING_DIAMETER_MM,
        rotation_deg=rotation_deg,
    )


def macula_phantom(
    *,
    gcipl_um: float = 70.0,
    laterality: Eye = Eye.OD,
    fovea_mm: tuple[float, float] = (0.1, -0.05),
    rotation_deg: float = 0.0,
    seed: int = 1,
    n_bscans: int = 31,
    ascans: int = 320,
    size_mm: float = 6.8,
) -> OctPhantom:
    """Make a macular volume with a foveal pit.

    Parameters
    ----------
    gcipl_um : float
        Mean thickness of ganglion cell and inner plexiform layers in the 6 mm disc about the
        fovea.
    laterality : Eye
        The nerve fibre layer is thicker to nasal: right in a right eye, left in a left eye.
    fovea_mm : tuple of float
        Position (to nasal, to superior) of the fovea from the centre of the scan.
    rotation_deg : float
        Angle from nasal to superior by which the retina has turned about the fovea.
    seed : int
        Seed of speckle.
    n_bscans, ascans : int
        Size; the first B-scan is superior.
    size_mm : float
        Side of the square.
    """
    steps = size_mm * 1000 / n_bscans, size_mm * 1000 / ascans
    y = -(np.arange(n_bscans) - (n_bscans - 1) / 2)[:, None] * steps[0] / 1000
    x = (np.arange(ascans) - (ascans - 1) / 2)[None] * steps[1] / 1000
    nasal = x if laterality is Eye.OD else -x
    turn = np.exp(-1j * np.radians(rotation_deg))
    place = ((nasal - fovea_mm[0]) + 1j * (y - fovea_mm[1])) * turn
    thickness = _macular_layers(place.real, place.imag, gcipl_um)
    course = 275 + 5 * x - 4 * y - 2.2 * (x**2 + y**2)
    boundaries = _stack(thickness, course)
    vessels = _macular_vessels(place.real, place.imag)
    return OctPhantom(
        ScanPattern.VOLUME,
        laterality,
        _render(boundaries, vessels, steps[1], seed, mode="nearest"),
        boundaries,
        vessels,
        AXIAL_UM,
        steps[1],
        bscan_um=steps[0],
        fovea_mm=fovea_mm,
        rotation_deg=rotation_deg,
    )


def phantom_scan(phantom: OctPhantom) -> OctScan:
    """Return a phantom as a reader would."""
    return OctScan(
        phantom.pattern,
        phantom.laterality,
        phantom.bscans,
        phantom.axial_um,
        phantom.ascan_um,
        bscan_um=phantom.bscan_um,
        ring_diameter_mm=phantom.ring_diameter_mm,
    )


def thinner(phantom: OctPhantom, loss_um: float, *, seed: int) -> OctPhantom:
    """Return the same retina after its RNFL (ring) or GCIPL (macula) lost ``loss_um``.

    The ILM moves down; where the layer is thinner than the loss, it ends.
    """
    boundaries = dict(phantom.boundaries)
    loss = loss_um / phantom.axial_um
    upper = ["ILM"] if phantom.pattern is ScanPattern.RING else ["ILM", "RNFL_GCL"]
    lower = boundaries["RNFL_GCL" if phantom.pattern is ScanPattern.RING else "IPL_INL"]
    room = np.minimum(loss, lower - boundaries[upper[-1]])
    for name in upper:
        boundaries[name] = boundaries[name] + room
    mode = "wrap" if phantom.pattern is ScanPattern.RING else "nearest"
    bscans = _render(boundaries, phantom.shadows, phantom.ascan_um, seed, mode=mode)
    return replace(phantom, bscans=bscans, boundaries=boundaries)


def write_oct_phantom(folder: Path, stem: str, phantom: OctPhantom) -> Path:
    """Write a phantom as a BIDS input: a PNG (ring) or a folder of PNGs (macula), and a sidecar.

    Parameters
    ----------
    folder : Path
        The ``oct`` folder of a visit.
    stem : str
        File name without suffix, such as ``sub-01_ses-M00_eye-OD_acq-ring``.

    Returns
    -------
    Path
        The picture or folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pages = np.round(phantom.bscans * 255).astype(np.uint8)
    if phantom.pattern is ScanPattern.RING:
        target = folder / f"{stem}_oct.png"
        Image.fromarray(pages[0]).save(target)
    else:
        target = folder / f"{stem}_oct"
        target.mkdir(exist_ok=True)
        for k, page in enumerate(pages):
            Image.fromarray(page).save(target / f"bscan-{k:03d}.png")
    sidecar = {
        "pattern": phantom.pattern.value,
        "laterality": phantom.laterality.value,
        "axial_um": phantom.axial_um,
        "ascan_um": phantom.ascan_um,
        "bscan_um": phantom.bscan_um,
        "ring_diameter_mm": phantom.ring_diameter_mm,
        "device": "synthetic",
        "quality_db": 30.0,
        "frames": 16,
    }
    content = {key: value for key, value in sidecar.items() if value is not None}
    (folder / f"{stem}_oct.json").write_text(json.dumps(content, indent=2) + "\n")
    return target


def _turn(angle: Array) -> Array:
    return (angle + 180) % 360 - 180


def _macular_layers(dx: Array, dy: Array, gcipl_um: float) -> dict[str, Array]:
    radius = np.hypot(dx, dy)
    away = dx / np.maximum(radius, 1e-9)
    return {
        "RNFL": 4 + (14 + 16 * np.clip(away, 0, 1)) * (1 - np.exp(-((radius / 1.1) ** 2))),
        "GCIPL": gcipl_um * _ganglion_shape(radius) / _disc_mean_of_ganglion_shape(),
        "INL": 3 + 34 * (1 - np.exp(-((radius / 0.45) ** 2))),
        "OPL": 3 + 24 * (1 - np.exp(-((radius / 0.4) ** 2))),
        "ONL": 62 + 42 * np.exp(-((radius / 0.8) ** 2)),
        "IS": 28 + 5 * np.exp(-((radius / 0.5) ** 2)),
        "OS": 27 + 12 * np.exp(-((radius / 0.35) ** 2)),
        "RPE": np.full_like(radius, 30.0),
    }


def _macular_vessels(nasal_mm: Array, superior_mm: Array) -> Array:
    """Share of light that passes the arcades and their branches; from the fovea, in mm."""
    light = np.ones_like(nasal_mm)
    for middle in (1.9, -1.7):
        arc = np.abs(superior_mm - middle - 0.12 * (nasal_mm - 1) ** 2 * np.sign(-middle))
        light -= 0.35 * np.exp(-0.5 * (arc / 0.035) ** 2)
    rng = np.random.default_rng(VESSEL_SEED)
    pixels = np.column_stack([nasal_mm.ravel(), superior_mm.ravel()])
    along = np.linspace(0, 1, 120)
    for _ in range(VESSEL_BRANCHES):
        start, side = rng.uniform(-3.2, 3.2), rng.choice([-1.0, 1.0])
        lean, bend, turns = rng.uniform(-0.8, 0.8), rng.uniform(0.05, 0.2), rng.uniform(1, 3)
        x = start + lean * along + bend * np.sin(2 * np.pi * turns * along)
        branch = np.column_stack([x, side * np.linspace(3.4, rng.uniform(0.5, 1.5), len(along))])
        distance = cKDTree(branch).query(pixels)[0].reshape(light.shape)
        light -= rng.uniform(0.12, 0.3) * np.exp(-0.5 * (distance / rng.uniform(0.015, 0.03)) ** 2)
    return np.clip(light, 0.4, 1)


def _ganglion_shape(radius: Array) -> Array:
    return (1 - np.exp(-((radius / 0.6) ** 2))) * np.exp(-((radius / 3.4) ** 2))


def _disc_mean_of_ganglion_shape() -> float:
    """Area mean of the shape over the 6 mm disc."""
    radius = np.linspace(0.0005, 2.9995, 3000, dtype=np.float64)
    return float((_ganglion_shape(radius) * radius).sum() / radius.sum())


def _stack(thickness_um: dict[str, Array], bm: Array) -> dict[str, Array]:
    """Boundaries from Bruch's membrane upward."""
    names = ("ILM", "RNFL_GCL", "IPL_INL", "INL_OPL", "OPL_ONL", "ELM", "EZ", "RPE")
    boundaries = {"BM": bm}
    above = bm
    for name, layer in zip(reversed(names), reversed(list(thickness_um)), strict=True):
        above = above - thickness_um[layer] / AXIAL_UM
        boundaries[name] = above
    return {name: boundaries[name] for name in (*names, "BM")}


def _render(
    boundaries: dict[str, Array], vessels: Array, ascan_um: float, seed: int, mode: str
) -> NDArray[np.float32]:
    """Draw layers with exact sub-pixel edges, vessel shadows, blur and speckle."""
    rows = np.arange(ROWS)
    edges = dict(boundaries)
    gcipl = boundaries["IPL_INL"] - boundaries["RNFL_GCL"]
    edges["IPL"] = boundaries["RNFL_GCL"] + GCL_SHARE * gcipl
    edges["OS"] = np.minimum(boundaries["EZ"] + EZ_BAND_UM / AXIAL_UM, boundaries["RPE"])
    picture = np.full((*vessels.shape, ROWS), VITREOUS)
    before = VITREOUS
    for name, brightness in BRIGHTNESS.items():
        # Share of each pixel below the edge, so that an edge may lie inside a pixel.
        below = np.clip(rows + 0.5 - edges[name][..., None], 0, 1)
        picture += (brightness - before) * below
        before = brightness
    from_elm_um = (rows - boundaries["ELM"][..., None]) * AXIAL_UM
    picture += ELM_LINE * np.exp(-0.5 * (from_elm_um / 4.0) ** 2)
    depth_um = (rows - boundaries["BM"][..., None]) * AXIAL_UM
    rng = np.random.default_rng(seed)
    texture = gaussian_filter(rng.standard_normal(picture.shape), (0, 4, 3))
    choroid = np.clip(0.48 + 0.9 * texture, 0.2, 0.75) - VITREOUS
    fading = VITREOUS + choroid * np.exp(-np.maximum(depth_um, 0) / CHOROID_DEPTH_UM)
    picture = np.where(depth_um > 4, fading, picture)
    shadowed = (rows - boundaries["RNFL_GCL"][..., None]) > 0
    picture = np.where(shadowed, VITREOUS + (picture - VITREOUS) * vessels[..., None], picture)
    picture = gaussian_filter1d(picture, 1.0, axis=2)
    picture = gaussian_filter1d(picture, 8.0 / ascan_um, axis=1, mode=mode)
    speckle = rng.gamma(12.0, 1 / 12.0, picture.shape)
    speckle = gaussian_filter1d(speckle, 0.5, axis=1, mode=mode)
    noisy = picture * speckle**0.25 + 0.02 * rng.standard_normal(picture.shape)
    return np.clip(noisy, 0, 1).transpose(0, 2, 1).astype(np.float32)
