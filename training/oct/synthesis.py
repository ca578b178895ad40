"""Synthetic B-scans, flattened along the EZ, with the four inner boundaries known exactly.

No patient is in it: thickness, brightness, vessels, speckle, cysts and membranes are drawn at
random, wide enough that a real scan is one more draw (domain randomisation, Billot 2023,
doi:10.1016/j.media.2023.102789).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from smartms_img.oct.layer_net import ASCAN_UM, AXIAL_UM, net_channels

Array = NDArray[np.float32]
Random = np.random.Generator

ASCANS = 160
ROWS = 128
# Thickness in um from the ILM to the EZ: nerve fibres, ganglion cells with inner plexiform layer,
# inner nuclear, outer plexiform, outer nuclear layer with inner segments.
LAYERS = 5


@dataclass(frozen=True)
class Bscan:
    """What the net sees, and the rows of the four boundaries, shape (4, ascans)."""

    channels: Array
    boundaries: Array


@dataclass(frozen=True)
class _Vessel:
    """A vessel that crosses the picture: its A-scan and half its width, in A-scans."""

    ascan: float
    half: float

    @classmethod
    def draw(cls, rng: Random) -> _Vessel:
        return cls(rng.uniform(0, ASCANS), float(np.clip(rng.lognormal(0.9, 0.6), 1.0, 9.0)))


def draw_bscan(rng: Random) -> Bscan:
    """Draw a B-scan of the macula or round the disc."""
    ring = rng.random() < 0.35
    thickness = _ring_layers(rng) if ring else _macula_layers(rng)
    uneven = [(1 + rng.uniform(0, 0.07) * _noise(rng, 250.0)).clip(0.3) for _ in thickness]
    thickness *= np.stack(uneven)
    vessels = [_Vessel.draw(rng) for _ in range(rng.poisson(3.0 if ring else 1.5))]
    if ring:
        _bulge(thickness, vessels, rng)
    rows = np.maximum(thickness, 0) / AXIAL_UM
    ez = ROWS - int(rng.integers(12, 17))
    total = rows.sum(axis=0)
    # Thicker retinas than the picture is high are rare: squeezed, they serve as well.
    rows *= np.minimum(1.0, (ez - 5) / total.max())
    tops = ez - rows[::-1].cumsum(axis=0)[::-1]
    picture = _painted(tops, ez, rng)
    for vessel in vessels:
        picture = _with_vessel(picture, tops, vessel, rng)
    picture = _recorded(picture, rng)
    wobble = rng.uniform(0, 1.2) * _noise(rng, 200.0)
    picture = _moved(picture, wobble)
    tops = tops + wobble
    ilm = tops[0] + rng.uniform(-0.7, 0.7) + rng.uniform(0, 0.7) * _noise(rng, 60.0)
    if rng.random() < 0.5:
        picture, tops, ilm = picture[::-1], tops[:, ::-1], ilm[::-1]
    channels = net_channels(picture.astype(np.float32)[None], ilm[None], ez)
    return Bscan(channels[0], tops[1:].astype(np.float32))


def _noise(rng: Random, scale_um: float) -> Array:
    """Return a smooth random curve of standard deviation about 1."""
    curve = ndimage.gaussian_filter1d(
        rng.normal(size=ASCANS), scale_um / ASCAN_UM / 2, mode="reflect"
    )
    return (curve / max(float(curve.std()), 1e-3)).astype(np.float32)


def _macula_layers(rng: Random) -> Array:
    x_mm = (np.arange(ASCANS) - ASCANS / 2) * ASCAN_UM / 1000 + rng.normal(0, 1.6)
    beside_mm = 0.0 if rng.random() < 0.5 else rng.uniform(0, 2.5)
    r = np.hypot(x_mm, beside_mm)

    def pit(scale_mm: float) -> Array:
        return 1 - np.exp(-((r / scale_mm) ** 2))

    slope = np.clip(0.5 + rng.choice([-0.5, 0.5]) * x_mm / 2.0, 0, 1)
    fibres = rng.uniform(0, 8) + (rng.uniform(4, 22) + rng.uniform(0, 40) * slope) * pit(1.1)
    peak_mm = rng.uniform(0.8, 1.2)
    crown = pit(rng.uniform(0.35, 0.65)) * (
        rng.uniform(0.4, 0.7) + 0.5 * np.exp(-(((r - peak_mm) / rng.uniform(0.8, 1.6)) ** 2))
    )
    ganglion = rng.uniform(0, 6) + rng.uniform(30, 105) * crown
    inner = rng.uniform(0, 6) + rng.uniform(20, 45) * pit(rng.uniform(0.3, 0.6))
    outer = rng.uniform(0, 8) + rng.uniform(14, 36) * pit(rng.uniform(0.25, 0.5))
    nuclear = rng.uniform(62, 100) + rng.uniform(15, 65) * np.exp(
        -((r / rng.uniform(0.5, 1.1)) ** 2)
    )
    return np.stack([fibres, ganglion, inner, outer, nuclear]).astype(np.float32)


def _ring_layers(rng: Random) -> Array:
    fibres = np.full(ASCANS, rng.uniform(20, 130)) + rng.uniform(0, 45) * _noise(rng, 700.0)
    steady = [(30, 62), (26, 48), (18, 40), (70, 118)]
    others = [
        np.full(ASCANS, rng.uniform(*limits)) + rng.uniform(0, 4) * _noise(rng, 700.0)
        for limits in steady
    ]
    return np.stack([fibres.clip(4), *others]).astype(np.float32)


def _painted(tops: Array, ez: int, rng: Random) -> Array:
    """Return brightness, shape (ascans, rows), of layers without vessels and noise."""
    ganglion = rng.uniform(0.35, 0.62)
    nuclear = ganglion - rng.uniform(0.06, 0.25)
    plexiform = nuclear + rng.uniform(0.06, 0.25)
    outer = nuclear - rng.uniform(-0.02, 0.2)
    split = tops[1] + rng.uniform(0.4, 0.6) * (tops[2] - tops[1])
    henle = tops[4] + rng.uniform(0, 35) / AXIAL_UM
    limit = ez - rng.uniform(22, 30) / AXIAL_UM
    henle = np.minimum(henle, limit)
    tilt = 1 + rng.uniform(0, 0.35) * _noise(rng, 900.0)
    fade = rng.uniform(0, 0.9)
    henle_share = rng.uniform(0, 0.7) * (1 - fade) * tilt.clip(0, 1.5)
    henle_level = outer + henle_share * (plexiform - outer)
    deep = np.full(ASCANS, ez, dtype=np.float32)
    fibre_level = ganglion + rng.uniform(0.1, 0.5)
    edges_levels = [
        (tops[0], fibre_level * (1 + rng.uniform(0, 0.12) * _noise(rng, 400.0))),
        (tops[1], ganglion),
        (split, ganglion + rng.uniform(-0.04, 0.12)),
        (tops[2], nuclear),
        (tops[3], plexiform),
        (tops[4], henle_level),
        (henle, outer),
        (deep - 27 / AXIAL_UM, outer + rng.uniform(0.05, 0.3)),
        (deep - 21 / AXIAL_UM, outer + rng.uniform(0.0, 0.15)),
        (deep, rng.uniform(0.75, 1.5)),
        (deep + 18 / AXIAL_UM, rng.uniform(0.45, 0.9)),
        (deep + 32 / AXIAL_UM, rng.uniform(0.75, 1.5)),
    ]
    row = np.arange(ROWS, dtype=np.float32)
    picture = np.full((ASCANS, ROWS), rng.uniform(-0.03, 0.08), dtype=np.float32)
    for edge, level in edges_levels:
        share = np.clip(row + 0.5 - np.asarray(edge, dtype=np.float32)[:, None], 0, 1)
        target = np.broadcast_to(np.asarray(level, dtype=np.float32), (ASCANS,))[:, None]
        picture += share * (target - picture)
    _shade(picture, tops[2], tops[3], rng.uniform(-0.3, 0.7) * (plexiform - nuclear), rng)
    _shade(picture, tops[3], tops[4], -fade * (plexiform - outer), rng)
    _add_membrane(picture, tops, rng)
    _add_cysts(picture, tops, nuclear, rng)
    fading = np.exp(-rng.uniform(0, 0.004) * (row - tops[0][:, None]).clip(0))
    return picture * fading


def _shade(picture: Array, top: Array, bottom: Array, rise: float, rng: Random) -> None:
    """Let the brightness of a layer change with depth, by ``rise`` at its lower border.

    Cell layers do not end at once: the inner nuclear layer brightens toward its synapses, and the
    outer plexiform layer fades into Henle's fibres.
    """
    row = np.arange(ROWS, dtype=np.float32)
    share = (row - top[:, None]) / np.maximum(bottom - top, 0.5)[:, None]
    inside = (share > 0) & (share < 1)
    picture += np.where(inside, rise * share.clip(0, 1) ** rng.uniform(0.8, 3.0), 0)


def _add_membrane(picture: Array, tops: Array, rng: Random) -> None:
    """Paint a bright line on the ILM, with or without a gap, over a part of the picture."""
    if rng.random() > 0.12:
        return
    lift = rng.uniform(0, 5) * (_noise(rng, 300.0) > 0)
    distance = np.arange(ROWS) - (tops[0] - lift)[:, None]
    here = (_noise(rng, 500.0) > 0)[:, None]
    picture += here * rng.uniform(0.2, 0.6) * np.exp(-0.5 * (distance / 0.8) ** 2)


def _add_cysts(picture: Array, tops: Array, nuclear: float, rng: Random) -> None:
    """Paint dark microcysts into the inner nuclear layer."""
    if rng.random() > 0.12:
        return
    for _ in range(rng.integers(2, 12)):
        ascan = int(rng.integers(ASCANS))
        middle = (tops[2, ascan] + tops[3, ascan]) / 2
        height = max((tops[3, ascan] - tops[2, ascan]) / 2 * rng.uniform(0.4, 0.9), 0.5)
        x, y = np.mgrid[:ASCANS, :ROWS]
        inside = ((x - ascan) / rng.uniform(1, 5)) ** 2 + ((y - middle) / height) ** 2 < 1
        picture[inside] = rng.uniform(0.1, 0.6) * nuclear


def _bulge(thickness: Array, vessels: list[_Vessel], rng: Random) -> None:
    """Let nerve fibres with large vessels in them push the ganglion cells aside."""
    for vessel in vessels:
        width = rng.uniform(1.2, 2.6) * vessel.half
        aside = rng.normal(0, vessel.half)
        reach = np.exp(-0.5 * ((np.arange(ASCANS) - vessel.ascan - aside) / width) ** 2)
        pushed = rng.uniform(0, 9.0) * vessel.half * reach
        pushed = np.minimum(pushed, 0.85 * thickness[1]).astype(np.float32)
        thickness[0] += pushed
        thickness[1] -= pushed


def _with_vessel(picture: Array, tops: Array, vessel: _Vessel, rng: Random) -> Array:
    """Lay a vessel into the inner layers; its shadow darkens what lies below."""
    x, row = np.arange(ASCANS), np.arange(ROWS)
    column = int(np.clip(vessel.ascan, 0, ASCANS - 1))
    floor = tops[1, column] if rng.random() < 0.7 else tops[2, column]
    height = vessel.half * ASCAN_UM / AXIAL_UM * rng.uniform(0.4, 0.9)
    depth = max(floor - height, tops[0, column] + 1)
    profile = np.exp(-0.5 * ((x - vessel.ascan) / vessel.half) ** 4)[:, None]
    body = np.exp(-0.5 * ((row - depth) / max(height, 1)) ** 4)[None]
    picture = picture + rng.uniform(-0.15, 0.3) * profile * body
    below = 1 / (1 + np.exp(-(row - depth - height)))[None]
    return picture * (1 - rng.uniform(0.2, 0.9) * profile * below)


def _recorded(picture: Array, rng: Random) -> Array:
    """Blur, light, speckle and scaling of a recording."""
    picture = ndimage.gaussian_filter(picture, (rng.uniform(0, 0.8), rng.uniform(0.2, 1.0)))
    picture *= (1 + rng.uniform(0, 0.2) * _noise(rng, 500.0)).clip(0.3)[:, None]
    speckle = ndimage.gaussian_filter(
        rng.normal(size=picture.shape), (rng.uniform(0.2, 1.6), rng.uniform(0.2, 0.8))
    )
    speckle /= speckle.std()
    strength = rng.choice([0.04, 0.1, 0.2]) * rng.uniform(0.5, 1.5)
    picture = picture * (1 + strength * speckle)
    picture = picture + rng.uniform(0.01, 0.1) * rng.normal(size=picture.shape)
    gamma = np.exp(rng.normal(0, 0.15))
    return np.sign(picture) * np.abs(picture) ** gamma * rng.uniform(0.85, 1.15)


def _moved(picture: Array, rows: Array) -> Array:
    """Move each column down by a fraction of a row."""
    ascan, row = np.mgrid[:ASCANS, :ROWS].astype(np.float32)
    return ndimage.map_coordinates(picture, [ascan, row - rows[:, None]], order=1, mode="nearest")
