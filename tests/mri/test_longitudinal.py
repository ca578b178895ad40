"""Two visits at their midpoint: known displacements, noise, gain, exchange, volume ratios."""

import numpy as np
import pytest
from mri_shapes import centred, ellipsoid, points, worst

from smartms_img.mri.atrophy import volume_changes
from smartms_img.mri.deformation import half_jacobians, warp
from smartms_img.mri.longitudinal import Stiffness, _prior, _sample, register_visits

SPACING_MM = 2.0
GRID = centred((40, 44, 36), SPACING_MM)
XYZ = points(GRID)
INSIDE = ellipsoid(GRID, (26, 30, 22))
# Of a single-precision solver, mm: 1.16e-4 on one kind of processor, below 1e-4 on another.
ROUNDING = 2e-4
EVERYWHERE = np.ones(GRID.shape, dtype=np.float32)


def body(xyz):
    """Ellipsoid with smooth gyri: edges everywhere inside."""
    radius = np.sqrt(((xyz / (30.0, 34.0, 26.0)) ** 2).sum(-1))
    folds = np.prod(np.cos(xyz * np.array([0.31, 0.27, 0.35]) + 0.4), axis=-1)
    return (0.7 + 0.3 * folds) / (1 + np.exp((radius - 1) * 12))


def smooth(xyz):
    """Displacement of up to 0.9 mm."""
    size = np.exp(-0.5 * (xyz**2).sum(-1) / 14.0**2)
    return size[..., None] * np.array([0.7, -0.5, 0.3])


def scaling(percent):
    """Displacement that changes every volume by exactly a percentage from visit to visit."""
    ratio = (1 + percent / 100) ** (1 / 3)
    return lambda xyz: 2 * (ratio - 1) / (ratio + 1) * xyz


def visits(image, field, xyz):
    """Both visits of a midpoint: ``earlier(x - u/2)`` and ``later(x + u/2)`` show the image."""
    images = []
    for sign in (-0.5, 0.5):
        point = xyz
        for _ in range(20):
            point = xyz - sign * field(point)
        images.append(image(point))
    return images


def noisy(images, sd, seed=0):
    rng = np.random.default_rng(seed)
    return [(image + rng.normal(0, sd, image.shape)).astype(np.float32) for image in images]


def estimate(images):
    return register_visits(*images, EVERYWHERE, SPACING_MM).displacement


def mean_change_percent(displacement):
    """Mean change of volume over the inner part of the body."""
    earlier, later = half_jacobians(displacement, SPACING_MM)
    return 100 * np.expm1(np.log(later / earlier)[INSIDE].mean())


def test_noise_moves_nothing():
    found = estimate(noisy([body(XYZ), body(XYZ)], 0.003))
    assert np.linalg.norm(found, axis=-1)[INSIDE].mean() < 0.05
    assert mean_change_percent(found) == pytest.approx(0.0, abs=0.1)


def test_the_same_scan_twice_is_no_displacement():
    """Somebody filed one scan under both visits."""
    once = body(XYZ).astype(np.float32)
    assert not estimate([once, once]).any()


def test_a_known_smooth_displacement_is_found():
    found, truth = estimate(noisy(visits(body, smooth, XYZ), 0.003)), smooth(XYZ)
    moved = INSIDE & (np.linalg.norm(truth, axis=-1) > 0.4)
    error = np.linalg.norm(found - truth, axis=-1)
    assert error[moved].mean() < 0.1 * np.linalg.norm(truth, axis=-1)[moved].mean()


def test_exchanging_the_visits_exchanges_the_sign():
    earlier, later = noisy(visits(body, smooth, XYZ), 0.003)
    weight = np.random.default_rng(1).random(GRID.shape).astype(np.float32)
    there = register_visits(earlier, later, weight, SPACING_MM)
    back = register_visits(later, earlier, weight, SPACING_MM)
    assert np.abs(there.displacement).max() > 0.3
    assert worst(back.displacement, -there.displacement) < ROUNDING
    assert worst(back.log_ratio, -there.log_ratio) < ROUNDING


@pytest.mark.parametrize("percent", [-2.0, -0.5, 1.0])
def test_a_change_of_size_is_measured(percent):
    """A body scaled about its centre: the Jacobian over it is the ratio of its volumes."""
    found = estimate(noisy(visits(body, scaling(percent), XYZ), 0.003))
    assert mean_change_percent(found) == pytest.approx(percent, abs=0.1)


