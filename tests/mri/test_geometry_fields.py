"""Displacement fields: the way back through a registration."""

import numpy as np
import pytest
from mri_shapes import AFFINES, bump, empty, interior, move, points, ramp, rotation, sampled, worst

from smartms_img.mri.geometry import resample, resample_back
from smartms_img.volume import Volume

FOUR = pytest.mark.parametrize("affine", AFFINES.values(), ids=AFFINES)
WORLD = rotation((6.0, -4.0, 3.0), shift=(1.5, -1.0, 0.7))
STRAIN = np.array([[0.04, 0.03, 0.0], [-0.02, -0.05, 0.01], [0.02, 0.0, 0.03]])


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
