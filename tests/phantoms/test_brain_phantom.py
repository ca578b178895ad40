from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from smartms_img.naming import Contrast
from smartms_img.phantoms.brain import BrainPatient
from smartms_img.phantoms.lesions import GROWTH, LesionFate
from smartms_img.phantoms.template import head

FATES = {
    LesionFate.STABLE: 3,
    LesionFate.NEW: 2,
    LesionFate.ENLARGING: 1,
    LesionFate.SHRINKING: 1,
    LesionFate.RESOLVED: 1,
}


@pytest.fixture(scope="module")
def patient() -> BrainPatient:
    return BrainPatient(7, -1.0, FATES)


@pytest.fixture(scope="module")
def points(patient: BrainPatient) -> list[np.ndarray]:
    """Template points of a 1 mm grid in the head, at both visits."""
    grid = np.indices(patient.head.white.shape, dtype=np.float32).reshape(3, -1)
    return [patient.template_points(grid, visit) for visit in (0, 1)]


def count_ml(region: np.ndarray, points: list[np.ndarray]) -> np.ndarray:
    """Volume at both visits by counting 1 mm voxels of the resampled region."""
    fraction = region.astype(np.float32)
    sums = [ndimage.map_coordinates(fraction, p, order=1, output=np.float64) for p in points]
    return np.array([values.sum() / 1000 for values in sums])


def test_tissue_change_is_what_counting_voxels_says(patient, points):
    before, after = count_ml(patient.head.tissue * patient.head.inside, points)
    assert patient.truth.pbvc == pytest.approx(-1.0, abs=0.01)
    assert 100 * (after / before - 1) == pytest.approx(patient.truth.pbvc, abs=0.02)
    assert (before, after) == pytest.approx(patient.truth.tissue_ml, rel=1e-3)


def test_volumes_of_grey_and_white_matter_are_what_counting_says(patient, points):
    inside = patient.head.inside
    truth = patient.truth
    for region, volumes in (
        (patient.head.grey, truth.grey_ml),
        (patient.head.white, truth.white_ml),
    ):
        assert tuple(count_ml(region * inside, points)) == pytest.approx(volumes, rel=1e-3)
    parts = np.add(truth.grey_ml, truth.white_ml)
    assert parts == pytest.approx(truth.tissue_ml, rel=0.01)


def test_ventricles_and_thalamus_change_as_counting_says(patient, points):
    truth = patient.truth
    for region, percent in (
        (patient.head.ventricles, truth.pventvc),
        (patient.head.thalamus, truth.pthalvc),
    ):
        before, after = count_ml(region, points)
        assert 100 * (after / before - 1) == pytest.approx(percent, rel=0.05)
    assert truth.pventvc > 2
    assert truth.pthalvc < 0


def test_skull_stays(patient, points):
    inside_ml = count_ml(patient.head.inside, points)
    assert inside_ml[1] == pytest.approx(inside_ml[0], rel=1e-3)
    bone = ndimage.map_coordinates(patient.head.skull, points[0], order=0) > 0.9
    moved_mm = np.linalg.norm(points[1][:, bone] - points[0][:, bone], axis=0)
    assert np.percentile(moved_mm, [50, 99]) == pytest.approx([0, 0], abs=0.02)


def test_lesions_are_those_asked_for_and_lie_in_white_matter(patient):
    truth = patient.truth
    assert truth.fates == {fate.value: FATES[fate] for fate in LesionFate}
    assert truth.lesions_count == (6, 7)
    for lesion in patient.lesions:
        centre = tuple(round(value) for value in lesion.centre_mm)
        assert patient.head.white[centre] > 0.6
        diameter = 2 * float(np.mean(lesion.semi_axes_mm))
        assert 4 < diameter < 9


def test_lesion_volume_is_that_of_its_ellipsoid_in_the_smaller_head(patient):
    for lesion in patient.lesions:
        if lesion.periventricular:
            continue
        index = patient.lesions.index(lesion)
        for visit in (0, 1):
            volume = patient._lesion_volumes(visit)[index]
            ellipsoid = 4 / 3 * np.pi * np.prod(lesion.axes_at(visit))
            near = tuple(round(value / 2) for value in lesion.centre_mm)
            ratio = patient._volume_ratios[visit][near]
            assert volume == pytest.approx(ellipsoid * ratio, rel=0.05)


def test_sizes_of_changing_lesions_pass_the_usual_rules():
    before, after = (np.array(GROWTH[LesionFate.ENLARGING])[i] ** 3 for i in (0, 1))
    assert after / before > 1.5 * 1.2
    before, after = (np.array(GROWTH[LesionFate.SHRINKING])[i] ** 3 for i in (0, 1))
    assert after / before < (1 - 0.33) * 0.8


def test_new_lesion_is_bright_on_flair_at_follow_up_only(patient):
    scans = [patient.scan(visit, 2.0)[Contrast.FLAIR] for visit in (0, 1)]
    signal = []
    for visit, scan in enumerate(scans):
        grid = np.indices(scan.shape, dtype=np.float32).reshape(3, -1)
        scanner = grid * 2.0 + scan.affine[:3, 3:].astype(np.float32)
        points = patient.template_points(patient._to_head(scanner, visit), visit)
        # Gain and bias differ from scan to scan: white matter around is the reference.
        values = []
        for lesion in patient.lesions:
            if lesion.fate is LesionFate.NEW:
                distance = np.linalg.norm(points - np.reshape(lesion.centre_mm, (3, 1)), axis=0)
                core = scan.data.reshape(-1)[distance < 1.8].mean()
                around = np.median(scan.data.reshape(-1)[(distance > 5.5) & (distance < 8)])
                values.append(core / around)
        signal.append(values)
    assert max(signal[0]) < 1.15
    assert min(signal[1]) > 1.5


def test_contrasts_have_the_order_of_tissues_of_their_sequence():
    it = head()
    white, grey = it.white > 0.98, it.grey > 0.98
    csf = it.ventricles & (it.tissue < 0.05)
    signal = {c: [it.contrast(c)[m].mean() for m in (csf, grey, white)] for c in Contrast}
    csf_t1, grey_t1, white_t1 = signal[Contrast.T1W]
    assert csf_t1 < grey_t1 < white_t1
    csf_flair, grey_flair, white_flair = signal[Contrast.FLAIR]
    assert csf_flair < white_flair < grey_flair
    csf_t2, grey_t2, white_t2 = signal[Contrast.T2W]
    assert white_t2 < grey_t2 < csf_t2


def test_head_is_symmetric_and_its_regions_are_where_they_belong():
    it = head()
    left, right = it.thalamus[:98].sum(), it.thalamus[99:].sum()
    assert left == pytest.approx(right, rel=0.1)
    assert 10 < it.ventricles.sum() / 1000 < 40
    fractions = it.grey + it.white + it.csf + it.skull + it.soft
    assert fractions.min() >= 0 and fractions.max() < 1.01
    assert it.skull[it.inside].max() < 0.6
