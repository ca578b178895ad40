"""The nodes between the halfway space and the endpoints, on two visits of a small ball."""

import numpy as np
import pytest

from smartms_img.config import MriQcConfig
from smartms_img.interfaces.arrays import get, get_arrays, put, put_arrays
from smartms_img.interfaces.lesion_change_node import FindLesionChange
from smartms_img.interfaces.pair_nodes import Deformation
from smartms_img.interfaces.pair_results import MeasurePair
from smartms_img.io.layout import measures_file, qc_file
from smartms_img.io.measures import read_measures, read_qc
from smartms_img.mri.atlas import Region
from smartms_img.mri.lesion_change import ChangeRule, LesionChange
from smartms_img.mri.skull_scale import ScaleChange
from smartms_img.naming import QcStatus
from smartms_img.volume import Volume

SHAPE, RADIUS_MM = (36, 38, 34), 12.0
AFFINE = np.diag([1.0, 1.0, 1.0, 1.0])
AFFINE[:3, 3] = -(np.array(SHAPE) - 1) / 2
XYZ = np.moveaxis(np.indices(SHAPE, dtype=float), 0, -1) + AFFINE[:3, 3]
RULE = ChangeRule(14.0, 2.5, 0.3, enlarging_fraction=0.5, shrinking_fraction=0.5)
STEM = "sub-01/ses-M06/anat/sub-01_ses-M06_ref-M00"
OLD, NEW, LOST = (-5.0, 2.0, 0.0), (5.0, -2.0, 1.0), (0.0, 5.0, -4.0)


def brain(xyz):
    return 1 / (1 + np.exp((np.linalg.norm(xyz, axis=-1) - RADIUS_MM) / 0.4))


def near(place, radius_mm):
    return np.linalg.norm(XYZ - place, axis=-1) <= radius_mm


def visit(scale, rng, *lesions):
    """A head whose brain is scaled about its centre, as the halfway space holds it."""
    xyz = XYZ / scale
    white, folds = brain(xyz), np.prod(np.cos(0.5 * xyz + 0.4), axis=-1)
    t1w = 0.2 + white * (0.6 + 0.3 * folds) + rng.normal(0, 0.005, SHAPE)
    spots = np.any([near(place, 2.2) for place in lesions], axis=0)
    flair = 1.0 * white + rng.normal(0, 0.02, SHAPE) + spots
    images = {
        "t1w": t1w,
        "flair": flair,
        "mask": white,
        "lesions": 1.0 * spots,
        "probability": 0.9 * spots,
        "shown": np.ones(SHAPE),
    }
    images |= {"csf": 1 - white, "grey": 0.4 * white, "white": 0.6 * white}
    arrays = {name: image.astype(np.float32) for name, image in images.items()}
    return arrays | {"regions": np.where(white > 0.5, Region.CEREBRUM, 0).astype(np.uint8)}


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """Run the nodes on a brain that shrinks by 1 %, gains a lesion and loses one to fluid."""
    folder = tmp_path_factory.mktemp("pair")
    root, rng = 0.99 ** (1 / 6), np.random.default_rng(0)
    base, follow = visit(1 / root, rng, OLD, LOST), visit(root, rng, OLD, NEW)
    follow["csf"][near(LOST, 1.2)] = 1.0
    arrays = {f"{name}_base": image for name, image in base.items()}
    arrays |= {f"{name}_follow": image for name, image in follow.items()}
    both = put_arrays(folder / "both.npz", **arrays)
    grid = put(Volume(np.ones(SHAPE, dtype=bool), AFFINE), folder / "grid.nii")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        deform = Deformation(both=both, grid=grid).run().outputs
        change = (
            FindLesionChange(both=both, grid=grid, middle=deform.middle, rule=RULE).run().outputs
        )
        MeasurePair(
            staging=str(folder),
            stem=STEM,
            sessions=["M00", "M06"],
            years=0.5,
            sources=["sub-01/ses-M00/anat/sub-01_ses-M00_T1w.nii.gz"],
            both=both,
            middle=deform.middle,
            lesions=change.lesions,
            change=change.change,
            atrophied=change.atrophied,
            rule=RULE,
            scale=ScaleChange(np.array([0.001, -0.002, 0.004]), 0.0001),
            spacings_mm=[[1.0, 1.0, 3.0], [1.0, 1.0, 3.2]],
            flair_spacings_mm=[[1.0, 1.0, 3.0], [1.0, 1.0, 4.5]],
            thresholds=MriQcConfig(),
        ).run()
    return folder, deform, change


def test_both_visits_agree_at_the_midpoint(outputs):
    _, deform, _ = outputs
    middle = get_arrays(deform.middle)
    edge = (brain(XYZ) > 0.05) & (brain(XYZ) < 0.95)
    for name in ("t1w", "mask"):
        apart = middle[f"{name}_follow"] - middle[f"{name}_base"]
        assert abs(apart[edge].mean()) < 0.004
    assert (middle["regions_base"] == middle["regions_follow"]).mean() > 0.999
    assert middle["regions_base"].dtype == np.uint8


