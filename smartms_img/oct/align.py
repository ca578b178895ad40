"""Follow-up scans at the place of the baseline: shift on the fundus, rotation of a ring."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates, zoom
from scipy.optimize import minimize

from smartms_img.oct.columns import FloatArray, flatten

FloatPair = tuple[float, float] | NDArray[np.float64]

MAX_ROTATION_DEG = 20.0
ANGLES_DEG = tuple(range(-12, 13, 2))
# Every second pixel is enough to find the valley in which the best motion lies.
THIN = 2
LEAST_OVERLAP = 0.25
PROFILE_ROWS = 64
PROFILE_UM = 8.0


@dataclass(frozen=True)
class Motion:
    """Rigid motion of the retina between two pictures, about the middles of both.

    Attributes
    ----------
    x_mm, y_mm : float
        Where the content of the middle of the baseline lies from the middle of the follow-up
        (x to the right, y downward).
    rotation_deg : float
        Angle from x towards y by which the content has turned.
    similarity : float
        Correlation of the overlap after the motion, -1..1.
    """

    x_mm: float
    y_mm: float
    rotation_deg: float
    similarity: float


def ring_profile(
    bscan: FloatArray, bm: NDArray[np.float64], axial_um: float
) -> NDArray[np.float32]:
    """Picture of a ring flattened to Bruch's membrane: shape (ascans, 64), 8 um a row."""
    columns = np.ascontiguousarray(bscan.T[None])
    step = PROFILE_UM / axial_um
    height = int(np.ceil(PROFILE_ROWS * step))
    flat = flatten(columns, (bm - height)[None], height + 1)[0]
    blurred = gaussian_filter(flat, (2, step / 2), mode=("wrap", "nearest"))
    rows = np.round(np.arange(PROFILE_ROWS) * step).astype(int)
    return np.asarray(blurred[:, rows], np.float32)


def ring_rotation(
    baseline: NDArray[np.float32], follow: NDArray[np.float32]
) -> tuple[float, float]:
    """Rotation of a follow-up ring against its baseline.

    Parameters
    ----------
    baseline, follow : ndarray, shape (ascans, rows)
        Flattened pictures of :func:`ring_profile`; the number of A-scans may differ.

    Returns
    -------
    rotation_deg : float
        Angle by which A-scan 0 of the follow-up lies superior of that of the baseline.
    similarity : float
        Correlation of both pictures after the rotation.
    """
    if len(follow) != len(baseline):
        follow = zoom(follow, (len(baseline) / len(follow), 1), order=1, mode="grid-wrap")
    first, second = (_standardised(picture) for picture in (baseline, follow))
    spectrum = np.fft.rfft(first, axis=0) * np.conj(np.fft.rfft(second, axis=0))
    correlation = np.fft.irfft(spectrum.sum(axis=1), n=len(first)) / first.size
    width = 360.0 / len(first)
    lag = np.arange(len(first))
    angle = (lag * width + 180) % 360 - 180
    allowed = np.where(np.abs(angle) <= MAX_ROTATION_DEG, correlation, -np.inf)
    best = int(allowed.argmax())
    left, middle, right = (correlation[(best + k) % len(first)] for k in (-1, 0, 1))
    curvature = left - 2 * middle + right
    part = 0.5 * (left - right) / curvature if curvature < 0 else 0.0
    return float(angle[best] + part * width), float(middle)


def turn(angle_deg: float) -> NDArray[np.float64]:
    """Return the matrix that turns (row, column) from x towards y, and (x, y) back."""
    cos, sin = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    return np.array([[cos, sin], [-sin, cos]])


def enface_motion(
    baseline: NDArray[np.floating], follow: NDArray[np.floating], pixel_mm: float
) -> Motion:
    """Motion between two en-face pictures of one eye.

    For angles two degrees apart the best shift is found with Fourier transforms (correlation of
    the overlap, at least a quarter of the smaller picture: Padfield 2012,
    doi:10.1109/TIP.2011.2181402); from the best of them the correlation is climbed in angle and
    shift together.

    Parameters
    ----------
    baseline, follow : ndarray, shape (rows, columns)
        Row 0 superior, column 0 at the observer's left; square pixels of one size.
    pixel_mm : float
        Size of a pixel.
    """
    first, second = (_local_contrast(picture, pixel_mm) for picture in (baseline, follow))
    thin = [gaussian_filter(picture, THIN / 2)[::THIN, ::THIN] for picture in (first, second)]
    starts = [(*_best_shift(thin[0], thin[1], angle), angle) for angle in ANGLES_DEG]
    _, thin_step, angle = max(starts, key=lambda start: start[0])
    # Thinned pictures begin at the same pixel but have other middles.
    off = [
        (np.array(whole.shape) - 1) / 2 - THIN * (np.array(part.shape) - 1) / 2
        for whole, part in zip((first, second), thin, strict=True)
    ]
    step = THIN * thin_step + turn(angle) @ off[0] - off[1]

    def loss(values: NDArray[np.float64]) -> float:
        return -_overlap_correlation(first, second, float(values[0]), values[1:])

    found = minimize(
        loss,
        [angle, *step],
        method="Nelder-Mead",
        options={"initial_simplex": _simplex([angle, *step]), "xatol": 0.005, "fatol": 1e-6},
    )
    rotation, row, column = (float(value) for value in found.x)
    return Motion(column * pixel_mm, row * pixel_mm, rotation, -float(found.fun))


