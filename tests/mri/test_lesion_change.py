"""Lesion change between two visits made by hand, and its mirror."""

import dataclasses

import numpy as np
import pytest
from mri_shapes import worst
from scipy import ndimage

from smartms_img.mri.lesion_change import (
    ChangeRule,
    LesionChange,
    Visit,
    change_values,
    classify_change,
    joint_lesions,
    signal_change_z,
    trusted_change_z,
)

SHAPE = (40, 40, 40)
RULE = ChangeRule(14.0, 2.5, 0.3, enlarging_fraction=0.5, shrinking_fraction=1 / 3)
MIRROR = {0: 0, 1: 4, 4: 1, 2: 3, 3: 2}
NOTHING = np.s_[0:0, 0:0, 0:0]


def box(*slices):
    mask = np.zeros(SHAPE, dtype=bool)
    for where in slices:
        mask[where] = True
    return mask


def visit(lesions, *, flair=None, probability=None, csf=NOTHING):
    return Visit(
        np.zeros(SHAPE, np.float32) if flair is None else flair,
        lesions,
        0.9 * lesions if probability is None else probability,
        box(csf).astype(np.float32),
    )


def unsegmented(bright, *, csf=NOTHING):
    """Tissue of 100 with noise of 5, and bright parts that no segmentation found."""
    tissue = np.random.default_rng(3).normal(100, 5, SHAPE).astype(np.float32)
    return visit(box(NOTHING), flair=tissue + 60 * bright, csf=csf)


def compare(before, after, *, signal=8.0, rule=RULE, voxel_mm=1.0):
    """Label the change of two masks whose signal differs where they differ."""
    z = signal * (after.astype(np.float32) - before.astype(np.float32))
    return classify_change(
        *joint_lesions(visit(before), visit(after), z, voxel_mm, rule), voxel_mm, rule
    )


def labels(change):
    return {LesionChange(n) for n in np.unique(change) if n}


CASES = {
    "new": (NOTHING, np.s_[10:14, 10:14, 10:14], LesionChange.NEW),
    "enlarging": (np.s_[10:14, 10:14, 10:14], np.s_[10:14, 10:14, 10:17], LesionChange.ENLARGING),
    "shrinking": (np.s_[10:14, 10:14, 10:17], np.s_[10:14, 10:14, 10:14], LesionChange.SHRINKING),
    "resolved": (np.s_[10:14, 10:14, 10:14], NOTHING, LesionChange.RESOLVED),
    "stable": (np.s_[10:14, 10:14, 10:14], np.s_[10:14, 10:14, 10:14], None),
    "grown by a quarter": (np.s_[10:14, 10:14, 10:18], np.s_[10:14, 10:14, 10:20], None),
    "too small to be new": (NOTHING, np.s_[10:12, 10:12, 10:13], None),
    "just large enough": (NOTHING, np.s_[10:12, 10:17, 10], LesionChange.NEW),
}


@pytest.mark.parametrize(("before", "after", "expected"), CASES.values(), ids=CASES)
def test_change_made_by_hand(before, after, expected):
    before, after = box(before), box(after)
    change = compare(before, after)
    assert labels(change) == ({expected} if expected else set())
    assert ((change > 0) <= (before ^ after)).all()
    if expected:
        assert (change > 0).sum() == (before ^ after).sum()


@pytest.mark.parametrize(("before", "after", "expected"), CASES.values(), ids=CASES)
def test_exchanging_the_visits_mirrors_the_classes(before, after, expected):
    there, back = compare(box(before), box(after)), compare(box(after), box(before))
    assert (np.vectorize(MIRROR.get)(there) == back).all()


def test_all_classes_at_once_mirror_too():
    stable = np.s_[5:9, 5:9, 5:9]
    before = box(stable, np.s_[20:24, 20:24, 20:24], np.s_[30:35, 30:34, 30:34])
    after = box(stable, np.s_[20:24, 20:24, 20:28], np.s_[12:16, 30:34, 5:9])
    there, back = compare(before, after), compare(after, before)
    assert labels(there) == {LesionChange.NEW, LesionChange.ENLARGING, LesionChange.RESOLVED}
    assert (np.vectorize(MIRROR.get)(there) == back).all()


def test_loss_is_a_fraction_of_what_the_lesion_was():
    """A growth by half and a loss of a third are each other's mirror; a quarter lost is less."""
    four, three = box(np.s_[10:14, 10:14, 10:18]), box(np.s_[10:14, 10:14, 10:16])
    assert labels(compare(four, three)) == set()
    assert labels(compare(three, four)) == set()


