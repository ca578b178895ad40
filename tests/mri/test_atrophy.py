"""Volume change from analytic Jacobians of both halves."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from mri_shapes import centred, ellipsoid

from smartms_img.mri.atlas import Region
from smartms_img.mri.atrophy import (
    annualised_percent,
    region_weights,
    volume_changes,
)
from smartms_img.mri.tissue import Tissue

shape = (3, 4, 2)
jacobians = hnp.arrays(np.float64, shape, elements=st.floats(0.5, 2.0))
weights = hnp.arrays(np.float64, shape, elements=st.floats(0.01, 1.0))


def _change(earlier, later, weight_earlier, weight_later):
    return volume_changes(earlier, later, {"PBVC": weight_earlier}, {"PBVC": weight_later})["PBVC"]


def test_change_is_the_ratio_of_the_weighted_volumes():
    """Three voxels and half of a fourth: 3.62 voxels at the later visit, 3.45 at the earlier."""
    earlier = np.array([[[0.99, 0.99, 1.02, 0.90]]])
    later = np.array([[[1.02, 1.02, 0.98, 1.20]]])
    weight = np.array([[[1.0, 1.0, 1.0, 0.5]]])
    change = _change(earlier, later, weight, weight)
    assert change.percent == pytest.approx(100 * (3.62 / 3.45 - 1))
    assert change.by_earlier == pytest.approx(change.percent)
    assert change.by_later == pytest.approx(change.percent)


def test_each_visit_weighs_alone_and_both_weigh_half():
    """The earlier visit draws the first two voxels, the later one the last two."""
    earlier, later = np.array([[[1.0, 1.0, 1.0]]]), np.array([[[0.98, 1.00, 1.04]]])
    change = _change(earlier, later, np.array([[[1, 1, 0.0]]]), np.array([[[0, 1, 1.0]]]))
    assert change.by_earlier == pytest.approx(-1.0)
    assert change.by_later == pytest.approx(2.0)
    assert change.percent == pytest.approx(0.5)


@settings(max_examples=50, deadline=None)
@given(jacobians, jacobians, weights, weights)
def test_exchanging_the_visits_gives_the_reciprocal_ratio(earlier, later, first, second):
    there = _change(earlier, later, first, second)
    back = _change(later, earlier, second, first)
    for one, other in (
        (there.percent, back.percent),
        (there.by_earlier, back.by_later),
        (there.by_later, back.by_earlier),
    ):
        assert (1 + one / 100) * (1 + other / 100) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("scale", [0.99, 0.999, 1.01])
def test_a_scaled_ball_changes_by_the_cube(scale):
    """Both visits lie one root of the scale from the midpoint; outside, the field fades out."""
    grid = centred((24, 24, 24), 2.0)
    ball = ellipsoid(grid, (15.0, 15.0, 15.0))
    change = _change(
        np.where(ball, scale**-1.5, 1.01), np.where(ball, scale**1.5, 0.99), ball * 1.0, ball * 1.0
    )
    assert change.percent == pytest.approx(100 * (scale**3 - 1))


def test_region_without_weight_is_left_out():
    one, none = np.ones(shape), np.zeros(shape)
    found = volume_changes(
        one, one, {"PBVC": one, "PTHALVC": none}, {"PBVC": one, "PTHALVC": none}
    )
    assert list(found) == ["PBVC"]


def test_what_each_endpoint_integrates_over():
    regions = np.array([[[1, 2, 3, 5, 6, 0]]])
    csf = np.array([[[0.1, 0.0, 0.2, 0.9, 0.0, 0.0]]], dtype=np.float32)
    grey = np.array([[[0.6, 0.7, 0.5, 0.1, 0.2, 0.0]]], dtype=np.float32)
    white = np.array([[[0.3, 0.3, 0.3, 0.0, 0.8, 0.0]]], dtype=np.float32)
    found = region_weights(Tissue(csf, grey, white), regions)
    expected = {
        "PBVC": [0.9, 1.0, 0.8, 0.1, 1.0, 0.0],
        "PGMVC": [0.6, 0.7, 0.5, 0.1, 0.2, 0.0],
        "PWMVC": [0.3, 0.3, 0.3, 0.0, 0.8, 0.0],
        "PCGMVC": [0.6, 0, 0, 0, 0, 0],
        "PDGMVC": [0, 1.0, 0.8, 0, 0, 0],
        "PTHALVC": [0, 1.0, 0, 0, 0, 0],
        "PVENTVC": [0, 0, 0, 0.9, 0, 0],
    }
    assert set(found) == set(expected)
    for name, values in expected.items():
        assert found[name].ravel() == pytest.approx(values, abs=1e-6)
    assert (Region.CEREBRUM, Region.BRAINSTEM) == (1, 6)


@pytest.mark.parametrize(("percent", "years"), [(-1.0, 0.5), (-0.4, 2.0), (3.0, 1.0)])
def test_annual_change_compounds(percent, years):
    yearly = annualised_percent(percent, years)
    assert 100 * ((1 + yearly / 100) ** years - 1) == pytest.approx(percent)
