"""A row for every lesion, by hand."""

import numpy as np
import pytest

from smartms_img.mri.atlas import Region
from smartms_img.mri.lesion_change import LesionChange
from smartms_img.mri.lesion_table import compared_lesion_rows, lesion_rows
from smartms_img.mri.lesions import LesionLocation
from smartms_img.mri.tissue import Tissue
from smartms_img.volume import Volume

SHAPE = (40, 40, 40)
AFFINE = np.diag([2.0, 1.0, 1.0, 1.0])
AFFINE[:3, 3] = (-40.0, -20.0, -20.0)
REGIONS = np.full(SHAPE, Region.CEREBRUM, dtype=np.uint8)
REGIONS[..., :12] = Region.CEREBELLUM
NONE = np.zeros(SHAPE, dtype=np.float32)
TISSUE = Tissue(NONE, NONE, 1 - NONE)
HIGH, LOW = np.s_[10:13, 10:14, 30:34], np.s_[20:22, 20:22, 4:8]


def mask(*boxes):
    found = np.zeros(SHAPE, dtype=bool)
    for box in boxes:
        found[box] = True
    return found


def test_lesions_of_one_visit():
    probability = 0.8 * mask(HIGH) + 0.6 * mask(LOW)
    high, low = lesion_rows(Volume(mask(HIGH, LOW), AFFINE), probability, TISSUE, REGIONS)
    assert (high.number, high.change, high.location) == (1, "", LesionLocation.DEEP_WHITE)
    assert (high.volume_mm3, high.follow_volume_mm3, high.jacobian) == (96.0, None, None)
    assert high.centre_mm == (-18.0, -8.5, 11.5)
    assert high.probability == pytest.approx(0.8)
    assert (low.number, low.location, low.volume_mm3) == (2, LesionLocation.INFRATENTORIAL, 32.0)


def test_no_lesion_no_row():
    assert lesion_rows(Volume(mask(), AFFINE), NONE, TISSUE, REGIONS) == []


def test_lesions_of_two_visits():
    """One is new; one split into two, which lost volume between them."""
    whole, ends = (
        np.s_[20:26, 20:24, 30:34],
        (np.s_[20:22, 20:24, 30:34], np.s_[24:26, 20:24, 30:34]),
    )
    before, after = mask(whole), mask(*ends, HIGH)
    change = np.zeros(SHAPE, dtype=np.uint8)
    change[mask(HIGH)] = LesionChange.NEW
    change[before & ~after] = LesionChange.SHRINKING
    chance = (0.9 * (before | after)).astype(np.float32)
    ratio = np.where(before, 0.9, 1.1).astype(np.float32)
    new, split = compared_lesion_rows(
        Volume(change, AFFINE), before, after, chance, TISSUE, REGIONS, ratio
    )
    assert (new.change, new.volume_mm3, new.follow_volume_mm3) == ("new", 0.0, 96.0)
    assert (split.change, split.volume_mm3, split.follow_volume_mm3) == ("shrinking", 192.0, 128.0)
    assert (new.jacobian, split.jacobian) == (pytest.approx(1.1), pytest.approx(0.9))
    assert new.probability == pytest.approx(0.9)
    assert split.probability == pytest.approx(0.9)


def test_a_lesion_that_did_not_change_is_stable():
    unchanged = Volume(np.zeros(SHAPE, dtype=np.uint8), AFFINE)
    (row,) = compared_lesion_rows(unchanged, mask(LOW), mask(LOW), NONE, TISSUE, REGIONS, 1 + NONE)
    assert (row.change, row.volume_mm3, row.follow_volume_mm3) == ("stable", 32.0, 32.0)