def test_growth_in_two_places_adds_up():
    """64 mm3 gain 16 mm3 on either side: half of the volume."""
    before = box(np.s_[10:14, 10:14, 10:14])
    after = box(np.s_[10:14, 10:14, 9:15])
    change = compare(before, after)
    assert labels(change) == {LesionChange.ENLARGING}
    assert (change > 0).sum() == 32


def test_of_a_confluent_lesion_the_neighbourhood_counts():
    """A nodule of 64 mm3 on the end of a long thin lesion of 144 mm3, 48 of them near by."""
    long, nodule = np.s_[10:12, 10:12, 2:38], np.s_[12:16, 10:14, 2:6]
    assert labels(compare(box(long), box(long, nodule))) == {LesionChange.ENLARGING}
    thick = np.s_[10:14, 10:18, 2:38]
    assert labels(compare(box(thick), box(thick, np.s_[14:18, 10:14, 2:6]))) == set()


def test_two_segmentations_of_an_unchanged_lesion_agree():
    """The later mask is larger by a rim: the mean of both decides."""
    core, rim = np.s_[10:15, 10:15, 10:15], np.s_[9:16, 9:16, 9:16]
    earlier = visit(box(core), probability=0.9 * box(core) + 0.3 * (box(rim) & ~box(core)))
    later = visit(box(rim), probability=0.9 * box(core) + 0.6 * (box(rim) & ~box(core)))
    first, second = joint_lesions(earlier, later, np.zeros(SHAPE, np.float32), 1.0, RULE)
    assert (first == second).all()
    assert (first == box(core)).all()


def test_a_weak_probability_suffices_where_the_signal_rose():
    lesion = box(np.s_[10:14, 10:14, 10:14])
    faint = visit(box(NOTHING), probability=0.4 * lesion)
    for rise, found in ((8.0, lesion), (0.0, box(NOTHING))):
        first, second = joint_lesions(visit(box(NOTHING)), faint, rise * lesion, 1.0, RULE)
        assert not first.any()
        assert (second == found).all()


def test_masks_without_probability_are_united_where_nothing_changed():
    """Manual masks know only 0 and 1."""
    before, after = box(np.s_[10:14, 10:14, 10:14]), box(np.s_[10:14, 10:14, 11:15])
    visits = (visit(m, probability=m.astype(np.float32)) for m in (before, after))
    first, second = joint_lesions(*visits, np.zeros(SHAPE, np.float32), 1.0, RULE)
    assert (first == (before | after)).all()
    assert (second == first).all()


def test_a_larger_mask_without_signal_is_no_change():
    before, after = box(np.s_[10:14, 10:14, 10:14]), box(np.s_[10:14, 10:14, 10:20])
    assert not compare(before, after, signal=2.4).any()
    assert not compare(box(NOTHING), after, signal=2.4).any()
    assert compare(box(NOTHING), after, signal=2.6).any()


@pytest.mark.parametrize("swapped", [False, True])
def test_a_wide_mask_does_not_make_a_new_lesion_one_that_grew(swapped):
    """A reader's mask reaches further than the signal; another visit knows nothing of it."""
    nothing, wide = box(NOTHING), box(np.s_[10:16, 10:16, 10:16])
    z = 8.0 * box(np.s_[11:15, 11:15, 11:15]).astype(np.float32)
    visits = [visit(mask, probability=mask.astype(np.float32)) for mask in (nothing, wide)]
    if swapped:
        visits, z = visits[::-1], -z
    change = classify_change(*joint_lesions(*visits, z, 1.0, RULE), 1.0, RULE)
    assert labels(change) == {LesionChange.RESOLVED if swapped else LesionChange.NEW}


def test_a_faint_probability_at_the_edge_of_the_brain_does_not_either():
    """Where no signal is trusted both visits are taken together."""
    lesion, edge = box(np.s_[10:16, 10:16, 10:16]), box(np.s_[10:16, 10:16, 10:12])
    z = 8.0 * (lesion & ~edge).astype(np.float32)
    before = visit(box(NOTHING), probability=0.2 * lesion.astype(np.float32))
    after = visit(lesion, probability=0.95 * lesion.astype(np.float32))
    change = classify_change(*joint_lesions(before, after, z, 1.0, RULE), 1.0, RULE)
    assert labels(change) == {LesionChange.NEW}


def test_signal_that_falls_makes_no_new_lesion():
    assert not compare(box(NOTHING), box(np.s_[10:14, 10:14, 10:14]), signal=-8.0).any()


