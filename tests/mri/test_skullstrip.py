"""The deformable surface on an analytic head: bright brain, dark rim, bright scalp."""

import numpy as np
import pytest
from mri_shapes import AFFINES, centred, dice, ellipsoid, empty, rotation

from smartms_img.mri import skullstrip
from smartms_img.mri.skullstrip import _fill, _icosphere, surface_brain_mask
from smartms_img.volume import Volume

BRAIN_MM = np.array((66.0, 82.0, 62.0))  # 1.4 litres
OBLIQUE = rotation((9.0, -6.0, 12.0), shift=(10.0, -15.0, 20.0)) @ np.diag([-1.0, -1, 1, 1])


def head(spacing_mm, world, lowest_mm):
    """Brain 100 with ventricles 30, 8 mm of dark rim, 8 mm of scalp, air; some noise."""
    shape = tuple(int(np.ceil(n / spacing_mm)) for n in (200, 230, 200))
    grid = centred(shape, spacing_mm)
    brain = ellipsoid(grid, BRAIN_MM)
    signal = np.where(ellipsoid(grid, BRAIN_MM + 16), 130.0, 0.0)
    signal[ellipsoid(grid, BRAIN_MM + 8)] = 15.0
    signal[brain] = 100.0
    signal[ellipsoid(grid, (8.0, 25.0, 10.0))] = 30.0
    noise = np.random.default_rng(0).normal(0, 3, shape)
    first = int((lowest_mm - grid.affine[2, 3]) / spacing_mm)
    affine = world @ grid.affine
    affine[:3, 3] += affine[:3, 2] * first
    scan = np.abs(signal + noise)[..., first:].astype(np.float32)
    return Volume(scan, affine), brain[..., first:]


@pytest.fixture(
    scope="module",
    params=[(2.2, np.eye(4), -95.0), (3.0, OBLIQUE, -50.0)],
    ids=["2.2 mm", "3 mm, oblique, head cut by the field of view"],
)
def found_and_true(request):
    """Mask of the surface and true brain; 400 steps suffice where nothing but noise disturbs."""
    scan, brain = head(*request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(skullstrip, "_ITERATIONS", 400)
        return surface_brain_mask(scan), brain


def test_brain_of_an_analytic_head(found_and_true):
    found, brain = found_and_true
    assert dice(found, brain) > 0.93
    assert (brain & ~found).sum() < 0.01 * brain.sum()


@pytest.mark.parametrize("spacing_mm", [1.5, 3.0])
@pytest.mark.parametrize("affine", AFFINES.values(), ids=AFFINES)
def test_mask_of_a_known_surface_has_its_volume(affine, spacing_mm):
    """Only voxels whose centre lies inside: no layer more, whatever the voxel size."""
    radius_mm, axes = 27.4, affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    matrix, size = np.eye(4), int(70 / spacing_mm)
    matrix[:3, :3] = axes * spacing_mm
    matrix[:3, 3] = -matrix[:3, :3] @ np.full(3, (size - 1) / 2)
    grid = empty(matrix, (size, size, size))
    unit, faces = _icosphere(4)
    found = _fill(radius_mm * unit, faces, grid)
    assert found.sum() * spacing_mm**3 == pytest.approx(4 / 3 * np.pi * radius_mm**3, rel=0.02)
    assert (found[::-1, ::-1, ::-1] == found).mean() > 0.999