BALL_MM = 15.0
BALL_GRID = centred((44, 46, 42), 1.0)
BALL_XYZ = points(BALL_GRID)


def ball(xyz):
    """Share of a voxel of 1 mm inside the ball."""
    return 1 / (1 + np.exp((np.linalg.norm(xyz, axis=-1) - BALL_MM) / 0.4))


def tissue(xyz):
    """Ball of white matter, 1.0, and grey matter, 0.7, folded at 6 to 24 mm, in fluid of 0.2."""
    rng = np.random.default_rng(3)
    waves = rng.normal(size=(40, 3))
    waves *= (2 * np.pi / rng.uniform(6, 24, 40) / np.linalg.norm(waves, axis=1))[:, None]
    phases = rng.uniform(0, 2 * np.pi, 40)
    folds = sum(np.sin(xyz @ wave + phase) for wave, phase in zip(waves, phases, strict=True))
    return 0.2 + ball(xyz) * (0.65 + 0.15 * np.tanh(folds / 2))


def nudge(xyz):
    """Displacement of 0.3 voxel that fades over a centimetre."""
    size = np.exp(-0.5 * ((xyz - (2.0, -3.0, 1.0)) ** 2).sum(-1) / 10.0**2)
    return 0.3 * size[..., None] * np.array([0.8, -0.5, 0.33])


def register_ball(images):
    return register_visits(*images, np.ones(BALL_GRID.shape, dtype=np.float32), 1.0)


def ball_change_percent(found):
    """Volume change of the ball by a registration of its two visits."""
    regions = {"ball": ball(BALL_XYZ)}
    halves = half_jacobians(found.displacement, 1.0)
    return volume_changes(*halves, regions, regions)["ball"].percent


def test_a_third_of_a_voxel_is_found_in_noise():
    found = register_ball(noisy(visits(tissue, nudge, BALL_XYZ), 0.01)).displacement
    truth, inner = nudge(BALL_XYZ), ellipsoid(BALL_GRID, (12, 12, 12))
    assert np.linalg.norm(truth, axis=-1).max() == pytest.approx(0.3, abs=0.005)
    assert np.corrcoef(found[inner].ravel(), truth[inner].ravel())[0, 1] > 0.97
    share = (found * truth)[inner].sum() / (truth**2)[inner].sum()
    assert share == pytest.approx(1.0, abs=0.15)


@pytest.mark.parametrize(("percent", "noise_sd"), [(-1.0, 0.01), (1.0, 0.03)])
def test_volume_of_a_ball_that_changed_by_one_per_cent(percent, noise_sd):
    """Its surface moves by a twentieth of a voxel."""
    images = noisy(visits(tissue, scaling(percent), BALL_XYZ), noise_sd)
    assert ball_change_percent(register_ball(images)) == pytest.approx(percent, rel=0.15)


@pytest.mark.parametrize("seed", range(3))
def test_volume_of_a_ball_that_only_noise_changed(seed):
    still = tissue(BALL_XYZ)
    found = register_ball(noisy([still, still], 0.01, seed))
    assert abs(ball_change_percent(found)) < 0.02


@pytest.mark.parametrize("slope_per_mm", [0.0, 0.002])
def test_gain_and_bias_are_no_change_of_volume(slope_per_mm):
    """The later scan is 3 % brighter, and 4 % more so from one side of the ball to the other."""
    log_ratio = np.log(1.03) + slope_per_mm * (BALL_XYZ[..., 0] - 0.5 * BALL_XYZ[..., 2])
    earlier, later = visits(tissue, scaling(-1.0), BALL_XYZ)
    found = register_ball(noisy([earlier, later * np.exp(log_ratio)], 0.01))
    inner = ellipsoid(BALL_GRID, (12, 12, 12))
    assert worst(found.log_ratio[inner], log_ratio[inner]) < 0.01
    assert ball_change_percent(found) == pytest.approx(-1.0, rel=0.15)


