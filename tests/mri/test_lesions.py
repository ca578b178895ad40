"""Lesions on an analytic FLAIR, their McDonald regions and black holes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mri_shapes import centred, dice, ellipsoid

from smartms_img.mri.atlas import Region
from smartms_img.mri.lesions import (
    LesionLocation,
    black_holes,
    drop_small,
    flair_evidence,
    lesion_locations,
    segment_lesions,
)
from smartms_img.mri.tissue import Tissue

ISO = (1.0, 1.0, 1.0)
GRID = centred((64, 72, 60), 1.0)
LESION, SMALL = ((18.0, 5.0, 6.0), 4.0), ((-17.0, -8.0, 4.0), 1.2)
PLEXUS, RIM = ((0.0, 4.0, 0.0), 3.0), ((26.5, 0.0, 0.0), 2.0)


def _ball(where):
    centre, radius = where
    return ellipsoid(GRID, (radius,) * 3, centre=centre)


class Head:
    """Cortex 110, white matter 100, ventricle 20, all with noise 5; lesion at 110 + 6 * 5."""

    def __init__(self):
        self.mask = ellipsoid(GRID, (28, 32, 26))
        white = ellipsoid(GRID, (24, 28, 22))
        fluid = ellipsoid(GRID, (7, 14, 6))
        self.fluid = fluid
        self.regions = np.where(self.mask, Region.CEREBRUM, 0)
        self.regions[ellipsoid(GRID, (11, 18, 10))] = Region.LATERAL_VENTRICLES
        prior = white & ~fluid
        self.white_prior = prior.astype(np.float32)
        parts = {"csf": fluid, "grey": self.mask & ~white, "white": prior}
        self.parts = {name: part.astype(np.float32) for name, part in parts.items()}
        level = np.select([fluid, white, self.mask], [20.0, 100.0, 110.0], 0.0)
        noise = np.random.default_rng(2).normal(0, 5, GRID.shape)
        self.flair = np.where(self.mask, level + noise, 0.0)

    def brighten(self, where, sd):
        """Raise the signal of a ball to a number of noise deviations above grey matter."""
        self.flair[_ball(where)] = 110.0 + 5.0 * sd

    def paint(self, where, **tissue):
        """Set the tissue that the T1w shows in a ball."""
        for name in self.parts:
            self.parts[name][_ball(where)] = tissue.get(name, 0.0)

    def segment(self, **changes):
        rule = {"threshold_z": 2.2, "min_volume_mm3": 14.0} | changes
        tissue = Tissue(**self.parts)
        flair = GRID.like(self.flair.astype(np.float32))
        evidence = flair_evidence(flair, tissue, self.white_prior, rule["threshold_z"])
        return segment_lesions(evidence, tissue, self.regions, self.mask, ISO, **rule)


def test_evidence_is_in_robust_deviations_above_grey_matter():
    signal = np.array([[[90.0, 96.0, 100.0, 104.0, 150.0, 122.2384, 0.0]]], dtype=np.float32)
    grey = np.array([[[1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 1.0]]], dtype=np.float32)
    white = np.array([[[0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0]]], dtype=np.float32)
    evidence = flair_evidence(
        centred(signal.shape, 1.0).like(signal), Tissue(0 * grey, grey, white), white, 2.5
    )
    # Median 100; absolute deviations 10, 4, 0, 4, 50: median 4, times 1.4826.
    expected = (signal - 100.0) / (4 * 1.4826)
    assert evidence.z == pytest.approx(expected, rel=1e-4)
    signal_term = 1 / (1 + np.exp(-2.0 * (22.2384 / 5.9304 - 2.5)))
    assert evidence.probability[0, 0, 5] == pytest.approx(signal_term, rel=1e-4)
    assert not evidence.probability[0, 0, :5].any()


def test_probability_is_one_half_at_the_threshold():
    signal = np.array([[[99.0, 100.0, 101.0, 100.0 + 1.4826 * 3]]], dtype=np.float32)
    grey = np.array([[[1.0, 1.0, 1.0, 0.0]]], dtype=np.float32)
    evidence = flair_evidence(
        centred(signal.shape, 1.0).like(signal), Tissue(0 * grey, grey, 1 - grey), 1 - grey, 3.0
    )
    assert evidence.probability[0, 0, 3] == pytest.approx(0.5, abs=1e-4)


def test_a_lesion_is_found_and_nothing_else():
    head = Head()
    assert not head.segment().any()
    head.brighten(LESION, 6.0)
    head.paint(LESION, grey=0.7, white=0.3)
    assert dice(head.segment(), _ball(LESION)) > 0.95


def test_a_lesion_below_the_smallest_volume_is_dropped():
    head = Head()
    head.brighten(SMALL, 8.0)
    assert 0 < _ball(SMALL).sum() < 14
    assert not head.segment().any()
    assert head.segment(min_volume_mm3=3.0).sum() == _ball(SMALL).sum()


def test_a_fainter_rim_belongs_to_the_lesion_it_touches_only():
    head, alone = Head(), ((-18.0, 6.0, -5.0), 4.0)
    grown = (LESION[0], LESION[1] + 2)
    for where, sd in ((grown, 1.7), (LESION, 6.0), (alone, 1.7)):
        head.brighten(where, sd)
    found = head.segment()
    assert dice(found, _ball(grown)) > 0.95
    assert not (found & _ball(alone)).any()


def test_signal_at_the_outer_rim_is_no_lesion():
    head = Head()
    head.white_prior[head.mask] = 1.0
    head.brighten(RIM, 8.0)
    assert (_ball(RIM) & head.mask).sum() > 14
    assert not head.segment().any()


def test_choroid_plexus_is_no_lesion():
    """It is grey on the T1w, bright on the FLAIR, and lies in the fluid of the ventricle."""
    head = Head()
    head.brighten(PLEXUS, 8.0)
    head.paint(PLEXUS, csf=0.3, grey=0.7)
    assert not head.segment().any()


def test_choroid_plexus_is_no_lesion_where_the_template_sees_white_matter():
    """A ventricle wider than the template's: its prior alone cannot tell."""
    head = Head()
    head.brighten(PLEXUS, 8.0)
    head.paint(PLEXUS, csf=0.3, grey=0.7)
    head.white_prior[head.fluid] = 0.8
    assert not head.segment().any()


