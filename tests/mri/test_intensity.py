"""Two visits of known gain and bias become equal; real change stays."""

import numpy as np
import pytest
from mri_shapes import centred, ellipsoid, points, worst

from smartms_img.mri.intensity import match_intensity

SPACING_MM = 4.0


@pytest.fixture(scope="module")
def head():
    """Tissue 100 and 70 with texture in air; valid is its inner part."""
    grid = centred((41, 45, 38), SPACING_MM)
    brain, white = ellipsoid(grid, (65, 80, 60)), ellipsoid(grid, (50, 65, 45))
    texture = np.random.default_rng(0).normal(0, 2, grid.shape)
    signal = np.where(white, 100.0, np.where(brain, 70.0, 0.0)) + texture * brain
    return points(grid), signal.astype(np.float32), ellipsoid(grid, (60, 75, 55)), grid


def _bias(xyz):
    """Linear and curved, about -15 to 20 per cent."""
    x, y, z = (xyz / 60.0)[..., 0], (xyz / 60.0)[..., 1], (xyz / 60.0)[..., 2]
    return 0.08 * x - 0.05 * y * z + 0.04 * z + 0.03 * x**2


def test_a_gain_is_undone_and_the_median_becomes_one(head):
    _, signal, valid, _ = head
    earlier, later = match_intensity(signal, 3.7 * signal, valid, SPACING_MM)
    assert np.median(earlier[valid]) == pytest.approx(1.0, abs=1e-4)
    assert worst(later, earlier) < 1e-4


def test_a_smooth_bias_is_undone(head):
    xyz, signal, valid, _ = head
    bias = _bias(xyz)
    later = (2.0 * signal * np.exp(bias)).astype(np.float32)
    first, second = match_intensity(signal, later, valid, SPACING_MM)
    left = np.log(second[valid] / first[valid])
    assert bias[valid].std() > 0.04
    assert left.std() < 0.1 * bias[valid].std()
    assert abs(left.mean()) < 0.005


def test_both_visits_move_half_way(head):
    xyz, signal, valid, _ = head
    later = (signal * np.exp(_bias(xyz))).astype(np.float32)
    first, second = match_intensity(signal, later, valid, SPACING_MM)
    moved = np.log(first[valid] / signal[valid]), np.log(second[valid] / later[valid])
    half = 0.5 * (_bias(xyz)[valid] - _bias(xyz)[valid].mean())
    assert np.abs(moved[0] - moved[0].mean() - half).max() < 0.02
    assert np.abs(moved[1] - moved[1].mean() + half).max() < 0.02


def test_exchanging_the_visits_exchanges_the_images(head):
    xyz, signal, valid, _ = head
    later = (0.5 * signal * np.exp(_bias(xyz))).astype(np.float32)
    there = match_intensity(signal, later, valid, SPACING_MM)
    back = match_intensity(later, signal, valid, SPACING_MM)
    assert worst(there[0], back[1]) < 1e-4
    assert worst(there[1], back[0]) < 1e-4


def test_a_changed_lesion_is_no_bias(head):
    """A 20 mm ball that lost 40 per cent keeps its loss."""
    _, signal, valid, grid = head
    lesion = ellipsoid(grid, (10, 10, 10), centre=(20, 10, 5))
    later = np.where(lesion, 0.6 * signal, signal)
    first, second = match_intensity(signal, later, valid, SPACING_MM)
    loss = np.log(second[lesion] / first[lesion])
    assert loss.mean() == pytest.approx(np.log(0.6), abs=0.01)
    assert np.abs(np.log(second[valid & ~lesion] / first[valid & ~lesion])).max() < 0.01
