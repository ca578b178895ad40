"""Injected change and the scores of the atrophy benchmark."""

import numpy as np
import pytest

from smartms_img.io.nifti import load_image, save_image
from smartms_img.phantoms.atrophy_benchmark import STILL_VISITS, write_stills
from smartms_img.phantoms.atrophy_expected import Expected, ManualVolume
from smartms_img.phantoms.atrophy_scores import repeat_errors, scores, volume_scores
from smartms_img.phantoms.deform import move
from smartms_img.phantoms.injection import (
    Acquisition,
    Anatomy,
    acquire,
    growth_field,
    true_changes,
)
from smartms_img.volume import Volume

SHAPE = (72, 76, 70)
XYZ = np.moveaxis(np.indices(SHAPE, dtype=float), 0, -1) - (np.array(SHAPE) - 1) / 2
RADIUS = np.linalg.norm(XYZ, axis=-1)
THALAMUS = np.linalg.norm(XYZ - (0, 0, 12), axis=-1) < 5
VENTRICLES = np.linalg.norm(XYZ, axis=-1) < 5
ANATOMY = Anatomy(
    brain=(RADIUS < 26) & ~VENTRICLES,
    cortex=(RADIUS < 26) & (RADIUS > 22),
    thalamus=THALAMUS,
    ventricles=VENTRICLES,
)


@pytest.mark.parametrize("kind", ["whole", "cortical", "ventricular", "thalamic"])
def test_an_injected_change_has_the_size_that_was_asked_for(kind):
    field = growth_field(kind, ANATOMY, -0.5, np.random.default_rng(1))
    changes = true_changes(field, ANATOMY)
    assert changes["PBVC"] == pytest.approx(-0.5, abs=0.01)
    if kind == "cortical":
        assert changes["PCGMVC"] < -0.7
    if kind == "ventricular":
        assert changes["PVENTVC"] > 1.0
    if kind == "thalamic":
        assert changes["PTHALVC"] < -1.0


def jacobian(field):
    """Volume ratio of every voxel by differences over two voxels."""
    moved = move(field, np.indices(SHAPE, dtype=np.float32))
    gradient = np.stack([np.stack(np.gradient(part), axis=-1) for part in moved], axis=-2)
    return np.linalg.det(gradient)


def test_the_moved_anatomy_has_the_volume_that_is_stated():
    """Without position, noise and bias, the sum of a ball's signal over its gain is its volume."""
    ball = np.clip(26.5 - RADIUS, 0, 1).astype(np.float32)
    image = Volume(ball + np.float32(0.2), np.eye(4))
    field = growth_field("whole", ANATOMY, -2.0, np.random.default_rng(2))
    still = Acquisition(degrees=0.0, shift_mm=0.0, noise=0.0, bias=0.0)
    # The same generator gives both the same gain.
    scans = [
        acquire(image, deformation, np.random.default_rng(3), still).data
        for deformation in (None, field)
    ]
    gain = np.median((scans[0] / image.data)[RADIUS < 32])
    before, after = ((scan / gain - 0.2)[RADIUS < 32].sum(dtype=float) for scan in scans)
    ratio = jacobian(field)
    expected = 100 * ((ball * ratio).sum() / ball.sum() - 1)
    assert 100 * (after / before - 1) == pytest.approx(expected, abs=0.06)
    stated = true_changes(field, ANATOMY)["PBVC"]
    assert stated == pytest.approx(100 * (ratio[ANATOMY.brain].mean() - 1), abs=0.001)


def test_no_noise_is_shared_by_two_acquisitions():
    image = Volume((RADIUS < 26).astype(np.float32), np.eye(4))
    still = Acquisition(degrees=0.0, shift_mm=0.0, bias=0.0)
    rng = np.random.default_rng(4)
    scans = [acquire(image, None, rng, still).data for _ in range(2)]
    core = RADIUS < 20
    residuals = [scan[core] / scan[core].mean() - 1 for scan in scans]
    assert abs(np.corrcoef(*residuals)[0, 1]) < 0.03


def pair(subject, first, second, group, **changes):
    return Expected(subject, first, second, group, "label", changes)


def everywhere(value):
    return dict.fromkeys(("PBVC", "PCGMVC", "PTHALVC", "PVENTVC"), value)


