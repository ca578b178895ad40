"""Synthetic B-scans: boundaries in order, the right channels, and edges where the truth says."""

import numpy as np

from smartms_img.oct.layer_net import AXIAL_UM
from training.oct.synthesis import ASCANS, ROWS, draw_bscan


def test_boundaries_are_ordered_and_inside():
    rng = np.random.default_rng(1)
    for _ in range(40):
        bscan = draw_bscan(rng)
        assert bscan.channels.shape == (3, ASCANS, ROWS)
        assert bscan.channels.dtype == np.float32
        assert np.isfinite(bscan.channels).all()
        assert (np.diff(bscan.boundaries, axis=0) >= -1e-3).all()
        assert (bscan.boundaries > 0).all()
        assert (bscan.boundaries < ROWS).all()


def test_depth_and_height_are_those_of_the_boundaries():
    bscan = draw_bscan(np.random.default_rng(2))
    rows = np.arange(ROWS)
    _, depth, height = bscan.channels
    ez = rows[np.abs(height[0]).argmin()]
    np.testing.assert_allclose(height[0], (ez - rows) * AXIAL_UM / 100, atol=1e-6)
    # Below every boundary lies what is deeper than the ILM.
    first = np.round(bscan.boundaries[0]).astype(int)
    assert (np.take_along_axis(depth, first[:, None], axis=1) > -0.1).all()


def test_brightness_falls_at_the_lower_border_of_the_ganglion_cells():
    rng = np.random.default_rng(3)
    falls = []
    for _ in range(60):
        bscan = draw_bscan(rng)
        border = np.round(bscan.boundaries[1]).astype(int)
        above, below = (
            np.take_along_axis(bscan.channels[0], border[:, None] + k, axis=1).mean()
            for k in (-3, 3)
        )
        falls.append(above - below)
    assert np.mean(np.array(falls) > 0) > 0.8


def test_a_seed_draws_the_same():
    first, second = (draw_bscan(np.random.default_rng(4)) for _ in range(2))
    np.testing.assert_array_equal(first.channels, second.channels)
