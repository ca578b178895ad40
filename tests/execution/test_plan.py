from dataclasses import replace
from pathlib import Path

from fake_smartms import fake_config, make_dataset

from smartms_img.config import StudyConfig
from smartms_img.execution.plan_file import read_plan, row_hash, write_plan
from smartms_img.execution.survey import Survey, survey
from smartms_img.execution.units import Unit
from smartms_img.io.bids import layers_from_elsewhere
from smartms_img.io.layout import eye_stem
from smartms_img.naming import Eye, OctScanKind


def plan_of(bids: Path) -> dict[str, Unit]:
    return {unit.id: unit for unit in survey(bids, fake_config()).units}


def problems(found: Survey, level: str) -> list[str]:
    return [finding.problem for finding in found.findings if finding.level == level]


def test_complete_subject(tmp_path: Path) -> None:
    plan = plan_of(make_dataset(tmp_path / "bids", s01={}))
    assert [(unit.id, unit.status, unit.depends) for unit in plan.values()] == [
        ("sub-01_ses-M00_mri", "runnable", ()),
        ("sub-01_ses-M06_mri", "runnable", ()),
        (
            "sub-01_ses-M06_ref-M00_pair",
            "runnable",
            ("sub-01_ses-M00_mri", "sub-01_ses-M06_mri"),
        ),
        ("sub-01_ses-M00_eye-OD_acq-ring", "runnable", ()),
        ("sub-01_ses-M06_eye-OD_acq-ring", "runnable", ("sub-01_ses-M00_eye-OD_acq-ring",)),
        (
            "sub-01_subject",
            "runnable",
            ("sub-01_ses-M00_eye-OD_acq-ring", "sub-01_ses-M06_eye-OD_acq-ring"),
        ),
    ]
    assert plan["sub-01_ses-M00_mri"].inputs == (
        "sub-01/ses-M00/anat/sub-01_ses-M00_FLAIR.nii.gz",
        "sub-01/ses-M00/anat/sub-01_ses-M00_T1w.nii.gz",
    )


def test_without_a_flair_all_runs_but_lesions(tmp_path: Path) -> None:
    bids = make_dataset(tmp_path / "bids", s01={})
    (bids / "sub-01/ses-M06/anat/sub-01_ses-M06_FLAIR.nii.gz").unlink()
    found = survey(bids, fake_config())
    state = {unit.id: (unit.status, unit.reason) for unit in found.units}
    assert state["sub-01_ses-M00_mri"] == ("runnable", "")
    assert state["sub-01_ses-M06_mri"] == ("runnable", "no FLAIR")
    assert state["sub-01_ses-M06_ref-M00_pair"] == ("runnable", "M06: no FLAIR")
    assert problems(found, "missing") == ["no FLAIR"]


def with_masks(masks: str) -> StudyConfig:
    config = fake_config()
    lesions = config.mri.lesions.model_copy(update={"masks": masks})
    return config.model_copy(update={"mri": config.mri.model_copy(update={"lesions": lesions})})


def test_lesion_masks_from_elsewhere_are_inputs(tmp_path: Path) -> None:
    """At M06 there is none: ours must not stand in for theirs."""
    bids = make_dataset(tmp_path / "bids", s01={})
    folder = bids / "derivatives/manual/sub-01/ses-M00/anat"
    folder.mkdir(parents=True)
    (folder / "sub-01_ses-M00_label-lesion_mask.nii.gz").touch()
    (folder / "sub-01_ses-M00_desc-brain_mask.nii.gz").touch()
    plan = {unit.id: unit for unit in survey(bids, with_masks("manual")).units}
    assert plan["sub-01_ses-M00_mri"].inputs == (
        "derivatives/manual/sub-01/ses-M00/anat/sub-01_ses-M00_label-lesion_mask.nii.gz",
        "sub-01/ses-M00/anat/sub-01_ses-M00_FLAIR.nii.gz",
        "sub-01/ses-M00/anat/sub-01_ses-M00_T1w.nii.gz",
    )
    without = plan["sub-01_ses-M06_mri"]
    assert (without.status, without.reason) == ("runnable", "no lesion mask of manual")
    assert without.inputs == ("sub-01/ses-M06/anat/sub-01_ses-M06_T1w.nii.gz",)
    assert plan["sub-01_ses-M06_ref-M00_pair"].reason == "M06: no lesion mask of manual"
    assert not any("derivatives" in file for file in plan_of(bids)["sub-01_ses-M00_mri"].inputs)


def test_two_lesion_masks_of_one_visit_are_none(tmp_path: Path) -> None:
    bids = make_dataset(tmp_path / "bids", s01={})
    folder = bids / "derivatives/manual/sub-01/ses-M00/anat"
    folder.mkdir(parents=True)
    for run in ("run-1", "run-2"):
        (folder / f"sub-01_ses-M00_{run}_label-lesion_mask.nii.gz").touch()
    plan = {unit.id: unit for unit in survey(bids, with_masks("manual")).units}
    assert plan["sub-01_ses-M00_mri"].reason == "2 lesion masks of manual"


