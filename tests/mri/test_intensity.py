"""Two visits get one level of signal; all else about them stays."""

import numpy as np
import pytest

from smartms_img.mri.intensity import equal_level


def test_gain_is_undone_and_differences_of_shape_stay():
    rng = np.random.default_rng(0)
    signal = rng.uniform(60, 120, (12, 13, 14)).astype(np.float32)
    valid = np.zeros(signal.shape, dtype=bool)
    valid[2:-2, 2:-2, 2:-2] = True
    wave = np.linspace(0.9, 1.1, 14, dtype=np.float32)
    first, second = equal_level(signal, 3.7 * signal * wave, valid)
    assert np.median(first[valid]) == pytest.approx(1.0, abs=1e-6)
    assert np.median(second[valid]) == pytest.approx(1.0, abs=1e-6)
    ratio = second / first / wave
    assert ratio.std() < 1e-6 * ratio.mean()
    assert first.dtype == second.dtype == np.float32


def test_signal_outside_the_mask_has_no_say():
    signal = np.ones((6, 6, 6), dtype=np.float32)
    valid = np.zeros(signal.shape, dtype=bool)
    valid[1:4, 1:4, 1:4] = True
    bright = np.where(valid, signal, 50 * signal)
    first, second = equal_level(signal, bright, valid)
    assert (first[valid] == second[valid]).all()
