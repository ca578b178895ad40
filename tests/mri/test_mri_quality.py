"""Image quality numbers by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smartms_img.mri.quality import contrast_measures, mutual_information
from smartms_img.mri.tissue import Tissue
from smartms_img.volume import Volume


def test_contrast_by_hand():
    """White 90, 110 (mean 100, sd 10); grey 60, 80 (mean 70, sd 10); the last voxel is mixed."""
    t1 = Volume(np.array([[[90.0, 110.0, 60.0, 80.0, 500.0]]]), np.eye(4))
    white = np.array([[[1.0, 0.95, 0.0, 0.02, 0.5]]])
    found = contrast_measures(t1, Tissue(0 * white, 1 - white, white))
    assert found == pytest.approx({"snr": 10.0, "cnr": 30 / np.sqrt(200), "cjv": 20 / 30})


def test_contrast_of_a_scan_without_tissue_is_unknown():
    t1 = Volume(np.ones((2, 2, 2)), np.eye(4))
    nothing = np.zeros((2, 2, 2), dtype=np.float32)
    found = contrast_measures(t1, Tissue(nothing, nothing, nothing))
    assert all(np.isnan(value) for value in found.values())


def test_mutual_information_of_a_two_by_two_table():
    """Joint counts 3 1 / 1 3: H(X) = H(Y) = ln 2, H(XY) = -2 (3/8 ln 3/8 + 1/8 ln 1/8)."""
    first = np.array([1.0, 2, 3, 4, 11, 12, 13, 14])
    second = np.array([1.0, 2, 3, 14, 4, 12, 13, 11])
    joint = -2 * (3 / 8 * np.log(3 / 8) + 1 / 8 * np.log(1 / 8))
    expected = (2 * np.log(2) - joint) / np.log(2)
    everywhere = np.ones(8, dtype=bool)
    assert mutual_information(first, second, everywhere, bins=2) == pytest.approx(expected)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(-3, 3), st.floats(0.1, 3))
def test_mutual_information_sees_order_only(seed, offset, gain):
    values = np.random.default_rng(seed).normal(size=512)
    mask = np.ones(512, dtype=bool)
    assert mutual_information(values, offset - gain * values**3, mask) == pytest.approx(1.0)


def test_mutual_information_of_strangers_and_constants():
    rng = np.random.default_rng(0)
    mask = np.ones(200_000, dtype=bool)
    first, second = rng.normal(size=(2, mask.size))
    assert mutual_information(first, second, mask) < 0.005
    assert mutual_information(first, np.ones(mask.size), mask) == 0.0
    assert mutual_information(first, second, ~mask) == 0.0
    close = mutual_information(first, first + 0.5 * second, mask)
    far = mutual_information(first, first + 2.0 * second, mask)
    assert 1 > close > far > 0.005
