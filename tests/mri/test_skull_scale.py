"""The scaling of the scanner: found on a skull whatever happens inside it."""

import numpy as np
import pytest

from smartms_img.mri.skull_scale import ScaleChange, half_scales, scale_change, skull_ring

SPACING_MM = 3.0
SHAPE = (72, 80, 70)
CENTRE = (np.array(SHAPE) - 1) / 2
XYZ = (np.moveaxis(np.indices(SHAPE, dtype=float), 0, -1) - CENTRE) * SPACING_MM
BRAIN = ((XYZ / (68.0, 84.0, 64.0)) ** 2).sum(axis=-1) < 1
RING = skull_ring(BRAIN, np.ones(SHAPE, dtype=bool), SPACING_MM)


def head(xyz):
    """Brain, dark skull and bright, uneven scalp."""
    radius = np.sqrt(((xyz / (68.0, 84.0, 64.0)) ** 2).sum(axis=-1))
    lumps = 0.04 * np.prod(np.sin(xyz / 17.0 + 0.5), axis=-1)
    brain = 0.6 / (1 + np.exp((radius - 1.0) * 30))
    scalp = np.exp(-0.5 * ((radius - 1.2 - lumps) / 0.05) ** 2)
    return brain + scalp


def scan(scales, seed, *, brain=1.0, gain=1.0, turn=0.0):
    """A head that the scanner shows larger by the exponentials of ``scales``."""
    rng = np.random.default_rng(seed)
    cos, sin = np.cos(turn), np.sin(turn)
    xyz = (XYZ / np.exp(scales)) @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1.0]])
    image = np.where(BRAIN, head(xyz / brain), head(xyz))
    ramp = 1 + 0.001 * XYZ[..., 1]
    return (gain * ramp * image + rng.normal(0, 0.02, SHAPE)).astype(np.float32)


@pytest.mark.parametrize("scales", [(0.0, 0.0, 0.0), (0.002, 0.002, 0.002), (0.0, 0.001, -0.003)])
def test_the_scaling_is_found_beside_motion_gain_and_atrophy(scales):
    half = 0.5 * np.array(scales)
    earlier = scan(-half, 1)
    later = scan(half, 2, brain=0.995, gain=1.3, turn=0.003)
    found = scale_change(earlier, later, RING, SPACING_MM, CENTRE)
    assert found is not None
    assert found.log_scales == pytest.approx(scales, abs=2e-4)
    assert found.volume_percent == pytest.approx(100 * sum(scales), abs=0.04)
    assert 0 < found.standard_error < 3e-4


def test_exchanging_the_visits_exchanges_the_sign():
    images = scan((0.001, -0.001, 0.002), 3), scan((0.0, 0.0, 0.0), 4)
    there = scale_change(*images, RING, SPACING_MM, CENTRE).log_scales
    back = scale_change(*images[::-1], RING, SPACING_MM, CENTRE).log_scales
    assert there == pytest.approx(-back, abs=1e-6)


def test_the_ring_is_the_head_around_the_brain_that_both_scans_show():
    seen = np.ones(SHAPE, dtype=bool)
    seen[..., :20] = False
    ring = skull_ring(BRAIN, seen, SPACING_MM)
    assert not (ring & BRAIN).any()
    assert not ring[..., :20].any()
    assert ring[..., 20:].any()


def test_both_halves_leave_the_centre_in_place():
    change, centre = ScaleChange(np.array([0.002, -0.001, 0.003]), 0.0), np.array([5.0, -7.0, 9.0])
    for matrix in half_scales(change, centre):
        assert matrix[:3, :3] @ centre + matrix[:3, 3] == pytest.approx(centre)


def test_too_little_head_tells_no_scale():
    image, nothing = scan((0.0, 0.0, 0.0), 5), np.zeros(SHAPE, dtype=bool)
    assert scale_change(image, image, nothing, SPACING_MM, CENTRE) is None