@pytest.mark.parametrize("percent", [0.0, -1.0])
def test_another_contrast_is_no_change_of_volume(percent):
    """Later, fluid of 0.2 is darker by 0.01, and white matter of 1.0 brighter by 0.01."""
    earlier, later = visits(tissue, scaling(percent), BALL_XYZ)
    brighter = later - 0.0108 + 0.0208 * later**2
    found = register_ball(noisy([earlier, brighter], 0.01))
    assert found.tones == pytest.approx((-0.0108, 0.0208), abs=0.004)
    assert ball_change_percent(found) == pytest.approx(percent, abs=0.1)


def test_matched_visits_have_one_signal():
    still = tissue(BALL_XYZ)
    earlier, later = noisy([still, 1.03 * still - 0.01 + 0.01 * still**2], 0.01)
    matched = register_ball([earlier, later]).match(earlier, later)
    for level in (0.2, 0.7, 1.0):
        alike = np.abs(still - level) < 0.05
        assert matched[0][alike].mean() == pytest.approx(matched[1][alike].mean(), abs=0.002)


def test_half_jacobians_of_a_linear_field():
    gradient = np.array([[0.04, 0.02, 0.0], [0.0, -0.06, 0.01], [0.03, 0.0, 0.02]])
    earlier, later = half_jacobians((XYZ @ gradient.T).astype(np.float32), SPACING_MM)
    assert worst(earlier, np.linalg.det(np.eye(3) - gradient / 2)) < 1e-5
    assert worst(later, np.linalg.det(np.eye(3) + gradient / 2)) < 1e-5


def test_half_jacobians_of_a_wave():
    """``u = 3 sin(x / 10)`` along x: the volume ratio is 1 + 0.15 cos(x / 10) for the later half.

    Central differences of a wave damp it by ``sin(h / 10) / (h / 10)``, 0.7 per cent at 2 mm.
    """
    field = np.zeros((*GRID.shape, 3), dtype=np.float32)
    field[..., 0] = 3 * np.sin(XYZ[..., 0] / 10)
    half = 0.15 * np.cos(XYZ[..., 0] / 10)
    inside = np.s_[1:-1]
    for found, expected in zip(
        half_jacobians(field, SPACING_MM), (1 - half, 1 + half), strict=True
    ):
        assert worst(found[inside], expected[inside]) < 0.0011


def test_half_jacobians_exchange_with_the_sign():
    field = smooth(XYZ).astype(np.float32)
    there, back = half_jacobians(field, SPACING_MM), half_jacobians(-field, SPACING_MM)
    assert worst(there[0], back[1]) == 0
    assert worst(there[1], back[0]) == 0


def test_warp_samples_where_the_displacement_says():
    shift = np.broadcast_to(np.array([1.0, -0.6, 0.4], dtype=np.float32), (*GRID.shape, 3))
    for share in (0.5, -0.5, 1.0):
        found = warp(body(XYZ), shift, SPACING_MM, share)
        expected = body(XYZ + share * np.array([1.0, -0.6, 0.4]))
        assert np.abs(found - expected)[INSIDE].max() < 0.02


@pytest.mark.parametrize("spacing_mm", [1.0, 2.0])
def test_the_prior_weighs_millimetres_whatever_the_grid(spacing_mm):
    """A cosine of wave number k costs membrane k^2 + bending k^4 for every mm3."""
    stiffness = Stiffness(bending=5.0, membrane=3.0)
    found = _prior((int(64 / spacing_mm), 16, 16), np.full(3, spacing_mm), stiffness)
    for half_waves in (1, 2, 4):
        k = np.pi * half_waves / 64.0
        expected = spacing_mm**3 * (3.0 * k**2 + 5.0 * k**4)
        assert found[half_waves, 0, 0] == pytest.approx(expected, rel=0.03)
    assert found[0, 0, 0] == 0.0


@pytest.mark.parametrize("shape", [(10, 11, 9), (20, 22, 18), (80, 88, 72)])
def test_other_grids_cover_the_same_field_of_view(shape):
    """A ramp keeps its place: no shift by half a voxel between resolutions."""
    found = _sample((XYZ @ [0.7, -0.4, 0.9]).astype(np.float32), shape)
    grid = centred(shape, SPACING_MM * GRID.shape[0] / shape[0])
    inside = np.s_[2:-2, 2:-2, 2:-2]
    assert worst(found[inside], (points(grid) @ [0.7, -0.4, 0.9])[inside]) < 1e-3
