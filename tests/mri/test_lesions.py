"""Lesions on an analytic FLAIR, their McDonald regions and black holes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mri_shapes import centred, ellipsoid
from scipy import ndimage

from smartms_img.mri.atlas import Region
from smartms_img.mri.lesions import (
    LesionLocation,
    black_holes,
    drop_small,
    lesion_locations,
    segment_lesions,
    signal_above_grey,
)
from smartms_img.mri.tissue import Tissue

ISO = (1.0, 1.0, 1.0)
GRID = centred((64, 72, 60), 1.0)
LESION, SMALL = ((18.0, 5.0, 6.0), 4.0), ((-17.0, -8.0, 4.0), 1.2)
RULE = {"least_probability": 0.5, "least_z": 1.5, "min_volume_mm3": 14.0}
WHITE = np.zeros(GRID.shape, dtype=np.float32)
FAINT = ((-17.0, 12.0, 4.0), 4.0)


def _ball(where):
    centre, radius = where
    return ellipsoid(GRID, (radius,) * 3, centre=centre)


def test_voxels_count_from_the_least_probability():
    probability = np.zeros(GRID.shape, dtype=np.float32)
    probability[_ball(LESION)] = 0.5
    probability[_ball(FAINT)] = 0.49
    probability[_ball(SMALL)] = 0.9
    bright = np.full(GRID.shape, 9.0, dtype=np.float32)
    everywhere = np.ones(GRID.shape, dtype=bool)
    assert (
        segment_lesions(probability, bright, WHITE, everywhere, ISO, **RULE) == _ball(LESION)
    ).all()
    assert not segment_lesions(probability, bright, WHITE, ~_ball(LESION), ISO, **RULE).any()


def test_a_lesion_is_brighter_than_grey_matter_somewhere():
    both = _ball(LESION) | _ball(FAINT)
    z = np.zeros(GRID.shape, dtype=np.float32)
    z[_ball(LESION)] = 1.3
    z[_ball(FAINT)] = 1.3
    z[_ball((LESION[0], 1.0))] = 1.5
    everywhere = np.ones(GRID.shape, dtype=bool)
    found = segment_lesions(both.astype(np.float32), z, WHITE, everywhere, ISO, **RULE)
    assert (found == _ball(LESION)).all()


def test_a_blurred_lesion_ends_at_half_its_height():
    lesion = ellipsoid(GRID, (7.0,) * 3)
    z = -1 + 7 * ndimage.gaussian_filter(lesion.astype(np.float32), 1.5)
    unsure = ndimage.gaussian_filter(lesion.astype(np.float32), 2.0)
    everywhere = np.ones(GRID.shape, dtype=bool)
    white = (~ndimage.binary_dilation(lesion, iterations=6)).astype(np.float32)
    found = segment_lesions(np.minimum(1.0, 1.5 * unsure), z, white, everywhere, ISO, **RULE)
    assert found.sum() == pytest.approx(lesion.sum(), rel=0.1)
    # The same lesion, half as bright, has the same size.
    faint = segment_lesions(
        np.minimum(1.0, 1.5 * unsure), (z - 1) / 2, white, everywhere, ISO, **RULE
    )
    assert faint.sum() == pytest.approx(found.sum(), rel=0.1)


def test_what_is_darker_than_grey_matter_is_no_lesion():
    certain = _ball(LESION)
    z = np.where(GRID.shape[2] // 2 + 6 <= np.arange(GRID.shape[2]), -0.1, 9.0)
    z = np.broadcast_to(z, GRID.shape).astype(np.float32)
    everywhere = np.ones(GRID.shape, dtype=bool)
    found = segment_lesions(certain.astype(np.float32), z, WHITE, everywhere, ISO, **RULE)
    assert (found == certain & (z > 0)).all()
    assert found.any()


def test_signal_is_in_robust_deviations_above_grey_matter():
    signal = np.array([[[90.0, 96.0, 100.0, 104.0, 150.0, 122.2384, 0.0]]], dtype=np.float32)
    grey = np.array([[[1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 1.0]]], dtype=np.float32)
    flair = centred(signal.shape, 1.0).like(signal)
    # Median 100; absolute deviations 10, 4, 0, 4, 50: median 4, times 1.4826.
    expected = (signal - 100.0) / (4 * 1.4826)
    assert signal_above_grey(flair, grey) == pytest.approx(expected, rel=1e-4)
    assert np.isinf(signal_above_grey(flair, 0 * grey)).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1.0, 2.0, 5.0, 9.0]))
def test_parts_that_stay_are_large_enough_and_whole(seed, minimum):
    mask = np.random.default_rng(seed).random((8, 8, 8)) < 0.08
    kept = drop_small(mask, (0.5, 1.0, 2.0), minimum)
    assert (kept <= mask).all()
    assert (drop_small(kept, (0.5, 1.0, 2.0), minimum) == kept).all()
    assert drop_small(mask & ~kept, (0.5, 1.0, 2.0), minimum).sum() == 0


def test_corners_join_a_lesion():
    mask = np.zeros((6, 6, 6), dtype=bool)
    mask[1, 1, 1] = mask[2, 2, 2] = mask[5, 5, 5] = True
    assert drop_small(mask, ISO, 2.0).sum() == 2
    assert drop_small(mask, (1.0, 1.0, 3.0), 3.0).sum() == 3


def _place(lesion, spacing_mm=ISO):
    """Region of one box in a block: ventricle i < 5, cortex i >= 35, brainstem k < 6."""
    shape = (40, 20, 20)
    i, _, k = np.indices(shape)
    regions = np.full(shape, Region.CEREBRUM)
    regions[i < 10] = Region.LATERAL_VENTRICLES
    regions[k < 6] = Region.BRAINSTEM
    csf, grey = ((i < 5) & (k >= 6)).astype(np.float32), (i >= 35).astype(np.float32)
    labels = np.zeros(shape, dtype=int)
    labels[lesion] = 1
    tissue = Tissue(csf, grey, 1 - csf - grey)
    return lesion_locations(labels, tissue, regions, spacing_mm)


@pytest.mark.parametrize(
    ("lesion", "location"),
    [
        (np.s_[5:8, 8:11, 10:13], LesionLocation.PERIVENTRICULAR),
        (np.s_[6:9, 8:11, 10:13], LesionLocation.PERIVENTRICULAR),  # 2 mm to the fluid
        (np.s_[9:12, 8:11, 10:13], LesionLocation.DEEP_WHITE),  # 5 mm
        (np.s_[20:23, 8:11, 10:13], LesionLocation.DEEP_WHITE),
        (np.s_[30:33, 8:11, 10:13], LesionLocation.DEEP_WHITE),  # 3 mm to the cortex
        (np.s_[31:34, 8:11, 10:13], LesionLocation.JUXTACORTICAL),  # 2 mm
        (np.s_[33:37, 8:11, 10:13], LesionLocation.JUXTACORTICAL),
        (np.s_[5:36, 8:11, 10:13], LesionLocation.PERIVENTRICULAR),  # first in the order
        (np.s_[5:8, 8:11, 2:5], LesionLocation.INFRATENTORIAL),
        (np.s_[20:23, 8:11, 4:7], LesionLocation.INFRATENTORIAL),  # two thirds below
        (np.s_[20:23, 8:11, 5:8], LesionLocation.DEEP_WHITE),  # one third below
    ],
)
def test_location_of_a_hand_placed_lesion(lesion, location):
    assert _place(lesion) == [location]


def test_location_counts_millimetres_not_voxels():
    assert _place(np.s_[9:12, 8:11, 10:13], (0.4, 1.0, 1.0)) == [LesionLocation.PERIVENTRICULAR]
    assert _place(np.s_[32:34, 8:11, 10:13], (3.0, 1.0, 1.0)) == [LesionLocation.DEEP_WHITE]


def test_no_lesions_no_locations():
    assert _place(np.s_[0:0, 0:0, 0:0]) == []


def test_black_holes_are_no_brighter_than_the_median_of_grey_matter():
    t1 = np.array([[[60.0, 70.0, 80.0, 65.0, 70.0, 71.0, 50.0]]])
    grey = np.array([[[1.0, 1.0, 1.0, 0.9, 0.0, 0.0, 0.0]]])
    lesions = np.array([[[False, False, False, True, True, True, False]]])
    assert black_holes(lesions, t1, grey).tolist() == [[[False] * 3 + [True, True, False, False]]]
