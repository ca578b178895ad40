"""The deformable surface on an analytic head: bright brain, dark rim, bright scalp."""

import numpy as np
import pytest
from mri_shapes import centred, dice, ellipsoid, rotation

from smartms_img.mri.skullstrip import surface_brain_mask
from smartms_img.volume import Volume

BRAIN_MM = (66.0, 82.0, 62.0)


def head(spacing_mm, world=None):
    """Brain 100 with ventricles 30, 8 mm of dark rim, 8 mm of scalp, air; some noise."""
    shape = tuple(int(np.ceil(n / spacing_mm)) for n in (200, 230, 200))
    grid = centred(shape, spacing_mm)
    brain = ellipsoid(grid, BRAIN_MM)
    signal = np.where(ellipsoid(grid, np.array(BRAIN_MM) + 16), 130.0, 0.0)
    signal[ellipsoid(grid, np.array(BRAIN_MM) + 8)] = 15.0
    signal[brain] = 100.0
    signal[ellipsoid(grid, (8.0, 25.0, 10.0))] = 30.0
    noise = np.random.default_rng(0).normal(0, 3, shape)
    affine = grid.affine if world is None else world @ grid.affine
    return Volume(np.abs(signal + noise).astype(np.float32), affine), brain


@pytest.mark.parametrize("spacing_mm", [2.5, 4.0])
def test_brain_of_an_analytic_head(spacing_mm):
    scan, brain = head(spacing_mm)
    found = surface_brain_mask(scan)
    assert dice(found, brain) > 0.93
    volume_ml = found.sum() * scan.voxel_volume_mm3 / 1000
    truth_ml = 4 / 3 * np.pi * np.prod(BRAIN_MM) / 1000
    assert volume_ml == pytest.approx(truth_ml, rel=0.08)


def test_an_oblique_head_with_other_axes():
    turned = rotation((9.0, -6.0, 12.0), shift=(10.0, -15.0, 20.0))
    scan, brain = head(3.5, turned @ np.diag([-1.0, -1.0, 1.0, 1.0]))
    assert dice(surface_brain_mask(scan), brain) > 0.93


def test_a_field_of_view_that_cuts_the_head():
    scan, brain = head(4.0)
    cut = np.s_[:, :, 14:]
    affine = scan.affine.copy()
    affine[2, 3] += 14 * 4.0
    found = surface_brain_mask(Volume(scan.data[cut], affine))
    assert dice(found, brain[cut]) > 0.9
