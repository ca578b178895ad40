"""Runs of fake units: each child takes the time that Python takes to start, so runs are few."""

from pathlib import Path

import pytest
from fake_smartms import make_dataset, run_engine

from smartms_img.errors import InputError
from smartms_img.execution.engine import Outcome
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
