"""The grid of a pair, its metric mask, and the check for a mirrored visit."""

import numpy as np
import pytest
from mri_shapes import centred, ellipsoid

from smartms_img.mri.pair_space import grid_spacing_mm, left_right_advantage, metric_mask


@pytest.mark.parametrize(
    ("spacings", "expected"),
    [
        ([(1.0, 1.0, 1.0), (1.0, 1.0, 1.0)], 1.0),
        ([(0.5, 0.5, 0.5), (0.6, 0.6, 0.6)], 1.0),  # never finer than asked for
        ([(1.2, 1.2, 1.2), (1.0, 1.0, 1.0)], 1.2),
        ([(1.0, 1.0, 1.0), (1.0, 1.0, 8.0)], 2.0),
    ],
)
def test_grid_is_as_coarse_as_the_coarser_scan(spacings, expected):
    assert grid_spacing_mm(1.0, spacings) == pytest.approx(expected)
    assert grid_spacing_mm(1.0, spacings[::-1]) == pytest.approx(expected)


def test_metric_stays_inside_stripped_scans_and_reaches_beyond_whole_heads():
    grid = centred((40, 40, 40), 1.0)
    first = ellipsoid(grid, (12, 12, 12), centre=(-1, 0, 0))
    second = ellipsoid(grid, (12, 12, 12), centre=(1, 0, 0))
    inner, outer = (metric_mask([first, second], stripped, 1.0, 2.0) for stripped in (True, False))
    assert (inner <= (first & second)).all()
    assert (outer >= (first | second)).all()
    deep = ellipsoid(grid, (8, 8, 8))
    assert inner[deep].all()
    reach = [ellipsoid(grid, (15, 15, 15), centre=(x, 0, 0)) for x in (-1, 1)]
    assert (outer <= (reach[0] | reach[1])).all()
    # Along y the masks agree: 12 mm less 2, 12 mm plus 3, up to half a voxel.
    column = {name: mask[20, :, 20].sum() for name, mask in (("in", inner), ("out", outer))}
    assert column["in"] == pytest.approx(20, abs=1)
    assert column["out"] == pytest.approx(30, abs=1)


def test_metric_mask_is_in_millimetres():
    grid = centred((20, 20, 20), 2.0)
    mask = ellipsoid(grid, (13, 13, 13))
    assert metric_mask([mask], True, 2.0, 2.0)[10, :, 10].sum() < mask[10, :, 10].sum()
    assert metric_mask([mask], False, 3.5, 2.0).sum() == mask.sum()


@pytest.fixture(scope="module", params=[0.0, 4.0, -3.0], ids="midline {} mm".format)
def visits(request):
    """Two noisy images of a head whose left side has a bright spot, off the grid's middle."""
    grid = centred((41, 36, 30), 1.0)
    middle = (request.param, 0.0, 0.0)
    brain = ellipsoid(grid, (14, 16, 13), centre=middle)
    spot = ellipsoid(grid, (4, 5, 4), centre=(request.param - 7, 2, 1))
    rng = np.random.default_rng(0)
    signal = 100.0 * brain + 60.0 * spot
    return brain, [signal + rng.normal(0, 5, grid.shape) for _ in range(2)], request.param


def _mirror(image, midline_mm):
    """Mirror about the head's own midline (20 voxels is the middle of the grid)."""
    return np.roll(image[::-1], int(2 * midline_mm), axis=0)


def test_visits_of_one_orientation_agree_better_than_mirrored(visits):
    brain, (first, second), _ = visits
    assert left_right_advantage(first, second, brain) > 0.3


def test_a_mirrored_visit_turns_the_sign(visits):
    brain, (first, second), middle = visits
    straight = left_right_advantage(first, second, brain)
    assert left_right_advantage(first, _mirror(second, middle), brain) < -0.3
    assert left_right_advantage(second, first, brain) == pytest.approx(straight, abs=0.02)