def test_holes_are_rows_with_a_reason(tmp_path: Path) -> None:
    bids = make_dataset(tmp_path / "bids", s01={})
    (bids / "sub-01/ses-M06/anat/sub-01_ses-M06_T1w.nii.gz").unlink()
    (bids / "sub-01/ses-M00/oct/sub-01_ses-M00_eye-OD_acq-ring_oct.vol").unlink()
    found = survey(bids, fake_config())
    state = {unit.id: (unit.status, unit.reason) for unit in found.units}
    assert state["sub-01_ses-M06_mri"] == ("blocked", "no T1w")
    assert state["sub-01_ses-M06_ref-M00_pair"] == ("blocked", "M06: no T1w")
    assert state["sub-01_ses-M00_eye-OD_acq-ring"] == ("blocked", "no ring scan of OD")
    assert state["sub-01_ses-M06_eye-OD_acq-ring"] == (
        "runnable",
        "no baseline scan to align with",
    )
    assert state["sub-01_subject"] == ("runnable", "")
    assert problems(found, "missing") == ["no T1w", "no ring scan of OD"]
    assert problems(found, "wrong") == []


def test_listed_participant_without_images_stays_in_the_denominator(tmp_path: Path) -> None:
    bids = make_dataset(tmp_path / "bids", s01={})
    (bids / "participants.tsv").write_text("participant_id\nsub-01\nsub-02\n")
    found = survey(bids, fake_config())
    absent = [unit for unit in found.units if unit.subject == "02"]
    assert {unit.status for unit in absent} == {"blocked"}
    assert len(absent) == 6
    assert problems(found, "missing") == ["no folder"]


def test_duplicate_and_unknown_eye_are_named_in_the_reason(tmp_path: Path) -> None:
    bids = make_dataset(tmp_path / "bids", s01={})
    folder = bids / "sub-01/ses-M00"
    (folder / "anat/sub-01_ses-M00_run-2_T1w.nii.gz").touch()
    scan = folder / "oct/sub-01_ses-M00_eye-OD_acq-ring_oct.vol"
    scan.rename(folder / "oct/sub-01_ses-M00_eye-XX_acq-ring_oct.vol")
    plan = plan_of(bids)
    assert plan["sub-01_ses-M00_mri"].status == "blocked"
    assert "sub-01_ses-M00_run-2_T1w.nii.gz" in plan["sub-01_ses-M00_mri"].reason
    reason = plan["sub-01_ses-M00_eye-OD_acq-ring"].reason
    assert reason == (
        "no ring scan of OD (sub-01_ses-M00_eye-XX_acq-ring_oct.vol unknown eye 'XX')"
    )


def test_unplanned_session_is_excluded_and_a_finding(tmp_path: Path) -> None:
    bids = make_dataset(tmp_path / "bids", s01={})
    (bids / "sub-01/ses-M03/anat").mkdir(parents=True)
    (bids / "sub-01/ses-M03/anat/sub-01_ses-M03_T1w.nii.gz").touch()
    found = survey(bids, fake_config())
    unit = next(unit for unit in found.units if unit.session == "M03")
    assert (unit.id, unit.status) == ("sub-01_ses-M03_mri", "excluded")
    assert problems(found, "wrong") == ["is not a planned visit"]


def test_visit_outside_its_window(tmp_path: Path) -> None:
    bids = make_dataset(tmp_path / "bids", s01={})
    (bids / "sub-01/sub-01_sessions.tsv").write_text("session_id\tday\nses-M00\t0\nses-M06\t271\n")
    found = survey(bids, fake_config())
    assert problems(found, "warning") == [
        "day 271 is outside the window of the visit (120 to 270)"
    ]
    # A late visit is measured all the same.
    assert {unit.status for unit in found.units} == {"runnable"}


def test_plan_file_round_trip(tmp_path: Path) -> None:
    units = list(plan_of(make_dataset(tmp_path / "bids", s01={}, s02={})).values())
    write_plan(tmp_path, units, {("01", "M06"): 180})
    assert read_plan(tmp_path) == units
    rows = [line.split("\t") for line in (tmp_path / "plan.tsv").read_text().splitlines()]
    assert rows[0][-1] == "day"
    assert [row[-1] for row in rows if row[0] == "sub-01_ses-M06_mri"] == ["180"]


def test_row_hash_follows_the_content(tmp_path: Path) -> None:
    unit = plan_of(make_dataset(tmp_path / "bids", s01={}))["sub-01_ses-M00_mri"]
    assert row_hash(unit) == row_hash(replace(unit))
    assert row_hash(unit) != row_hash(replace(unit, inputs=("other.nii.gz",)))


def test_layers_from_elsewhere_are_inputs(tmp_path: Path) -> None:
    """At M06 there are none: ours must not stand in for theirs."""
    bids = make_dataset(tmp_path / "bids", s01={})
    theirs = layers_from_elsewhere("manual", eye_stem("01", "M00", Eye.OD, OctScanKind.RING))
    (bids / theirs).parent.mkdir(parents=True)
    (bids / theirs).touch()
    config = fake_config()
    config = config.model_copy(update={"oct": config.oct.model_copy(update={"layers": "manual"})})
    plan = {unit.id: unit for unit in survey(bids, config).units}
    first = plan["sub-01_ses-M00_eye-OD_acq-ring"]
    assert first.inputs == (theirs, "sub-01/ses-M00/oct/sub-01_ses-M00_eye-OD_acq-ring_oct.vol")
    follow = plan["sub-01_ses-M06_eye-OD_acq-ring"]
    assert (follow.status, follow.reason) == ("blocked", "no layers of manual")


def test_dates_count_from_day_0_of_the_study_also_when_rebaselined(tmp_path: Path) -> None:
    bids = make_dataset(tmp_path / "bids", s01={})
    table = bids / "sub-01/sub-01_sessions.tsv"
    table.write_text("session_id\tacq_time\nses-M00\t2020-01-01\nses-M06\t2020-06-29\n")
    rebased = fake_config().model_copy(update={"baseline": "M06"})
    for config in (fake_config(), rebased):
        assert survey(bids, config).days["01"].days == {"M00": 0, "M06": 180}
