"""Synthetic T1w and FLAIR of brains with lesions, from tissue fractions of the template.

No patient is in it: anatomy is the deformed MNI152 template, contrast, resolution, bias, noise and
lesions are drawn at random, wide enough that a real scan is one more draw (domain randomisation,
Billot 2023, doi:10.1016/j.media.2023.102789).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from smartms_img.mri.spline_grid import SplineGrid
from smartms_img.phantoms.template import Head

Array = NDArray[np.float32]
Random = np.random.Generator

PATCH = 48
CHANNELS = ("flair", "t1w", "white_prior", "csf_prior")


@dataclass(frozen=True)
class Anatomy:
    """Tissue fractions of one deformed head on a grid of 1 mm voxels."""

    grey: Array
    white: Array
    csf: Array
    ventricles: Array
    white_prior: Array
    csf_prior: Array


def deform(head: Head, rng: Random) -> Anatomy:
    """Return the template head, stretched, bent and with ventricles of another size."""
    box = tuple(
        slice(max(0, int(on.min()) - 6), int(on.max()) + 7) for on in np.nonzero(head.inside)
    )
    shape = head.inside[box].shape
    centre = (np.array(shape, dtype=np.float32)[:, None, None, None] - 1) / 2
    index = np.indices(shape, dtype=np.float32)
    stretch = (1 / rng.uniform(0.88, 1.12, 3))[:, None, None, None]
    at = centre + stretch.astype(np.float32) * (index - centre)
    at += _displacement(shape, 26.0, rng.uniform(1.0, 5.0), rng)
    at += _displacement(shape, 9.0, rng.uniform(0.3, 1.2), rng)
    at = _towards_ventricles(at, head.ventricle_distance_mm[box], rng.uniform(-0.5, 3.0))
    astray = at + _displacement(shape, 18.0, rng.uniform(0.3, 1.5), rng)

    def sample(data: NDArray[np.float32], points: Array) -> Array:
        return ndimage.map_coordinates(data[box], points, order=1, mode="constant")

    fractions = np.stack([sample(part, at) for part in (head.grey, head.white, head.csf)])
    inside = fractions.sum(axis=0)
    _fold(fractions, rng)
    sharp = fractions ** rng.uniform(1.0, 4.0)
    fractions = sharp / np.maximum(sharp.sum(axis=0), 1e-6) * np.clip(inside, 0, 1)
    return Anatomy(
        *fractions.astype(np.float32),
        sample(head.ventricles.astype(np.float32), at),
        sample(head.white, astray),
        sample(head.csf, astray),
    )


def _fold(fractions: Array, rng: Random) -> None:
    """Cut sulci into the outer brain: sheets of grey matter, some with fluid.

    A single brain has them; the template is a mean of many and hardly has any. The bottom of a
    sulcus is what is most easily taken for a lesion.
    """
    grey, white, csf = fractions
    shape = grey.shape
    brain = ndimage.binary_closing(grey + white > 0.5, iterations=4)
    depth_mm = ndimage.distance_transform_edt(brain).astype(np.float32)
    for _ in range(2):
        field = smooth_noise(shape, rng.uniform(11.0, 18.0), rng)
        slope = np.sqrt(sum(np.square(part) for part in np.gradient(field)))
        apart_mm = np.abs(field) / np.maximum(slope, 0.02)
        reach_mm = rng.uniform(8.0, 16.0) + 6.0 * smooth_noise(shape, 12.0, rng)
        zone = 1.0 / (1.0 + np.exp(np.clip(2.0 * (depth_mm - reach_mm), -30, 30)))
        thick_mm = rng.uniform(2.0, 3.2) + 0.4 * smooth_noise(shape, 12.0, rng)
        open_mm = rng.uniform(-0.6, 0.6) + 0.5 * smooth_noise(shape, 10.0, rng)
        ribbon = zone / (1.0 + np.exp(np.clip(3.0 * (apart_mm - thick_mm), -30, 30)))
        fluid = zone / (1.0 + np.exp(np.clip(5.0 * (apart_mm - open_mm), -30, 30)))
        taken = white * ribbon
        white -= taken
        grey += taken
        csf += fluid * (grey + white)
        grey *= 1 - fluid
        white *= 1 - fluid


def draw_patch(anatomy: Anatomy, rng: Random) -> tuple[Array, Array]:
    """Draw a patch with its lesions.

    Returns
    -------
    channels : ndarray, shape (4, n, n, n)
        In the order of ``CHANNELS``; images relative to the signal of white matter.
    lesions : ndarray, shape (n, n, n)
        1 in lesions.
    """
    at = _place(anatomy, rng)
    part = Anatomy(*(getattr(anatomy, name)[at] for name in Anatomy.__dataclass_fields__))
    share, core = _lesions(part, rng)
    flair, t1w = _signals(part, share, core, rng)
    brain = (part.grey + part.white + part.csf > 0.5) & _random_mask(part, rng)
    brain |= _leave_dura(part, flair, t1w, rng)
    blur = rng.uniform(0.25, 1.1)
    thick = rng.uniform(1.5, 4.5) if rng.random() < 0.3 else 0.0
    axis = int(rng.integers(3))
    flair = _scan(flair, blur, thick, axis, rng) * brain
    t1w = _scan(t1w, blur, thick if rng.random() < 0.5 else 0.0, axis, rng) * brain
    if rng.random() < 0.1:
        t1w = np.zeros_like(t1w)
    channels = np.stack([flair, t1w, part.white_prior, part.csf_prior])
    label = ((share > 0.5) & brain).astype(np.float32)
    for flip in np.flatnonzero(rng.random(3) < 0.5):
        channels, label = np.flip(channels, flip + 1), np.flip(label, flip)
    return np.ascontiguousarray(channels, dtype=np.float32), np.ascontiguousarray(label)


def _towards_ventricles(at: Array, distance_mm: Array, widen_mm: float) -> Array:
    """Sample nearer to the ventricles than one stands: they become wider."""
    smooth = ndimage.gaussian_filter(distance_mm, 2.0)
    away = np.stack(np.gradient(smooth))
    reach = np.exp(-smooth / 8.0)
    return (at - np.float32(widen_mm) * reach * away).astype(np.float32)


def _displacement(shape: tuple[int, ...], scale_mm: float, size_mm: float, rng: Random) -> Array:
    return np.stack([size_mm * smooth_noise(shape, scale_mm, rng) for _ in range(3)])


def smooth_noise(shape: tuple[int, ...], scale_mm: float, rng: Random) -> Array:
    """Return a smooth random field of standard deviation about 1."""
    knots = tuple(max(4, round(n / scale_mm) + 2) for n in shape)
    coarse = rng.normal(size=knots).astype(np.float32)
    return SplineGrid(shape, knots).expand(coarse) / np.float32(0.33)


def _place(anatomy: Anatomy, rng: Random) -> tuple[slice, ...]:
    """Return a box about a voxel of white matter, more often beside the ventricles."""
    while True:
        corner = [int(rng.integers(0, n - PATCH + 1)) for n in anatomy.white.shape]
        box = tuple(slice(c, c + PATCH) for c in corner)
        if anatomy.white[box].mean() > rng.uniform(0.02, 0.4):
            return box


def _lesions(part: Anatomy, rng: Random) -> tuple[Array, Array]:
    """Return the share of lesion in each voxel, and how deep in a lesion it lies, 0 to 1."""
    share, core = np.zeros_like(part.white), np.zeros_like(part.white)
    if rng.random() < 0.2:
        return share, core
    beside = ndimage.gaussian_filter(part.ventricles, 4.0)
    if rng.random() < 0.3:
        _add_band(share, core, part.ventricles, rng)
    if rng.random() < 0.2:
        _add_confluent(share, core, beside, rng)
    weight = part.white * (
        0.15 + rng.uniform(0, 6) * beside + 0.5 * smooth_noise(part.white.shape, 20.0, rng).clip(0)
    )
    total = float(weight.sum())
    if total < 50:
        return np.zeros_like(share), core
    chance = (weight / total).ravel().astype(np.float64)
    count = 1 + rng.poisson(rng.choice([1.0, 3.0, 8.0, 14.0]))
    for start in rng.choice(weight.size, count, p=chance / chance.sum()):
        centre = np.array(np.unravel_index(start, weight.shape)) + rng.uniform(-0.5, 0.5, 3)
        radius = float(np.clip(np.exp(rng.normal(0.85, 0.6)), 1.1, 12.0))
        axes = radius * np.exp(rng.normal(0.0, 0.3, 3))
        _add(share, core, centre, axes, rng)
    stays_white = rng.random() < 0.8
    tissue = np.clip(part.white + (0.25 if stays_white else 0.9) * part.grey, 0, 1)
    return share * (tissue > 0.5) * (1 - part.csf), core


def _add(
    share: Array, core: Array, centre: NDArray[np.float64], axes: NDArray[np.float64], rng: Random
) -> None:
    reach = 1.6 * axes.max() + 3
    box = tuple(
        slice(max(0, int(c - reach)), min(n, int(c + reach) + 2))
        for c, n in zip(centre, share.shape, strict=True)
    )
    points = np.stack(np.meshgrid(*[np.arange(b.start, b.stop) for b in box], indexing="ij"))
    frame = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    local = np.tensordot(frame, points - centre[:, None, None, None], axes=1)
    radius = np.sqrt(((local / axes[:, None, None, None]) ** 2).sum(axis=0))
    radius *= 1 + 0.22 * smooth_noise(radius.shape, 4.0, rng)
    depth_mm = (1 - radius) * axes.mean()
    edge = rng.uniform(0.7, 1.8)
    share[box] = np.maximum(share[box], np.clip(depth_mm / edge + 0.5, 0, 1))
    core[box] = np.maximum(core[box], np.clip(depth_mm / axes.mean(), 0, 1))


def _add_band(share: Array, core: Array, ventricles: Array, rng: Random) -> None:
    """Add a band along the ventricles, of a thickness that comes and goes."""
    shape = share.shape
    thick_mm = rng.uniform(-2.0, 4.0) + rng.uniform(1.0, 5.0) * smooth_noise(
        shape, rng.uniform(10.0, 22.0), rng
    )
    depth_mm = thick_mm - _signed(ventricles) + 0.5 * smooth_noise(shape, 4.0, rng)
    _merge(share, core, depth_mm, thick_mm.clip(1.0), rng)


def _add_confluent(share: Array, core: Array, beside: Array, rng: Random) -> None:
    """Add lesions that have run into one another, denser beside the ventricles."""
    scale_mm = rng.uniform(7.0, 14.0)
    field = smooth_noise(share.shape, scale_mm, rng) + 2.0 * np.sqrt(beside)
    depth_mm = 0.5 * scale_mm * (field - rng.uniform(1.0, 2.0))
    _merge(share, core, depth_mm, np.full_like(share, 0.5 * scale_mm), rng)


def _merge(share: Array, core: Array, depth_mm: Array, reach_mm: Array, rng: Random) -> None:
    edge_mm = rng.uniform(0.7, 1.8)
    np.maximum(share, np.clip(depth_mm / edge_mm + 0.5, 0, 1), out=share)
    np.maximum(core, np.clip(depth_mm / reach_mm, 0, 1), out=core)


def _signals(part: Anatomy, share: Array, core: Array, rng: Random) -> tuple[Array, Array]:
    """Return FLAIR and T1w without blur and noise; white matter is 1 in both."""
    shape = part.white.shape

    def varied(mean: float, sd: float, scale_mm: float) -> Array:
        return np.float32(mean) * (1 + np.float32(sd) * smooth_noise(shape, scale_mm, rng))

    grey = rng.uniform(1.02, 1.45)
    flair_grey = varied(grey, rng.uniform(0.02, 0.08), 12.0)
    fluid = rng.uniform(0.05, 0.5)
    flair_csf = varied(fluid, 0.15, 10.0)
    flair_white = varied(1.0, rng.uniform(0.005, 0.04), 15.0)
    near = np.exp(-np.abs(_signed(part.ventricles)) / rng.uniform(1.0, 5.0))
    dirty = rng.uniform(0, 0.8) * (grey - 1) * near * smooth_noise(shape, 12.0, rng).clip(0)
    flair = part.grey * flair_grey + part.white * (flair_white + dirty) + part.csf * flair_csf
    flair += _distractors(part, grey, rng)
    # Raters ask for more than the signal of grey matter.
    bright = grey + rng.uniform(0.08, 0.9) * rng.choice([0.5, 1.0]) * (
        1 + 0.15 * smooth_noise(shape, 3.0, rng)
    )
    hollow = rng.uniform(0.4, 1.0) if rng.random() < 0.2 else 0.0
    bright = bright - hollow * (bright - fluid) * np.clip(2.5 * core - 1.3, 0, 1)
    flair = flair + share * (bright - flair)
    t1_grey, t1_csf = rng.uniform(0.5, 0.88), rng.uniform(0.1, 0.45)
    t1w = part.grey * varied(t1_grey, 0.04, 10.0) + part.white * varied(1.0, 0.015, 12.0)
    t1w += part.csf * t1_csf
    dark = 1 - rng.uniform(0.0, 1.0) * (1 - t1_csf) * (0.4 + 0.6 * core)
    return flair, t1w + share * (dark - t1w)


def _signed(mask: Array) -> Array:
    inside = mask > 0.5
    if not inside.any():
        return np.full(mask.shape, 99.0, dtype=np.float32)
    return ndimage.distance_transform_edt(~inside) - ndimage.distance_transform_edt(inside)


def _distractors(part: Anatomy, grey: float, rng: Random) -> Array:
    """Return what is bright and no lesion: ventricle walls, plexus, sulci, patches of cortex."""
    shape = part.white.shape
    extra = np.zeros(shape, dtype=np.float32)
    distance = _signed(part.ventricles)
    wall = np.exp(-0.5 * ((distance - rng.uniform(-0.3, 0.8)) / rng.uniform(0.4, 0.9)) ** 2)
    extra += rng.uniform(0, 0.5) * wall * smooth_noise(shape, 8.0, rng).clip(0, 1.5)
    plexus = (smooth_noise(shape, 4.0, rng) > 1.0) * part.ventricles
    extra += rng.uniform(0.2, 1.2) * plexus
    flow = (smooth_noise(shape, 5.0, rng) > 1.3) * part.csf
    extra += rng.uniform(0, 0.9) * flow
    patch = (smooth_noise(shape, 5.0, rng) - 0.8).clip(0, 1) * part.grey
    return extra + rng.uniform(0, 0.5) * patch * grey


def _random_mask(part: Anatomy, rng: Random) -> NDArray[np.bool_]:
    """Return where a skull-stripping tool leaves the brain: mostly without the outer fluid."""
    tissue = ndimage.gaussian_filter(part.grey + part.white + part.ventricles, 1.0)
    return tissue > rng.choice([0.05, 0.1, 0.35]) + 0.05 * smooth_noise(tissue.shape, 10.0, rng)


def _leave_dura(part: Anatomy, flair: Array, t1w: Array, rng: Random) -> NDArray[np.bool_]:
    """Paint tissue outside the brain; return what skull stripping left of it, often nothing."""
    outside = np.clip(1.0 - part.grey - part.white - part.csf, 0, 1)
    for image in (flair, t1w):
        level = rng.uniform(0.2, 1.5)
        uneven = (1 + 0.4 * smooth_noise(flair.shape, 5.0, rng)).clip(0)
        np.add(image, outside * level * uneven, out=image)
    if rng.random() < 0.6:
        return np.zeros(flair.shape, dtype=bool)
    left = (outside > 0.5) & (smooth_noise(flair.shape, 9.0, rng) > rng.uniform(0.0, 2.0))
    return left & (ndimage.distance_transform_edt(outside > 0.5) < rng.uniform(2.0, 9.0))


def _scan(image: Array, blur: float, thick_mm: float, axis: int, rng: Random) -> Array:
    """Blur, slice, add noise and a bias field; the scale of the signal is not quite known."""
    image = ndimage.gaussian_filter(image, blur)
    if thick_mm:
        sigma = [0.0, 0.0, 0.0]
        sigma[axis] = thick_mm / 2.5
        count = max(4, round(image.shape[axis] / thick_mm))
        zoom = [1.0, 1.0, 1.0]
        zoom[axis] = count / image.shape[axis]
        thin = ndimage.zoom(
            ndimage.gaussian_filter(image, sigma), zoom, order=1, mode="nearest", grid_mode=True
        )
        image = _noisy(thin, rng)
        zoom[axis] = PATCH / count
        image = ndimage.zoom(image, zoom, order=1, mode="nearest", grid_mode=True)
    else:
        image = _noisy(image, rng)
    bias = np.exp(rng.uniform(0, 0.06) * smooth_noise(image.shape, 30.0, rng))
    return (image * bias * rng.uniform(0.93, 1.07)).astype(np.float32)


def _noisy(image: Array, rng: Random) -> Array:
    sd = rng.uniform(0.01, 0.07)
    return np.hypot(image + rng.normal(0, sd, image.shape), rng.normal(0, sd, image.shape))
