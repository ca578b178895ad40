"""Expansion by hand: seeds, growth, smallest part, time."""

import numpy as np
import pytest

from smartms_img.mri.slow_expansion import expansion_values, slowly_expanding

SHAPE = (20, 20, 20)
LESION, OTHER = np.s_[2:8, 2:8, 2:8], np.s_[12:18, 12:18, 12:18]


def lesions():
    mask = np.zeros(SHAPE, dtype=bool)
    mask[LESION] = mask[OTHER] = True
    return mask


def ratio(percent_year, years, *boxes):
    field = np.ones(SHAPE, dtype=np.float32)
    for box in boxes:
        field[box] = (1 + percent_year / 100) ** years
    return field


@pytest.mark.parametrize("years", [0.5, 1.0, 1.5])
@pytest.mark.parametrize(("percent_year", "voxels"), [(12.4, 0), (12.6, 216), (-20.0, 0)])
def test_a_seed_expands_by_an_eighth_a_year(years, percent_year, voxels):
    assert slowly_expanding(lesions(), ratio(percent_year, years, LESION), years).sum() == voxels


def test_a_seed_grows_within_its_lesion_only():
    field = ratio(5.0, 1.0, np.s_[:, :, :])
    field[4, 4, 4] = 1.2
    assert slowly_expanding(lesions(), field, 1.0).sum() == 216


@pytest.mark.parametrize(("voxels", "kept"), [(9, 0), (10, 10)])
def test_ten_voxels_are_enough(voxels, kept):
    field = np.ones(SHAPE, dtype=np.float32)
    places = np.argwhere(lesions())[:voxels]
    field[tuple(places.T)] = 1.3
    assert slowly_expanding(lesions(), field, 1.0).sum() == kept


def test_outside_lesions_nothing_expands():
    nothing = np.zeros(SHAPE, dtype=bool)
    assert not slowly_expanding(nothing, ratio(30.0, 1.0, LESION), 1.0).any()


def test_two_parts_of_one_lesion_count_once():
    expanding = np.zeros(SHAPE, dtype=bool)
    expanding[2:4, 2:8, 2:8] = expanding[6:8, 2:8, 2:8] = True
    values = {v.paramcd: v.value for v in expansion_values(expanding, lesions(), 2.0)}
    assert values == {"SELLN": 1.0, "SELLV": pytest.approx(144 * 8 / 1000)}