def test_the_log_jacobian_is_later_over_earlier(outputs):
    _, deform, _ = outputs
    log_jacobian, middle = get(deform.log_jacobian), get_arrays(deform.middle)
    assert log_jacobian.affine == pytest.approx(AFFINE)
    assert log_jacobian.data[near((0, 0, 0), 8)].mean() == pytest.approx(np.log(0.99), rel=0.2)
    assert middle["jacobian_base"][near((0, 0, 0), 8)].mean() > 1
    assert middle["jacobian_follow"][near((0, 0, 0), 8)].mean() < 1


def values(folder):
    return {
        measure.PARAMCD: measure.value for measure in read_measures(folder / measures_file(STEM))
    }


def test_loss_of_one_per_cent_is_measured_with_its_sign(outputs):
    found = values(outputs[0])
    for name in ("PBVC", "PGMVC", "PWMVC", "PCGMVC"):
        assert found[name] == pytest.approx(-1.0, abs=0.15)
    assert found["PBVCY"] == pytest.approx(100 * ((1 + found["PBVC"] / 100) ** 2 - 1))
    assert "PVENTVC" not in found


def test_lesions_that_came_and_went(outputs):
    folder, _, change = outputs
    labels, found = get(change.change).data, values(folder)
    assert (labels[near(NEW, 1)] == LesionChange.NEW).all()
    assert (labels[near(LOST, 1)] == LesionChange.RESOLVED).all()
    assert not labels[near(OLD, 3)].any()
    counts = {name: found[name] for name in ("NEWLN", "ENLLN", "SHRLN", "RESLN")}
    assert counts == {"NEWLN": 1, "ENLLN": 0, "SHRLN": 0, "RESLN": 1}
    assert found["NEWLV"] == pytest.approx(near(NEW, 2.2).sum() / 1000, rel=0.15)
    assert found["ATLV"] == pytest.approx(near(LOST, 1.2).sum() / 1000)


def test_a_good_pair_passes_its_checks(outputs):
    metrics = read_qc(outputs[0] / qc_file(STEM))
    assert [metric.metric for metric in metrics] == [
        "same_head_correlation",
        "left_right_advantage",
        "pair_correlation",
        "brain_mask_change",
        "pbvc_asymmetry",
        "voxel_ratio",
        "scanner_scale_percent",
        "flair_matches_t1w",
        "flair_coverage",
        "flair_voxel_ratio",
    ]
    assert {metric.status for metric in metrics} == {QcStatus.PASS}


def test_the_rule_of_lesion_change_stands_beside_its_numbers_only(outputs):
    methods = {m.PARAMCD: m.method for m in read_measures(outputs[0] / measures_file(STEM))}
    assert methods["NEWLN"].endswith(f"; {RULE.name}")
    assert methods["PBVC"].endswith("; scale held by the skull")


def test_checks_of_volume_change_do_not_speak_for_lesions(outputs):
    metrics = {metric.metric: metric for metric in read_qc(outputs[0] / qc_file(STEM))}
    assert metrics["voxel_ratio"].value == pytest.approx(3.2 / 3.0)
    assert metrics["scanner_scale_percent"].value == pytest.approx(0.3, abs=0.001)
    assert {"PBVC", "PBVCY", "PGMVC"} <= set(metrics["voxel_ratio"].scope)
    assert "NEWLN" not in metrics["voxel_ratio"].scope
    assert not metrics["pair_correlation"].scope


def test_checks_of_the_flair_speak_for_lesions_only(outputs):
    metrics = {metric.metric: metric for metric in read_qc(outputs[0] / qc_file(STEM))}
    assert metrics["flair_voxel_ratio"].value == pytest.approx(1.5)
    assert metrics["flair_coverage"].value == 1.0
    for name in ("flair_voxel_ratio", "flair_coverage", "flair_matches_t1w"):
        assert {"NEWLN", "ATLV"} <= set(metrics[name].scope)
        assert "PBVC" not in metrics[name].scope


def test_what_one_flair_does_not_show_is_no_change(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(3)
    base, follow = visit(1, rng, OLD), visit(1, rng, OLD, NEW)
    hidden = near(NEW, 5.0)
    for name in ("flair", "shown"):
        base[name][hidden] = 0
    arrays = {f"{name}_base": image for name, image in base.items()}
    arrays |= {f"{name}_follow": image for name, image in follow.items()}
    arrays |= {f"jacobian_{name}": np.ones(SHAPE) for name in ("base", "follow")}
    both = put_arrays(tmp_path / "both.npz", **arrays)
    grid = put(Volume(np.ones(SHAPE, dtype=bool), AFFINE), tmp_path / "grid.nii")
    node = FindLesionChange(both=both, grid=grid, middle=both, rule=RULE)
    found = node.run().outputs
    assert not get(found.change).data.any()
    assert get(found.lesions).data[near(OLD, 1)].all()
