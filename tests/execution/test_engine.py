"""Runs of fake units: each child takes the time that Python takes to start, so runs are few."""

import errno
import json
import os
from pathlib import Path

import pytest
from fake_smartms import COMMAND, fake_config, make_dataset, run_engine

from smartms_img.config import ClusterConfig
from smartms_img.errors import InputError
from smartms_img.execution.engine import Engine, Outcome
from smartms_img.execution.places import check_places
from smartms_img.execution.plan_file import read_plan
from smartms_img.execution.select import Selection
from smartms_img.execution.worker import Paths, run_unit
from smartms_img.io.ledger import latest_attempt, unit_folder
from smartms_img.naming import UnitKind


def states(outcome: Outcome, subject: str) -> dict[str, str]:
    prefix = f"sub-{subject}_"
    return {
        name.removeprefix(prefix): state.state
        for name, state in outcome.states.items()
        if name.startswith(prefix)
    }


def derivatives(out: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in out.glob("sub-*/*.txt")}


def test_resume_runs_only_what_has_to(tmp_path: Path) -> None:
    bids, out = make_dataset(tmp_path / "bids", s01={}), tmp_path / "out"
    first = run_engine(bids, out)
    assert set(states(first, "01").values()) == {"done"}
    assert len(first.ran) == 6
    made = derivatives(out)
    assert made["sub-01_ses-M06_ref-M00_pair.txt"] == "01-M00-T1w+01-M06-T1w"
    assert not (out / "work").exists()

    assert run_engine(bids, out).ran == ()

    # The same bytes come back, so the pair that depends on them stays.
    (out / "sub-01/sub-01_ses-M00_mri.txt").unlink()
    assert run_engine(bids, out).ran == ("sub-01_ses-M00_mri",)
    assert derivatives(out) == made

    # A derivative that was tampered with is made anew.
    (out / "sub-01/sub-01_ses-M06_ref-M00_pair.txt").write_text("wrong")
    assert run_engine(bids, out).ran == ("sub-01_ses-M06_ref-M00_pair",)

    # Another raw file changes the session, hence the pair, and nothing of the eye.
    (bids / "sub-01/ses-M06/anat/sub-01_ses-M06_T1w.nii.gz").write_text("value new")
    changed = run_engine(bids, out)
    assert set(changed.ran) == {"sub-01_ses-M06_mri", "sub-01_ses-M06_ref-M00_pair"}
    assert derivatives(out)["sub-01_ses-M06_ref-M00_pair.txt"] == "01-M00-T1w+new"


def test_failures_are_told_apart_and_stop_no_other(tmp_path: Path) -> None:
    bids = make_dataset(
        tmp_path / "bids",
        s01={"M06_T1w": "kill", "M00_ring": "fail input"},
        s02={"M00_T1w": "print at\nfail python", "M00_ring": "fail measurement"},
    )
    out = tmp_path / "out"
    outcome = run_engine(bids, out, launcher="dask")
    assert states(outcome, "01") == {
        "ses-M00_mri": "done",
        "ses-M06_mri": "failed",
        "ses-M06_ref-M00_pair": "blocked",
        "ses-M00_eye-OD_acq-ring": "failed",
        # A follow-up scan is measured without alignment where the baseline failed.
        "ses-M06_eye-OD_acq-ring": "done",
        "subject": "done",
    }
    failed = {state.unit: (state.cause, state.reason) for state in outcome.not_done}
    assert failed["sub-01_ses-M06_mri"] == ("killed", "killed (SIGKILL, perhaps out of memory)")
    assert failed["sub-01_ses-M00_eye-OD_acq-ring"] == (
        "bad-input",
        "x.nii.gz: is truncated. Copy it again.",
    )
    assert failed["sub-02_ses-M00_eye-OD_acq-ring"] == ("measurement-error", "no fovea found")
    assert failed["sub-02_ses-M00_mri"] == ("python-error", "RuntimeError: cannot do BIDS/x")
    reason = failed["sub-01_ses-M06_ref-M00_pair"][1]
    assert reason.startswith("needs sub-01_ses-M06_mri, which failed: killed")
    attempt = latest_attempt(out, "sub-01_ses-M06_mri")
    assert attempt is not None
    assert attempt.exit_code == -9

    text = (unit_folder(out, "sub-02_ses-M00_mri") / "failure.md").read_text()
    assert "RuntimeError: cannot do BIDS/x" in text
    assert "--participant-label 02 --only failed" in text
    assert (out / "work" / "sub-02_ses-M00_mri").is_dir()
    written = [path for folder in ("logs", "ledger") for path in (out / folder).rglob("*.*")]
    for place in (tmp_path, Path.home(), Path(__file__).parents[2]):
        assert not [path for path in written if str(place) in path.read_text()]

    for path in bids.rglob("*M06_T1w.nii.gz"):
        path.write_text("value mended")
    again = run_engine(bids, out, only_failed=True, subjects=("01",))
    assert set(again.ran) == {
        "sub-01_ses-M06_mri",
        "sub-01_ses-M06_ref-M00_pair",
        "sub-01_ses-M00_eye-OD_acq-ring",
    }
    assert not (unit_folder(out, "sub-01_ses-M06_mri") / "failure.md").exists()


