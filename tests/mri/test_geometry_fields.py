"""Displacement fields: their Jacobian and the way back through a registration."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mri_shapes import AFFINES, bump, empty, interior, move, points, ramp, rotation, sampled, worst

from smartms_img.mri.geometry import jacobian_determinant, resample, resample_back
from smartms_img.volume import Volume

FOUR = pytest.mark.parametrize("affine", AFFINES.values(), ids=AFFINES)
WORLD = rotation((6.0, -4.0, 3.0), shift=(1.5, -1.0, 0.7))
STRAIN = np.array([[0.04, 0.03, 0.0], [-0.02, -0.05, 0.01], [0.02, 0.0, 0.03]])
entries = st.floats(-0.2, 0.2)


@FOUR
@pytest.mark.parametrize(
    ("gradient", "determinant"),
    [
        (np.diag([0.1, -0.05, 0.02]), 1.1 * 0.95 * 1.02),
        (np.array([[0, 0.3, 0], [0, 0, 0.2], [0, 0, 0]]), 1.0),
        (np.array([[0.0, 0.1, 0], [0.1, 0, 0], [0, 0, 0]]), 1 - 0.01),
        (rotation((10.0, 20.0, -5.0))[:3, :3] - np.eye(3), 1.0),
    ],
    ids=["scaling", "shear", "pure strain", "rotation"],
)
def test_jacobian_of_a_linear_field_is_constant(affine, gradient, determinant):
    grid = empty(affine, (7, 6, 5))
    field = (points(grid) @ np.array(gradient).T).astype(np.float32)
    assert worst(jacobian_determinant(field, affine), determinant) < 2e-5


@settings(max_examples=40, deadline=None)
@given(st.lists(entries, min_size=9, max_size=9), st.sampled_from(sorted(AFFINES)))
def test_jacobian_of_any_linear_field(values, name):
    gradient = np.array(values).reshape(3, 3)
    grid = empty(AFFINES[name], (4, 4, 4))
    field = (points(grid) @ gradient.T).astype(np.float32)
    expected = np.linalg.det(np.eye(3) + gradient)
    assert worst(jacobian_determinant(field, grid.affine), expected) < 5e-5


@FOUR
def test_jacobian_of_a_swelling(affine):
    """The gradient of a Gaussian potential has no rotation and a known Hessian."""
    grid = empty(affine)
    xyz, sigma, strength = points(grid), 9.0, 12.0
    potential = strength * np.exp(-0.5 * (xyz**2).sum(-1) / sigma**2)
    field = -potential[..., None] * xyz / sigma**2
    outer = xyz[..., :, None] * xyz[..., None, :] / sigma**4 - np.eye(3) / sigma**2
    expected = np.linalg.det(np.eye(3) + potential[..., None, None] * outer)
    inside = interior(grid.shape, 2)
    found = jacobian_determinant(field.astype(np.float32), affine)
    assert np.abs(expected[inside] - 1).max() > 0.3
    assert worst(found[inside], expected[inside]) < 0.02
    assert np.abs(found - expected)[inside].mean() < 0.002


def _registration(fixed_grid, moving_grid):
    """An invertible affine field about the origin: its inverse on the fixed grid, and the truth.

    Fixed points x land at ``WORLD @ (x + STRAIN x)``; the truth maps moving points back.
    """
    undone = np.linalg.inv(np.eye(3) + STRAIN)
    xyz = points(fixed_grid)
    inverse = Volume((xyz @ undone.T - xyz).astype(np.float32), fixed_grid.affine)
    truth = move(np.linalg.inv(WORLD), points(moving_grid)) @ undone.T
    return inverse, truth


@FOUR
def test_the_way_back_through_a_registration(affine):
    fixed, moving = empty(affine), empty(AFFINES["LAS"], (29, 20, 23))
    inverse, truth = _registration(fixed, moving)
    back = resample_back(sampled(ramp, fixed), moving, WORLD, inverse)
    index = move(np.linalg.inv(affine), truth)
    inside = ((index >= 2) & (index <= np.array(fixed.shape) - 3)).all(-1)
    inside &= interior(moving.shape, 3)
    assert inside.sum() > 2000
    assert worst(back[inside], ramp(truth)[inside]) < 5e-3


def test_there_and_back_is_the_same_image():
    fixed, moving = empty(AFFINES["oblique"]), empty(AFFINES["RAS"])
    image = sampled(bump, moving)
    forward = (points(fixed) @ STRAIN.T).astype(np.float32)
    there = resample(image, fixed, WORLD, order=3, field=forward)
    inverse, _ = _registration(fixed, moving)
    back = resample_back(fixed.like(there), moving, WORLD, inverse, order=3)
    inside = (points(moving) ** 2).sum(-1) < 9.0**2
    assert worst(back[inside], image.data[inside]) < 3e-3


def test_labels_come_back_whole():
    fixed, moving = empty(AFFINES["LPS"]), empty(AFFINES["oblique"])
    labels = fixed.like(np.random.default_rng(3).integers(1, 9, fixed.shape).astype(np.uint8))
    inverse, truth = _registration(fixed, moving)
    back = resample_back(labels, moving, WORLD, inverse, order=0)
    index = move(np.linalg.inv(fixed.affine), truth)
    nearest = np.rint(index).astype(int)
    clear = (np.abs(index - nearest) < 0.45).all(-1) & interior(moving.shape, 3)
    clear &= ((nearest >= 1) & (nearest <= np.array(fixed.shape) - 2)).all(-1)
    assert clear.sum() > 2000
    assert (back[clear] == labels.data[tuple(nearest[clear].T)]).all()
