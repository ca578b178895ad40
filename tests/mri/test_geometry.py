"""Resampling, halfway space and downsampling against analytic images, four ways round."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mri_shapes import (
    AFFINES,
    SHAPE,
    bump,
    empty,
    move,
    points,
    ramp,
    rotation,
    sampled,
    worst,
)

from smartms_img.mri.geometry import (
    common_grid,
    downsample,
    halfway,
    mean_rigid,
    nearest_rigid,
    resample,
)
from smartms_img.volume import Volume

FOUR = pytest.mark.parametrize("source", AFFINES.values(), ids=AFFINES)
OTHER_FOUR = pytest.mark.parametrize("target", AFFINES.values(), ids=AFFINES)
TURN = rotation((4.0, -3.0, 5.0), shift=(0.8, -0.6, 0.5))
angles = st.floats(-100.0, 100.0)
shifts = st.floats(-50.0, 50.0)
rigids = st.builds(
    lambda axis, angle, shift: rotation(
        angle * np.array(axis) / max(np.linalg.norm(axis), 1e-3), shift=shift
    ),
    st.tuples(*[st.floats(-1, 1)] * 3),
    angles,
    st.tuples(shifts, shifts, shifts),
)


@FOUR
@OTHER_FOUR
def test_linear_image_is_sampled_exactly(source, target):
    image = sampled(ramp, empty(source))
    grid = empty(target @ np.diag([1.2, 1.1, 1.3, 1.0]) @ _shift(9, 6, 7), (9, 8, 7))
    expected = ramp(points(grid, TURN))
    assert worst(resample(image, grid, TURN), expected) < 2e-3


@FOUR
def test_cubic_sampling_of_a_smooth_image(source):
    image = sampled(bump, empty(source))
    grid = empty(AFFINES["oblique"] @ _shift(8, 6, 7), (14, 9, 10))
    expected = bump(points(grid, TURN))
    cubic = worst(resample(image, grid, TURN, order=3), expected)
    linear = worst(resample(image, grid, TURN), expected)
    assert cubic < 1e-3
    assert cubic < 0.1 * linear


@FOUR
@pytest.mark.parametrize("order", [0, 1, 3])
def test_border_slices_are_not_lost(source, order):
    image = empty(source).like(np.random.default_rng(0).uniform(1, 2, SHAPE).astype(np.float32))
    there_and_back = np.linalg.inv(TURN) @ TURN
    moved = Volume(image.data, TURN @ image.affine)
    grid = Volume(np.empty(SHAPE), TURN @ source)
    for result in (resample(image, image, there_and_back, order=order), resample(moved, grid)):
        assert worst(result, image.data) < 1e-4


@FOUR
def test_turning_the_axes_keeps_every_voxel(source):
    image = empty(source).like(np.arange(np.prod(SHAPE), dtype=np.float32).reshape(SHAPE))
    flipped = Volume(np.empty(SHAPE), source @ np.diag([-1.0, 1, -1, 1]) @ _shift(-30, 0, -24))
    assert (resample(image, flipped, order=0) == image.data[::-1, :, ::-1]).all()


@FOUR
def test_nothing_outside_the_image(source):
    image = empty(source).like(np.ones(SHAPE, dtype=np.float32))
    far = Volume(np.empty((3, 3, 3)), source @ _shift(100, 0, 0))
    assert (resample(image, far) == 0).all()
    assert (resample(image, far, outside=7.0) == 7).all()


@FOUR
def test_field_is_applied_before_the_world_matrix(source):
    grid = empty(source @ _shift(9, 6, 7), (12, 9, 10))
    image = sampled(ramp, empty(AFFINES["LAS"]))
    xyz = points(grid)
    field = (0.05 * xyz[..., [1, 2, 0]] + np.array([0.5, -0.4, 0.3])).astype(np.float32)
    expected = ramp(move(TURN, xyz + field))
    assert worst(resample(image, grid, TURN, field=field), expected) < 2e-3


@FOUR
@pytest.mark.parametrize("spacing_mm", [1.0, 2.0, 2.5, 4.0])
def test_downsampling_keeps_place_and_mean(source, spacing_mm):
    image = sampled(ramp, empty(source, (24, 24, 24)))
    small = downsample(image, spacing_mm)
    assert worst(small.data, ramp(points(small))) < 1e-3
    assert small.data.mean() == pytest.approx(image.data.mean(), rel=1e-6)
    for found, size in zip(small.spacing_mm, image.spacing_mm, strict=True):
        possible = size * np.arange(1, 9)
        assert np.abs(possible - found).min() < 1e-6
        assert abs(found - spacing_mm) < np.abs(possible - spacing_mm).min() + 1e-6


@pytest.mark.parametrize("size_mm", [1.0, 1.2, 1.5, 2.0])
@pytest.mark.parametrize("jitter", [-1e-6, 1e-6])
def test_rounding_in_a_header_does_not_change_the_grid(size_mm, jitter):
    """Visits of one protocol get one grid: 3 mm is 2.5 voxels of 1.2 mm, give or take."""
    exact, noisy = (
        downsample(empty(np.diag([size, size, size, 1.0]), (24, 24, 24)), 3.0)
        for size in (size_mm, size_mm * (1 + jitter))
    )
    assert noisy.shape == exact.shape


def test_downsampling_drops_an_incomplete_block():
    image = sampled(ramp, empty(AFFINES["oblique"], (23, 17, 19)))
    small = downsample(image, 2.9)
    assert small.shape == (7, 8, 9)
    assert worst(small.data, ramp(points(small))) < 1e-3


@settings(max_examples=60, deadline=None)
@given(rigids)
def test_halves_compose_to_the_whole(rigid):
    to_fixed, to_moving = halfway(rigid)
    assert to_moving @ np.linalg.inv(to_fixed) == pytest.approx(rigid, abs=1e-7)
    for half in (to_fixed, to_moving):
        assert half[:3, :3] @ half[:3, :3].T == pytest.approx(np.eye(3), abs=1e-7)
        assert np.linalg.det(half[:3, :3]) == pytest.approx(1.0)
    swapped = halfway(np.linalg.inv(rigid))
    assert swapped[0] == pytest.approx(to_moving, abs=1e-7)
    assert swapped[1] == pytest.approx(to_fixed, abs=1e-7)


def test_half_of_a_turn_is_half_the_angle():
    _, half = halfway(rotation((0, 0, 30.0), centre=(5.0, 7.0, 0.0)))
    assert half == pytest.approx(rotation((0, 0, 15.0), centre=(5.0, 7.0, 0.0)))


@settings(max_examples=40, deadline=None)
@given(rigids, st.tuples(*[st.floats(-5, 5)] * 3), st.tuples(*[st.floats(-5, 5)] * 3))
def test_mean_lies_half_way_whatever_the_order(first, degrees, shift):
    second = first @ rotation(degrees, shift=shift)
    mean = mean_rigid(first, second)
    assert mean == pytest.approx(mean_rigid(second, first), abs=1e-6)
    step = np.linalg.inv(first) @ mean
    assert step @ step == pytest.approx(np.linalg.inv(first) @ second, abs=1e-6)


def test_nearest_rigid_takes_out_a_stretch_only():
    turn = rotation((20.0, -10.0, 5.0), shift=(3.0, 2.0, 1.0))
    stretched = turn.copy()
    stretched[:3, :3] = turn[:3, :3] @ np.diag([1.05, 0.97, 1.01])
    assert nearest_rigid(stretched) == pytest.approx(turn)
    assert nearest_rigid(turn) == pytest.approx(turn)


def _box_masks():
    masks = []
    for name, box in (("LPS", np.s_[3:20, 4:15, 5:18]), ("oblique", np.s_[8:29, 2:20, 3:21])):
        data = np.zeros(SHAPE, dtype=bool)
        data[box] = True
        masks.append(Volume(data, AFFINES[name]))
    return masks


def test_common_grid_holds_every_mask_with_its_margin():
    masks, to_images = _box_masks(), halfway(TURN)
    grid = common_grid(masks, to_images, 1.25, 4.0)
    assert grid.spacing_mm == pytest.approx((1.25, 1.25, 1.25))
    low, high = points(grid).min(axis=(0, 1, 2)), points(grid).max(axis=(0, 1, 2))
    everything = np.vstack(
        [
            points(mask, np.linalg.inv(world))[mask.data]
            for mask, world in zip(masks, to_images, strict=True)
        ]
    )
    assert (low <= everything.min(axis=0) - 4.0 + 1e-9).all()
    assert (high >= everything.max(axis=0) + 4.0 - 1e-9).all()
    assert (low > everything.min(axis=0) - 4.0 - 1.25).all()
    assert (high < everything.max(axis=0) + 4.0 + 2 * 1.25).all()


def test_common_grid_does_not_know_which_image_came_first():
    masks, to_images = _box_masks(), halfway(TURN)
    one, two = (common_grid(masks[::s], to_images[::s], 1.0, 6.0) for s in (1, -1))
    assert one.shape == two.shape
    assert (one.affine == two.affine).all()


def _shift(i, j, k):
    matrix = np.eye(4)
    matrix[:3, 3] = (i, j, k)
    return matrix
