"""Runs on a real SLURM of two nodes on this machine, with fake units."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mini_slurm import Run, jobs, mini_slurm, name_of, processes_of, wait_until, why_not

pytestmark = pytest.mark.cluster

UNIT = "sub-01_ses-M00_mri"
SESSIONS = ("--stop-after", "session")
WAITS = {"M00_T1w": "print up\nawait go\nvalue x"}


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    if reason := why_not():
        pytest.skip(reason)
    with mini_slurm():
        yield


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    """Make a run; when the test is over, nothing of it may be left."""
    made: list[Run] = []

    def make_run(texts: dict[str, str], **slurm: object) -> Run:
        made.append(Run(tmp_path, texts, **slurm))
        return made[0]

    yield make_run
    made[0].stop()
    wait_until(lambda: not jobs(), seconds=20)
    wait_until(lambda: not processes_of(tmp_path), seconds=20)
    assert not list(tmp_path.glob("out/work/smartms-*"))


def test_two_nodes_give_the_same_bytes_as_one_process(make, tmp_path: Path) -> None:
    run = make({}, local_scratch="$SCRATCH", prologue=[f"export SCRATCH={tmp_path}/node"])
    output = run.finish(run.start())
    assert output.splitlines()[0].startswith("dashboard: http://127.0.0.1:")
    assert output.splitlines()[-1] == "6 of 6 units done (0 of them earlier)"
    run.finish(run.start(out="alone", cluster="inprocess"))
    assert len([name for name in run.derivatives() if name.endswith(".txt")]) == 6
    assert run.derivatives() == run.derivatives("alone")
    for out in ("out", "alone"):
        command = [sys.executable, "-m", "smartms_img", "tables", out]
        subprocess.run(command, cwd=tmp_path, check=True)
    tables, others = (
        {file.name: file.read_bytes() for file in (tmp_path / out / "tables").iterdir()}
        for out in ("out", "alone")
    )
    assert "endpoints.tsv" in tables
    assert tables == others
    assert not list((tmp_path / "node").glob("smartms-*/*"))
    written = [path for folder in ("logs", "ledger") for path in (run.out / folder).rglob("*.*")]
    assert not [path for path in written if str(tmp_path) in path.read_text()]


def test_a_unit_of_a_cancelled_job_runs_again_in_a_new_one(make) -> None:
    run = make(WAITS, jobs=1)
    process = run.start(*SESSIONS)
    lease = run.wait_for(UNIT)
    subprocess.run(["scancel", lease["job"]], check=True)
    wait_until(lambda: run.attempts(UNIT))
    (run.bids / "go").touch()
    output = run.finish(process)
    assert run.attempts(UNIT) == [("failed", "lost"), ("done", "")]
    reason = f"its worker job was cancelled (SLURM job {lease['job']})"
    assert f"{UNIT} runs again (lost): {reason}" in output


def test_a_killed_child_runs_once_again(make) -> None:
    run = make(WAITS | {"M06_T1w": "kill"})
    process = run.start(*SESSIONS)
    os.kill(run.wait_for(UNIT)["pid"], signal.SIGKILL)
    wait_until(lambda: run.attempts(UNIT))
    (run.bids / "go").touch()
    output = run.finish(process, code=3)
    assert run.attempts(UNIT) == [("failed", "killed"), ("done", "")]
    # What is killed every time has failed.
    assert run.attempts("sub-01_ses-M06_mri") == [("failed", "killed")] * 2
    assert "failed: sub-01_ses-M06_mri (killed): killed (SIGKILL)" in output


def test_a_run_goes_on_after_its_client_was_killed(make) -> None:
    run = make(WAITS)
    first = run.start(*SESSIONS)
    lease = run.wait_for(UNIT)
    first.kill()
    first.communicate()
    second = run.start(*SESSIONS)
    wait_until(lambda: lease["job"] not in jobs())
    (run.bids / "go").touch()
    assert run.finish(second).splitlines()[-1].startswith("2 of 2 units done")
    assert run.attempts(UNIT)[-1] == ("done", "")


@pytest.mark.usefixtures("heeded_interrupt")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_cancels_the_jobs(make, number: int) -> None:
    run = make(WAITS)
    process = run.start(*SESSIONS)
    run.wait_for(UNIT)
    process.send_signal(number)
    assert "smartms: interrupted" in run.finish(process, code=130, seconds=10)
    wait_until(lambda: not jobs(), seconds=10)
    (run.bids / "go").touch()
    run.finish(run.start(*SESSIONS))


def test_a_unit_over_the_memory_limit_gets_more_once(make) -> None:
    # A worker job has 1 GB, a unit is given 0.4 GB, then 0.6 GB.
    texts = {"M00_T1w": "hog 1500 seen\nvalue x", "M06_T1w": "hog 1500 seen6\nvalue x"}
    run = make(texts, jobs=1, cores=1)
    output = run.finish(run.start(*SESSIONS))
    assert run.attempts(UNIT) == [("failed", "out-of-memory"), ("done", "")]
    assert f"{UNIT} runs again (out-of-memory): its worker job exceeded its memory" in output


def test_what_slurm_refuses_is_one_line(make) -> None:
    run = make({}, partition="nowhere")
    output = run.finish(run.start(), code=2)
    assert output == (
        "smartms: SLURM refuses the worker jobs (allocation failure: Invalid partition name "
        "specified). Correct 'slurm' in the --cluster file.\n"
    )


def test_jobs_that_slurm_will_never_start_are_one_line(make) -> None:
    run = make({}, walltime="5-00:00:00")
    *_, line = run.finish(run.start(), code=2, seconds=60).splitlines()
    assert line == (
        "smartms: SLURM will never start the worker jobs: PENDING (PartitionTimeLimit). "
        "Correct 'slurm' in the --cluster file."
    )


def test_workers_that_cannot_start_are_one_line(make) -> None:
    run = make({}, jobs=1, python="/nonexistent/python")
    *_, line = run.finish(run.start(), code=2).splitlines()
    assert line.startswith("smartms: worker jobs end before they come to work (")
    assert "/nonexistent/python: No such file or directory" in line


def test_a_unit_that_fits_no_worker_is_refused(make) -> None:
    run = make({}, memory_gb=0.3)
    output = run.finish(run.start(), code=2)
    assert output.startswith(f"smartms: {UNIT} needs 0.4 GB, and a worker has 0.3 GB. ")
    assert len(output.splitlines()) == 1


def test_a_cancelled_array_task_leaves_its_cause(make, tmp_path: Path) -> None:
    run = make(WAITS)
    run.finish(run.start("--emit-slurm-array", "jobs"))
    subprocess.run(["bash", tmp_path / "jobs/submit.sh"], check=True)
    job = run.wait_for(UNIT)["job"]
    subprocess.run(["scancel", name_of(job)], check=True)
    note = run.out / "ledger" / UNIT / "failure.md"
    wait_until(note.exists)
    assert run.attempts(UNIT) == [("failed", "lost")]
    assert f"its worker job was cancelled (SLURM job {job})" in note.read_text()
    assert not (run.out / "ledger" / UNIT / "lease.json").exists()
    subprocess.run(["scancel", "--user=root"], check=True)


def test_job_arrays_do_the_units(make, tmp_path: Path) -> None:
    run = make({"M06_T1w": "fail input"})
    message = run.finish(run.start("--emit-slurm-array", "jobs"))
    assert message == f"6 units; submit them with: bash {tmp_path}/jobs/submit.sh\n"
    assert not (run.out / "ledger").exists()
    subprocess.run(["bash", tmp_path / "jobs/submit.sh"], check=True)
    wait_until(lambda: not jobs(), seconds=100)
    assert run.attempts("sub-01_ses-M06_mri") == [("failed", "bad-input")]
    assert run.attempts("sub-01_subject") == [("done", "")]
    (run.bids / "sub-01/ses-M06/anat/sub-01_ses-M06_T1w.nii.gz").write_text("value mended")
    output = run.finish(run.start(cluster="inprocess"))
    assert output.splitlines()[-1] == "6 of 6 units done (4 of them earlier)"
