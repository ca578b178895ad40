"""Brain masks: hand-counted balls, a head with fat, stripped and whole scans."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mri_shapes import centred, dice, ellipsoid

from smartms_img.mri.brain import (
    ball,
    dilate,
    edge_fraction,
    erode,
    foreground_mask,
    is_skull_stripped,
    largest_component,
    refine_head_mask,
)
from smartms_img.volume import Volume

BRAIN_MM = (65.0, 80.0, 60.0)  # 1.3 litres
HEAD_MM = (85.0, 105.0, 100.0)  # 3.7 litres
GRID = centred((64, 76, 72), 3.0)

spacings = st.tuples(*[st.sampled_from([0.8, 1.0, 1.5, 3.0])] * 3)
masks = st.integers(0, 2**32 - 1).map(
    lambda seed: np.random.default_rng(seed).random((9, 8, 7)) < 0.15
)


@pytest.mark.parametrize(
    ("radius_mm", "spacing_mm", "voxels"),
    [
        (0.5, (1.0, 1.0, 1.0), 1),
        (1.0, (1.0, 1.0, 1.0), 7),
        (1.5, (1.0, 1.0, 1.0), 19),
        (2.0, (1.0, 1.0, 1.0), 33),
        (2.0, (1.0, 1.0, 2.0), 15),
        (3.0, (1.0, 1.0, 3.0), 31),
    ],
)
def test_ball_has_the_voxels_counted_by_hand(radius_mm, spacing_mm, voxels):
    shape = ball(radius_mm, spacing_mm)
    assert shape.sum() == voxels
    assert all(n % 2 == 1 for n in shape.shape)
    assert (shape == shape[::-1, ::-1, ::-1]).all()


def test_growing_one_voxel_makes_the_ball_of_that_spacing():
    point = np.zeros((9, 9, 9), dtype=bool)
    point[4, 4, 4] = True
    assert dilate(point, 1.0, (1.0, 1.0, 2.0)).sum() == 5
    assert dilate(point, 2.0, (1.0, 1.0, 2.0)).sum() == 15
    assert not dilate(~np.ones((3, 3, 3), dtype=bool), 5.0, (1.0, 1.0, 1.0)).any()


def test_shrinking_counts_the_field_of_view_as_an_edge():
    full = np.ones((6, 6, 6), dtype=bool)
    assert erode(full, 1.0, (1.0, 1.0, 1.0)).sum() == 4**3
    assert erode(full, 1.0, (1.0, 1.0, 2.0)).sum() == 4 * 4 * 6
    assert erode(full, 2.0, (1.0, 1.0, 1.0)).sum() == 2**3
    assert not erode(full, 3.0, (1.0, 1.0, 1.0)).any()


@settings(max_examples=40, deadline=None)
@given(masks, st.sampled_from([0.9, 1.0, 2.1, 3.0]), spacings)
def test_growing_and_shrinking_are_dual(mask, distance_mm, spacing_mm):
    padded = np.pad(mask, 6)
    grown = dilate(padded, distance_mm, spacing_mm)
    assert (grown >= padded).all()
    assert (erode(padded, distance_mm, spacing_mm) <= padded).all()
    inside = np.s_[4:-4, 4:-4, 4:-4]
    holes = ~padded
    if padded.any():
        assert (erode(holes, distance_mm, spacing_mm)[inside] == ~grown[inside]).all()


def test_edge_fraction_by_hand():
    mask = np.zeros((10, 10, 10), dtype=bool)
    assert edge_fraction(mask) == 0.0
    mask[4:6, 4:6, 4:6] = True
    assert edge_fraction(mask) == 0.0
    mask[0, 4:6, 4:6] = True
    assert edge_fraction(mask) == 4 / 12
    corner = np.zeros((10, 10, 10), dtype=bool)
    corner[8:, 8:, 8:] = True
    assert edge_fraction(corner) == 7 / 8


def test_largest_part_is_face_connected():
    mask = np.zeros((8, 8, 8), dtype=bool)
    mask[1:3, 1:3, 1:3] = True
    mask[3, 3, 3:7] = True  # touches by a corner only
    assert (largest_component(mask) == (np.indices(mask.shape).max(0) < 3) & mask).all()
    assert not largest_component(np.zeros((3, 3, 3), dtype=bool)).any()


def _scan(values):
    return Volume(values.astype(np.float32), GRID.affine)


def test_stripped_scan_is_told_from_a_whole_head():
    rng = np.random.default_rng(0)
    brain, head = ellipsoid(GRID, BRAIN_MM), ellipsoid(GRID, HEAD_MM)
    signal = rng.normal(500, 30, GRID.shape)
    assert is_skull_stripped(_scan(np.where(brain, signal, 0)))
    assert is_skull_stripped(_scan(np.where(brain, signal, -17.0)))
    assert not is_skull_stripped(_scan(np.where(head, signal, 0)))
    assert not is_skull_stripped(_scan(np.where(head, signal, np.abs(rng.normal(0, 10)))))
    assert not is_skull_stripped(_scan(np.where(head, signal, rng.rayleigh(10, GRID.shape))))


def test_stripped_scan_cropped_to_its_brain():
    grid = centred((44, 54, 41), 3.0)
    signal = np.where(ellipsoid(grid, BRAIN_MM), 400.0, 0.0)
    assert is_skull_stripped(Volume(signal, grid.affine))


def test_foreground_is_filled_and_without_ringing():
    rng = np.random.default_rng(1)
    brain, ventricle = ellipsoid(GRID, BRAIN_MM), ellipsoid(GRID, (10, 15, 12))
    signal = np.where(brain, rng.normal(500, 30, GRID.shape), 0.0)
    signal[ventricle] = 5.0
    ringing = ellipsoid(GRID, np.array(BRAIN_MM) + 6) & ~brain
    signal[ringing] = rng.normal(0, 6, ringing.sum())
    signal[2:4, 2:4, 2:4] = 300.0
    found = foreground_mask(_scan(signal))
    assert dice(found, brain) > 0.985
    assert found[ventricle].all()
    assert not found[:5, :5, :5].any()


def test_fat_beside_the_brain_is_cut_off():
    brain = ellipsoid(GRID, BRAIN_MM)
    fat = ellipsoid(GRID, (10, 10, 10), centre=(0, 70, -41)) & ~brain
    signal = np.where(brain, 100.0, 10.0)
    signal[fat] = 250.0
    first = brain | fat
    refined = refine_head_mask(_scan(signal), first, np.ones(GRID.shape, dtype=bool))
    assert (first & fat).sum() > 100
    assert not (refined & fat).any()
    assert dice(refined, brain) > 0.98
    assert (refined <= first).all()


def test_what_cannot_be_brain_is_cut_off():
    brain = ellipsoid(GRID, BRAIN_MM)
    neck = ellipsoid(GRID, (18, 18, 40), centre=(0, -20, -80))
    plausible = ellipsoid(GRID, np.array(BRAIN_MM) + 8)
    signal = _scan(np.where(brain | neck, 100.0, 10.0))
    refined = refine_head_mask(signal, brain | neck, plausible)
    assert dice(refined, brain) > 0.98
    assert not (refined & ~plausible).any()