def test_one_and_two_workers_give_the_same(tmp_path: Path) -> None:
    bids = make_dataset(tmp_path / "bids", s01={})
    for workers in (1, 2):
        run_engine(bids, tmp_path / f"out{workers}", launcher="dask", n_procs=workers)
    one, two = (derivatives(tmp_path / f"out{workers}") for workers in (1, 2))
    assert len(one) == 6
    assert one == two


def test_selection(tmp_path: Path) -> None:
    bids, out = make_dataset(tmp_path / "bids", s01={}, s02={}), tmp_path / "out"
    wish = {"subjects": ("02",), "sessions": ("M06",), "stop_after": UnitKind.SESSION}
    outcome = run_engine(bids, out, **wish)
    assert outcome.ran == ("sub-02_ses-M06_mri",)
    assert outcome.not_done == []
    assert outcome.states["sub-01_ses-M00_mri"].state == "pending"
    with pytest.raises(InputError, match="unknown participant label '07'"):
        run_engine(bids, out, subjects=("07",))


@pytest.mark.parametrize(
    ("keep", "stays"), [("none", set()), ("failed", {"failed"}), ("all", {"done", "failed"})]
)
def test_scratch_files_that_stay(tmp_path: Path, keep: str, stays: set[str]) -> None:
    bids = make_dataset(tmp_path / "bids", s01={"M06_T1w": "kill", "M00_ring": "fail python"})
    outcome = run_engine(bids, tmp_path / "out", keep=keep)
    there = {path.name for path in (tmp_path / "out/work").glob("sub-*")}
    assert there == {name for name in outcome.ran if outcome.states[name].state in stays}


def test_a_damaged_record_is_an_attempt_that_counts_for_nothing(tmp_path: Path) -> None:
    bids, out = make_dataset(tmp_path / "bids", s01={}), tmp_path / "out"
    run_engine(bids, out)
    before = derivatives(out)
    unit = "sub-01_ses-M06_mri"
    (unit_folder(out, unit) / "attempt-0001.json").write_text('{"unit": "sub-01')
    attempt = latest_attempt(out, unit)
    assert attempt is not None
    assert (attempt.state, attempt.cause) == ("failed", "damaged-record")
    again = run_engine(bids, out)
    assert set(again.ran) == {unit}
    assert again.not_done == []
    assert derivatives(out) == before


@pytest.mark.parametrize(
    "change",
    [
        {"started": ""},
        {"outputs": None},
        {"state": "dome"},
        {"unit": "sub-01_subject"},
        {"cause": 1},
    ],
)
def test_a_record_of_another_shape_is_damaged(tmp_path: Path, change: dict[str, object]) -> None:
    bids, out = make_dataset(tmp_path / "bids", s01={}), tmp_path / "out"
    (unit,) = run_engine(bids, out, stop_after=UnitKind.SESSION, sessions=("M00",)).ran
    path = unit_folder(out, unit) / "attempt-0001.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    attempt = latest_attempt(out, unit)
    assert attempt is not None
    assert attempt.cause == "damaged-record"


def test_units_do_not_run_with_the_configuration_of_another_run(tmp_path: Path) -> None:
    bids, out = make_dataset(tmp_path / "bids", s01={}), tmp_path / "out"
    cluster = ClusterConfig.model_validate({"launcher": "inprocess"})
    engine = Engine(check_places(bids, out), fake_config(), cluster, COMMAND)
    units = engine.prepare().units
    other = fake_config().model_copy(update={"study_id": "OTHER"})
    Engine(check_places(bids, out), other, cluster, COMMAND).prepare()
    outcome = engine.run(units, Selection(sessions=("M00",)), lambda _: None)
    reason = outcome.states["sub-01_ses-M00_mri"].reason
    assert "another run has given this output another configuration" in reason


def test_a_unit_that_never_fits_is_refused_at_once(tmp_path: Path) -> None:
    bids, out = make_dataset(tmp_path / "bids", s01={}), tmp_path / "out"
    cluster = ClusterConfig.model_validate({"mem_gb": 2.0})
    engine = Engine(check_places(bids, out), fake_config(), cluster, COMMAND)
    units = engine.prepare().units
    with pytest.raises(InputError) as caught:
        engine.run(units, Selection(), lambda _: None)
    assert str(caught.value) == (
        "sub-01_ses-M00_mri needs 3 GB, and a worker has 2 GB. "
        "Raise --mem-gb, or lower 'unit_memory_gb' of the --cluster file."
    )
    assert not (out / "ledger").exists()
    small = {"session": 0.5, "pair": 0.5, "eye": 0.5}
    fits = ClusterConfig.model_validate({"mem_gb": 2.0, "unit_memory_gb": small})
    engine = Engine(check_places(bids, out), fake_config(), fits, COMMAND)
    assert engine.run(units, Selection(), lambda _: None).not_done == []


def test_a_full_disk_is_a_cause(tmp_path: Path) -> None:
    bids, out = make_dataset(tmp_path / "bids", s01={}), tmp_path / "out"
    unit = run_engine(bids, out, stop_after=UnitKind.SESSION).ran[0]

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(tmp_path / "x"))

    planned = next(row for row in read_plan(out) if row.id == unit)
    attempt = run_unit(planned, Paths(bids, out, tmp_path / "work"), fake_config(), full)
    assert (attempt.state, attempt.cause) == ("failed", "disk-full")
    assert str(tmp_path) not in attempt.reason