def test_scores_by_hand():
    expected = [
        pair("i1", "V00", "V01", "injected", **everywhere(0.0)),
        pair("i1", "V00", "V02", "injected", **everywhere(-1.0)),
        pair("i1", "V00", "V03", "injected", **everywhere(-2.0)),
        pair("i1", "V02", "V00", "injected", **everywhere(1.0)),
        pair("i1", "V01", "V02", "injected", **everywhere(-1.0)),
        pair("r1", "V00", "V01", "rescan"),
        pair("r1", "V01", "V00", "rescan"),
        pair("r2", "V00", "V01", "rescan"),
    ]
    values = [0.1, -0.8, -1.7, 0.85, -0.85, 0.3, -0.3, -0.4]
    measured = {
        (item.subject, item.reference, item.follow): everywhere(value)
        for item, value in zip(expected, values, strict=True)
    }
    found = {
        (s.test, s.statistic): s.value for s in scores(expected, measured) if s.paramcd == "PBVC"
    }
    assert found["injected", "slope"] == pytest.approx(0.9)
    assert found["injected", "intercept"] == pytest.approx(0.1)
    assert found["injected", "mean |error|"] == pytest.approx((0.1 + 0.2 + 0.3) / 3)
    assert found["pseudo-rescan", "largest |change|"] == pytest.approx(0.1)
    assert found["scan-rescan", "median |change|"] == pytest.approx(0.35)
    # Changes add up as logarithms.
    back = 100 * np.log(0.992 * 1.0085)
    assert found["AB + BA", "largest"] == pytest.approx(back)
    around = 100 * np.log(1.001 * 0.9915 / 0.992)
    assert found["AB + BC - AC", "largest"] == pytest.approx(abs(around))
    # r1 forwards and r2: sqrt((0.09 + 0.16) / 2)
    assert repeat_errors(expected, measured)["PBVC"] == (pytest.approx(0.35355, abs=1e-4), 2)


def test_volumes_beside_manual_labels_by_hand():
    manual = [
        ManualVolume("r1", f"V0{visit}", "THALV", ml) for visit, ml in ((0, 10.0), (1, 11.0))
    ]
    measured = {("r1", "V00", "THALV"): 12.0, ("r1", "V01", "THALV"): 12.0}
    found = {s.statistic: s.value for s in volume_scores(manual, measured)}
    assert found["mean bias %"] == pytest.approx(14.545, abs=0.001)
    assert found["repeat SD % by smartms"] == 0.0
    assert found["repeat SD % by hand"] == pytest.approx(100 * np.log(1.1) / np.sqrt(2))


def test_pseudo_rescans_show_the_same_head_at_every_visit(tmp_path):
    """Each visit is moved and noisy on its own, and nothing is expected to change."""
    ball = np.clip(26.5 - RADIUS, 0, 1) * (1 + 0.2 * np.cos(0.6 * XYZ).prod(axis=-1))
    save_image(Volume(ball.astype(np.float32), np.eye(4)), tmp_path / "a_T1w.nii.gz")
    expected = write_stills(tmp_path / "bids", tmp_path, ["a"])
    assert len(expected) == STILL_VISITS - 1 + 4
    assert not any(change for item in expected for change in item.changes.values())
    scans = [
        load_image(tmp_path / f"bids/sub-sa/ses-V0{visit}/anat/sub-sa_ses-V0{visit}_T1w.nii.gz")
        for visit in range(STILL_VISITS)
    ]
    volumes = np.array([(scan.data > 0.5 * scan.data.max() / 1.3).sum() for scan in scans])
    assert np.abs(volumes / volumes.mean() - 1).max() < 0.1
    assert not np.array_equal(scans[0].data > 0, scans[1].data > 0)


def test_pseudo_rescans_count_as_such():
    still = [pair("s1", "V00", f"V0{n}", "still", **everywhere(0.0)) for n in (1, 2, 3)]
    measured = {
        (item.subject, item.reference, item.follow): everywhere(0.01 * n)
        for n, item in enumerate(still, start=1)
    }
    found = {(s.test, s.statistic): s for s in scores(still, measured) if s.paramcd == "PBVC"}
    assert found["pseudo-rescan", "largest |change|"].value == pytest.approx(0.03)
    assert found["pseudo-rescan", "median |change|"].count == 3
    assert ("injected", "slope") not in found


def test_a_whole_head_has_signal_everywhere_and_a_stripped_one_an_edge_of_its_own():
    stripped = Volume((RADIUS < 26).astype(np.float32), np.eye(4))
    head = Volume(stripped.data + np.float32(0.05), np.eye(4))
    still = Acquisition(degrees=0.0, shift_mm=0.0)
    assert (acquire(head, None, np.random.default_rng(0), still).data > 0).all()
    masks = [acquire(stripped, None, np.random.default_rng(n), still).data > 0 for n in (0, 1)]
    for mask in masks:
        assert not mask[RADIUS >= 26].any()
        assert mask[RADIUS < 24].all()
    assert (masks[0] ^ masks[1]).sum() > 200