def test_little_that_grows_on_an_old_lesion_is_not_new():
    old = np.s_[10:16, 10:16, 10:16]
    assert labels(compare(box(old), box(old, np.s_[10:13, 10:13, 16:19]))) == set()
    apart = np.s_[10:13, 10:13, 17:20]
    assert labels(compare(box(old), box(old, apart))) == {LesionChange.NEW}


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("beside", [np.s_[16:19, 16:19, 16:19], np.s_[10:18, 10:18, 16:26]])
def test_what_only_touches_an_old_lesion_is_new(beside, swapped):
    old = np.s_[10:16, 10:16, 10:16]
    masks = [box(old), box(old, beside)]
    found = classify_change(*masks[:: -1 if swapped else 1], 1.0, RULE)
    assert labels(found) == {LesionChange.RESOLVED if swapped else LesionChange.NEW}


@pytest.mark.parametrize("swapped", [False, True])
def test_a_small_lesion_that_grows_all_round_is_not_new(swapped):
    masks = [box(np.s_[16:18, 16:18, 16:18]), box(np.s_[10:24, 10:24, 10:24])]
    found = classify_change(*masks[:: -1 if swapped else 1], 1.0, RULE)
    assert labels(found) == {LesionChange.SHRINKING if swapped else LesionChange.ENLARGING}


def test_a_faint_lesion_that_one_visit_just_misses_is_the_same():
    lesion, rose = box(np.s_[10:18, 10:18, 10:18]), box(np.s_[10:13, 10:13, 10:13])
    before = visit(box(NOTHING), probability=0.45 * lesion)
    after = visit(lesion, probability=0.6 * lesion)
    z = (1.5 * lesion + 1.5 * rose).astype(np.float32)
    change = classify_change(*joint_lesions(before, after, z, 1.0, RULE), 1.0, RULE)
    assert not change.any()


def test_a_strong_rise_reaches_beyond_the_voxels_of_the_segmentation():
    lesion, known = box(np.s_[10:14, 10:14, 10:14]), box(np.s_[11:13, 11:13, 11:13])
    later = visit(box(NOTHING), probability=0.4 * known)
    for rise, found in ((20.0, lesion), (4.0, box(NOTHING))):
        _, second = joint_lesions(visit(box(NOTHING)), later, rise * lesion, 1.0, RULE)
        assert (second == found).all()


def test_an_evident_rise_needs_no_segmentation():
    """Ten times the noise, from tissue to brighter than tissue; neither alone is enough."""
    lesion, nothing = box(np.s_[10:14, 10:14, 10:14]), box(NOTHING)
    wet = np.s_[8:16, 8:16, 8:16]
    for bright, csf, rise, found in (
        (lesion, NOTHING, 12.0, {LesionChange.NEW}),
        (lesion, NOTHING, 8.0, set()),
        (nothing, NOTHING, 12.0, set()),
        (lesion, wet, 12.0, set()),
    ):
        z = np.where(lesion, rise, 0.1).astype(np.float32)
        visits = unsegmented(nothing, csf=csf), unsegmented(bright)
        assert labels(classify_change(*joint_lesions(*visits, z, 1.0, RULE), 1.0, RULE)) == found


@pytest.mark.parametrize("swapped", [False, True])
def test_a_shell_round_a_lesion_that_no_segmentation_saw_is_growth(swapped):
    core, whole = box(np.s_[12:16, 12:16, 12:16]), box(np.s_[10:18, 10:18, 10:18])
    visits = [unsegmented(core), unsegmented(whole)]
    z = np.where(whole & ~core, 12.0, 0.1).astype(np.float32)
    if swapped:
        visits, z = visits[::-1], -z
    change = classify_change(*joint_lesions(*visits, z, 1.0, RULE), 1.0, RULE)
    assert labels(change) == {LesionChange.SHRINKING if swapped else LesionChange.ENLARGING}
    assert ((change > 0) == (whole & ~core)).all()


def test_a_lesion_that_grows_at_both_ends_is_one_lesion():
    before, after = box(np.s_[10:14, 10:14, 10:14]), box(np.s_[10:14, 10:14, 6:18])
    found = {
        v.paramcd: v.value
        for v in change_values(compare(before, after), before | after, box(NOTHING), 1.0)
    }
    assert found["ENLLV"] == pytest.approx(0.128)
    assert found["ENLLN"] == 1


