"""Template maps on the grid of a scan."""

import numpy as np
import pytest
from mri_shapes import AFFINES, bump, centred, ellipsoid, empty, move, points, rotation, worst

from smartms_img.mri.atlas import Template
from smartms_img.mri.spaces import (
    centre_alignment,
    on_grid,
    similarity_in_mask,
    template_maps,
)
from smartms_img.volume import Volume

FOUR = pytest.mark.parametrize("affine", AFFINES.values(), ids=AFFINES)
WORLD = rotation((5.0, -4.0, 8.0), shift=(20.0, -30.0, 10.0)) @ np.diag([1.1, 0.95, 1.05, 1])


def _template():
    grid = centred((40, 44, 42), 1.0)
    xyz = points(grid)
    white = bump(xyz).astype(np.float32)
    regions = np.where(xyz[..., 0] > 2.3, 2, 1) + np.where(xyz[..., 2] > -3.7, 2, 0)
    brain = ellipsoid(grid, (12.0, 14.0, 11.0), centre=(1.0, -2.0, 3.0))
    return Template(
        grid.like(white), brain, 0.5 * (1 - white), white, 0.5 * (1 - white), regions.astype("u1")
    )


@FOUR
def test_maps_land_where_the_registration_says(affine):
    """The registration is ``WORLD @ (x + shift)``; its inverse field is minus the shift."""
    template, shift = _template(), np.array([1.5, -2.0, 1.0])
    scan = empty(WORLD @ affine)
    inverse = Volume(
        np.broadcast_to(-shift, (20, 22, 21, 3)).astype(np.float32),
        template.t1.affine @ np.diag([2.0, 2.0, 2.0, 1.0]),
    )
    maps = template_maps(template, scan, WORLD, inverse)
    truth = move(np.linalg.inv(WORLD), points(scan)) - shift
    inside = (np.abs(truth) < 12).all(axis=-1)
    assert inside.sum() > 2000
    assert worst(maps.white[inside], bump(truth)[inside]) < 0.02
    assert worst(maps.csf[inside], 0.5 * (1 - bump(truth))[inside]) < 0.02
    assert worst((maps.csf + maps.grey + maps.white)[inside], 1.0) < 1e-5
    expected = np.where(truth[..., 0] > 2.3, 2, 1) + np.where(truth[..., 2] > -3.7, 2, 0)
    clear = inside & (np.abs(truth[..., 0] - 2.3) > 1) & (np.abs(truth[..., 2] + 3.7) > 1)
    assert (maps.regions[clear] == expected[clear]).all()
    assert maps.regions.dtype == np.uint8


@FOUR
def test_centres_are_laid_on_each_other(affine):
    template, scan = _template(), empty(affine)
    centre = np.array([2.0, -1.0, 3.0])
    mask = ellipsoid(scan, (6.0, 7.0, 5.0), centre=centre)
    world = centre_alignment(Volume(template.brain, template.t1.affine), scan.like(mask))
    assert world[:3, :3].tolist() == np.eye(3).tolist()
    assert world[:3, 3] == pytest.approx(centre - (1.0, -2.0, 3.0), abs=0.3)


def test_similarity_by_hand():
    mask = np.array([[[True, True, True, False]]])
    first = np.array([[[1.0, 2.0, 3.0, 99.0]]], dtype=np.float32)
    assert similarity_in_mask(first, 5 - 2 * first, mask) == pytest.approx(-1.0)
    assert similarity_in_mask(first, first[..., [0, 2, 1, 3]], mask) == pytest.approx(0.5)
    assert similarity_in_mask(first, np.ones_like(first), mask) == 0.0
    assert similarity_in_mask(first, first, ~mask) == 0.0


@FOUR
def test_mask_moves_to_another_grid_of_its_space(affine):
    source, target = centred((40, 40, 40), 0.9), empty(affine)
    shape = {"semi_axes_mm": (8.0, 9.0, 7.0), "centre": (1.0, 0.5, -1.0)}
    moved, expected = (
        on_grid(ellipsoid(source, **shape), source, target),
        ellipsoid(target, **shape),
    )
    shrunk, grown = (
        ellipsoid(target, np.array(shape["semi_axes_mm"]) + d, centre=shape["centre"])
        for d in (-0.7, 0.7)
    )
    assert moved.dtype == bool
    assert moved[shrunk].all()
    assert not moved[~grown].any()
    assert moved.sum() == pytest.approx(expected.sum(), rel=0.03)