def enface(
    bscans: FloatArray, ilm: NDArray[np.float64], ez: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Mean brightness of the photoreceptor complex, in which vessels throw their shadows.

    Returns
    -------
    ndarray, shape (n_bscans, ascans)
    """
    rows = np.arange(bscans.shape[1])[:, None]
    depth = ez + 0.2 * (ez - ilm)
    inside = (rows >= ez[:, None]) & (rows <= depth[:, None])
    total = np.where(inside, bscans, 0).sum(axis=1)
    return np.asarray(total / np.maximum(inside.sum(axis=1), 1), np.float32)


def _standardised(picture: NDArray[np.float32]) -> NDArray[np.float64]:
    centred = picture.astype(np.float64) - picture.mean(axis=0)
    return np.asarray(centred / max(float(centred.std()), 1e-9), np.float64)


def _local_contrast(picture: NDArray[np.floating], pixel_mm: float) -> NDArray[np.float64]:
    """Vessels without illumination: fine minus coarse smoothing."""
    image = picture.astype(np.float64)
    fine, coarse = (gaussian_filter(image, size / pixel_mm) for size in (0.04, 0.4))
    return np.asarray(fine - coarse, np.float64)


def _simplex(start: list[float]) -> NDArray[np.float64]:
    """Return the first simplex: a degree and two pixels about the start."""
    return np.array([start, *(np.array(start) + np.diag([1.0, 2.0, 2.0]))])


def _sampled(
    picture: NDArray[np.float64], shape: tuple[int, ...], angle_deg: float, step: FloatPair
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Sample a picture where the pixels of another come to lie; also tell where it has pixels.

    ``step`` is in pixels (row, column), from middle to middle.
    """
    (cos, sin), _ = turn(angle_deg)
    rows, columns = (axis - (n - 1) / 2 for axis, n in zip(np.indices(shape), shape, strict=True))
    middle = [(n - 1) / 2 for n in picture.shape]
    row = cos * rows + sin * columns + step[0] + middle[0]
    column = -sin * rows + cos * columns + step[1] + middle[1]
    inside = (row >= 0) & (row <= picture.shape[0] - 1)
    inside &= (column >= 0) & (column <= picture.shape[1] - 1)
    return map_coordinates(picture, [row, column], order=1, mode="nearest"), inside


def _overlap_correlation(
    first: NDArray[np.float64], second: NDArray[np.float64], angle_deg: float, step: FloatPair
) -> float:
    moved, inside = _sampled(second, first.shape, angle_deg, step)
    if inside.sum() < LEAST_OVERLAP * min(first.size, second.size):
        return -1.0
    a, b = first[inside], moved[inside]
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / max(float(np.sqrt((a**2).sum() * (b**2).sum())), 1e-12))


def _best_shift(
    first: NDArray[np.float64], second: NDArray[np.float64], angle_deg: float
) -> tuple[float, NDArray[np.float64]]:
    """Return the best correlation at an angle, and its step as :func:`_sampled` takes it."""
    turned, there = _sampled(second, second.shape, angle_deg, (0.0, 0.0))
    turned, weight = turned * there, there.astype(np.float64)
    shape = tuple(a + b - 1 for a, b in zip(first.shape, second.shape, strict=True))

    def correlate(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
        # Entry (i, j) is the sum over b moved by (i, j) - (b.shape - 1) upon a.
        product = np.fft.rfft2(a, shape) * np.fft.rfft2(b[::-1, ::-1], shape)
        return np.asarray(np.fft.irfft2(product, shape), np.float64)

    here = np.ones_like(first)
    count = np.maximum(correlate(here, weight), 1)
    sum_a, sum_b = correlate(first, weight), correlate(here, turned)
    covariance = correlate(first, turned) - sum_a * sum_b / count
    variance_a = correlate(first**2, weight) - sum_a**2 / count
    variance_b = correlate(here, turned**2) - sum_b**2 / count
    scale = np.sqrt(np.maximum(variance_a, 1e-9) * np.maximum(variance_b, 1e-9))
    enough = count >= LEAST_OVERLAP * min(first.size, second.size)
    score = np.where(enough, covariance / scale, -1.0)
    place = np.unravel_index(score.argmax(), score.shape)
    # Moving the follow-up by (i, j) lays it upon the baseline, so its content lies at -(i, j).
    corner = [n - 1 - int(k) for n, k in zip(second.shape, place, strict=True)]
    middles = [c + (a - b) / 2 for c, a, b in zip(corner, first.shape, second.shape, strict=True)]
    return float(score[place]), turn(angle_deg) @ middles
