"""Spline grids: a field of view kept, polynomials reproduced, gather the transpose of expand."""

import numpy as np
import pytest

from smartms_img.mri.spline_grid import SplineGrid, spline_weights


@pytest.mark.parametrize(("size", "count"), [(20, 10), (21, 8), (9, 9), (5, 4)])
def test_a_constant_stays_a_constant(size, count):
    assert spline_weights(size, count).sum(axis=1) == pytest.approx(np.ones(size), abs=1e-6)


def test_a_ramp_keeps_its_place():
    """Nodes hold the values at the centres of their cells; away from the mirrored ends."""
    size, count = 40, 20
    cells = (np.arange(count) + 0.5) * size / count - 0.5
    found = spline_weights(size, count) @ cells
    assert found[4:-4] == pytest.approx(np.arange(size)[4:-4], abs=1e-5)


def test_gather_is_the_transpose_of_expand():
    grid, rng = SplineGrid.over((12, 15, 11), 2.0), np.random.default_rng(0)
    nodes = rng.normal(size=(*grid.nodes, 3)).astype(np.float32)
    voxels = rng.normal(size=(*grid.shape, 3)).astype(np.float32)
    assert (grid.expand(nodes) * voxels).sum() == pytest.approx(
        (nodes * grid.gather(voxels)).sum(), rel=1e-4
    )


def test_a_refined_field_is_about_the_same():
    coarse, fine = SplineGrid((32, 32, 32), (8, 8, 8)), SplineGrid((32, 32, 32), (16, 16, 16))
    x = np.linspace(0, 2 * np.pi, 8)
    nodes = np.broadcast_to(np.sin(x)[:, None, None], (8, 8, 8)).astype(np.float32)
    found, expected = fine.expand(coarse.refine(nodes, fine)), coarse.expand(nodes)
    assert np.abs(found - expected)[6:-6].max() < 0.05