@pytest.mark.parametrize("centre_mm", [11.0, 8.0], ids=["beside it", "bulging into it"])
def test_a_lesion_at_the_wall_of_the_ventricle_stays(centre_mm):
    wall = ((centre_mm, 0.0, 0.0), 3.5)
    head = Head()
    head.brighten(wall, 6.0)
    head.paint(wall, grey=0.6, white=0.4)
    head.white_prior[_ball(wall)] = 0.9
    assert dice(head.segment(), _ball(wall)) > 0.9


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1.0, 2.0, 5.0, 9.0]))
def test_parts_that_stay_are_large_enough_and_whole(seed, minimum):
    mask = np.random.default_rng(seed).random((8, 8, 8)) < 0.08
    kept = drop_small(mask, (0.5, 1.0, 2.0), minimum)
    assert (kept <= mask).all()
    assert (drop_small(kept, (0.5, 1.0, 2.0), minimum) == kept).all()
    assert drop_small(mask & ~kept, (0.5, 1.0, 2.0), minimum).sum() == 0


def test_corners_join_a_lesion():
    mask = np.zeros((6, 6, 6), dtype=bool)
    mask[1, 1, 1] = mask[2, 2, 2] = mask[5, 5, 5] = True
    assert drop_small(mask, ISO, 2.0).sum() == 2
    assert drop_small(mask, (1.0, 1.0, 3.0), 3.0).sum() == 3


def _place(lesion, spacing_mm=ISO):
    """Region of one box in a block: ventricle i < 5, cortex i >= 35, brainstem k < 6."""
    shape = (40, 20, 20)
    i, _, k = np.indices(shape)
    regions = np.full(shape, Region.CEREBRUM)
    regions[i < 10] = Region.LATERAL_VENTRICLES
    regions[k < 6] = Region.BRAINSTEM
    csf, grey = ((i < 5) & (k >= 6)).astype(np.float32), (i >= 35).astype(np.float32)
    labels = np.zeros(shape, dtype=int)
    labels[lesion] = 1
    tissue = Tissue(csf, grey, 1 - csf - grey)
    return lesion_locations(labels, tissue, regions, spacing_mm)


@pytest.mark.parametrize(
    ("lesion", "location"),
    [
        (np.s_[5:8, 8:11, 10:13], LesionLocation.PERIVENTRICULAR),
        (np.s_[6:9, 8:11, 10:13], LesionLocation.PERIVENTRICULAR),  # 2 mm to the fluid
        (np.s_[9:12, 8:11, 10:13], LesionLocation.DEEP_WHITE),  # 5 mm
        (np.s_[20:23, 8:11, 10:13], LesionLocation.DEEP_WHITE),
        (np.s_[30:33, 8:11, 10:13], LesionLocation.DEEP_WHITE),  # 3 mm to the cortex
        (np.s_[31:34, 8:11, 10:13], LesionLocation.JUXTACORTICAL),  # 2 mm
        (np.s_[33:37, 8:11, 10:13], LesionLocation.JUXTACORTICAL),
        (np.s_[5:36, 8:11, 10:13], LesionLocation.PERIVENTRICULAR),  # first in the order
        (np.s_[5:8, 8:11, 2:5], LesionLocation.INFRATENTORIAL),
        (np.s_[20:23, 8:11, 4:7], LesionLocation.INFRATENTORIAL),  # two thirds below
        (np.s_[20:23, 8:11, 5:8], LesionLocation.DEEP_WHITE),  # one third below
    ],
)
def test_location_of_a_hand_placed_lesion(lesion, location):
    assert _place(lesion) == [location]


def test_location_counts_millimetres_not_voxels():
    assert _place(np.s_[9:12, 8:11, 10:13], (0.4, 1.0, 1.0)) == [LesionLocation.PERIVENTRICULAR]
    assert _place(np.s_[32:34, 8:11, 10:13], (3.0, 1.0, 1.0)) == [LesionLocation.DEEP_WHITE]


def test_no_lesions_no_locations():
    assert _place(np.s_[0:0, 0:0, 0:0]) == []


def test_black_holes_are_no_brighter_than_the_median_of_grey_matter():
    t1 = np.array([[[60.0, 70.0, 80.0, 65.0, 70.0, 71.0, 50.0]]])
    grey = np.array([[[1.0, 1.0, 1.0, 0.9, 0.0, 0.0, 0.0]]])
    lesions = np.array([[[False, False, False, True, True, True, False]]])
    assert black_holes(lesions, t1, grey).tolist() == [[[False] * 3 + [True, True, False, False]]]