def test_change_at_the_edge_of_the_brain_or_in_fluid_is_not_trusted():
    rng = np.random.default_rng(2)
    brain = np.pad(np.ones(tuple(n - 4 for n in SHAPE), dtype=bool), 2)
    edge, wet, deep = (
        np.s_[2:4, 10:20, 10:20],
        np.s_[20:26, 20:26, 20:26],
        np.s_[12:16, 12:16, 30:34],
    )
    anatomy = rng.normal(100, 5, SHAPE).astype(np.float32)
    bright = box(edge, wet, deep)
    earlier, later = (
        visit(
            lesions,
            flair=anatomy + rng.normal(0, 2, SHAPE).astype(np.float32) + 60 * lesions,
            csf=wet,
        )
        for lesions in (box(NOTHING), bright)
    )
    z = trusted_change_z(earlier, later, brain, 1.0)
    assert not z[box(edge, wet)].any()
    assert z[deep].min() > 5


def test_smallest_volume_counts_millimetres():
    lesion = box(np.s_[10:13, 10:13, 10:13])
    assert labels(compare(box(NOTHING), lesion, voxel_mm=0.8)) == set()  # 13.8 mm3
    assert labels(compare(box(NOTHING), lesion, voxel_mm=0.81)) == {LesionChange.NEW}


def test_signal_change_has_unit_noise_whatever_the_gain():
    rng = np.random.default_rng(4)
    normal = ~box(np.s_[15:20, 15:20, 15:20])
    anatomy = rng.normal(100, 10, SHAPE)
    earlier = anatomy + rng.normal(0, 3, SHAPE)
    later = anatomy + rng.normal(0, 3, SHAPE)
    later[~normal] += 30.0
    z = signal_change_z(earlier, later, normal, 1.0)
    assert np.median(z[normal]) == pytest.approx(0.0, abs=0.01)
    assert z[normal].std() == pytest.approx(1.0, abs=0.05)
    assert z[box(np.s_[16:19, 16:19, 16:19])].min() > 5
    scaled = signal_change_z(earlier, 0.4 * later + 77.0, normal, 1.0)
    assert worst(scaled, z) < 1e-2
    assert worst(signal_change_z(later, earlier, normal, 1.0), -z) < 1e-4


def test_a_blurred_visit_loses_no_lesion():
    """The same lesions, one visit blurred as by another scanner: the first order is taken out."""
    rng = np.random.default_rng(4)
    tissue = ndimage.gaussian_filter(rng.normal(0, 1, SHAPE), 1.2) * 6
    lesion = np.zeros(SHAPE)
    lesion[20:22, 20:22, 20:23] = 6.0
    sharp = ndimage.gaussian_filter(100 + 5 * (tissue + lesion), 0.5)
    earlier = (sharp + rng.normal(0, 0.5, SHAPE)).astype(np.float32)
    later = (ndimage.gaussian_filter(sharp, 0.6) + rng.normal(0, 0.5, SHAPE)).astype(np.float32)
    normal = ndimage.binary_erosion(np.ones(SHAPE, dtype=bool), iterations=3) & (lesion == 0)
    z = signal_change_z(earlier, later, normal, 1.0)
    assert abs(z[lesion > 0].mean()) < 2.5
    assert np.std(z[normal]) == pytest.approx(1.0, abs=0.25)


@pytest.mark.parametrize("count", [0, 1, 5, 50, 300])
def test_little_normal_tissue_is_no_reason_to_fail(count):
    rng = np.random.default_rng(count)
    earlier, later = rng.normal(5, 1, (2, *SHAPE)).astype(np.float32)
    normal = np.arange(earlier.size).reshape(SHAPE) < count
    assert np.isfinite(signal_change_z(earlier, later, normal, 1.0)).all()


def test_counts_and_volumes_by_hand():
    change = np.zeros(SHAPE, dtype=np.uint8)
    change[5:8, 5:8, 5:8] = LesionChange.NEW
    change[20, 20, 20] = change[21, 21, 21] = LesionChange.NEW
    change[5:7, 30:32, 5:7] = LesionChange.ENLARGING
    change[30:32, 5:7, 5:7] = LesionChange.SHRINKING
    change[30:33, 30:33, 5:7] = LesionChange.RESOLVED
    found = {
        v.paramcd: v.value for v in change_values(change, change > 0, box(np.s_[0:5, 0:2, 0]), 2.0)
    }
    assert found == pytest.approx(
        {
            "NEWLN": 2,
            "NEWLV": 29 * 0.008,
            "ENLLN": 1,
            "ENLLV": 8 * 0.008,
            "SHRLN": 1,
            "RESLN": 1,
            "ATLV": 10 * 0.008,
        }
    )


def test_the_rule_is_named_with_its_numbers():
    other = dataclasses.replace(RULE, min_volume_mm3=9.0)
    assert RULE.name == "joint-signal z>=2.5 p>=0.3 vol>=14mm3 grow>=0.5 shrink>=0.333333"
    assert other.name != RULE.name
