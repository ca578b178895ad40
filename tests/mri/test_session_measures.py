"""Endpoints of one visit by hand-computed values."""

import numpy as np
import pytest

from smartms_img.mri.atlas import Region
from smartms_img.mri.session_measures import black_hole_values, head_size_values, lesion_values
from smartms_img.mri.tissue import Tissue

SPACING_MM = (1.0, 2.0, 1.5)


def _block():
    shape = (30, 12, 12)
    i = np.indices(shape)[0]
    regions = np.full(shape, Region.CEREBRUM)
    regions[:10] = Region.LATERAL_VENTRICLES
    regions[-6:] = Region.CEREBELLUM
    fluid = (i < 4).astype(np.float32)
    return regions, Tissue(fluid, 0 * fluid, 1 - fluid)


def _by_key(values):
    return {(v.paramcd, v.loc): v.value for v in values}


def test_lesions_are_counted_and_summed_by_region():
    regions, tissue = _block()
    lesions = np.zeros(regions.shape, dtype=bool)
    lesions[4:6, 2:4, 2:4] = True  # 8 voxels at the ventricle
    lesions[15:18, 2:4, 2:4] = True  # 12 voxels in white matter
    lesions[18, 4, 4] = True  # joined by a corner
    lesions[15:17, 9:10, 9:10] = True  # 2 voxels more
    lesions[26:28, 2:4, 2:4] = True  # 8 voxels in the cerebellum
    found = _by_key(lesion_values(lesions, tissue, regions, SPACING_MM))
    assert found == pytest.approx(
        {
            ("T2LV", ""): 31 * 0.003,
            ("T2LN", ""): 4,
            ("T2LV", "PV"): 8 * 0.003,
            ("T2LN", "PV"): 1,
            ("T2LV", "JC"): 0,
            ("T2LN", "JC"): 0,
            ("T2LV", "DWM"): 15 * 0.003,
            ("T2LN", "DWM"): 2,
            ("T2LV", "IT"): 8 * 0.003,
            ("T2LN", "IT"): 1,
        }
    )


def test_no_lesion_is_zero_not_missing():
    regions, tissue = _block()
    found = lesion_values(np.zeros(regions.shape, dtype=bool), tissue, regions, SPACING_MM)
    assert len(found) == 10
    assert {value.value for value in found} == {0.0}


def test_black_holes_of_at_least_a_volume():
    t1 = np.full((20, 12, 12), 100.0, dtype=np.float32)
    grey = np.zeros_like(t1)
    grey[10:], t1[10:] = 1.0, 70.0
    lesions = np.zeros(t1.shape, dtype=bool)
    lesions[1:5, 2:6, 2:6] = True
    t1[1:5, 2:6, 2:4] = 60.0  # 32 voxels of 3 mm3
    lesions[7, 2:4, 2:4] = True
    t1[7, 2:4, 2:4] = 60.0  # 4 voxels: 12 mm3
    tissue = Tissue(0 * grey, grey, 1 - grey)
    found = _by_key(black_hole_values(lesions, t1, tissue, SPACING_MM, 14.0))
    assert found == pytest.approx({("BHLV", ""): 0.096, ("BHLN", ""): 1})
    found = _by_key(black_hole_values(lesions, t1, tissue, SPACING_MM, 12.0))
    assert found == pytest.approx({("BHLV", ""): 0.108, ("BHLN", ""): 2})


def test_head_size_is_the_volume_of_the_affine():
    """A scan 10 % larger than MNI152 along each axis, turned: NBV is BPV over 1.331."""
    turn = np.array([[0.0, -1, 0, 5], [1, 0, 0, -7], [0, 0, 1, 9], [0, 0, 0, 1]])
    found = _by_key(
        head_size_values({"BPV": 1331.0, "TIV": 1500.0}, turn @ np.diag([1.1, 1.1, 1.1, 1]))
    )
    assert found == pytest.approx({("BPF", ""): 1331 / 1500, ("NBV", ""): 1000.0})
