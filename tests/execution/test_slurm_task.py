"""The worker's side of the SLURM launcher, and what the client refuses before any worker is up."""

import socket
import sys
from pathlib import Path

import pytest

from smartms_img.execution import slurm_task
from smartms_img.execution.child import Job
from smartms_img.execution.lease import lease_file
from smartms_img.execution.slurm_task import supervise_task

UNIT = "sub-01_ses-M00_mri"


def job(tmp_path: Path, code: str, memory_gb: float = 1.0) -> Job:
    work = tmp_path / "shared" / UNIT
    command = ("/python/of/the/client", "-c", code, "-w", str(work))
    return Job(UNIT, command, {}, tmp_path / "bids", tmp_path / "out", work, memory_gb)


@pytest.fixture(autouse=True)
def node(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("NODE_DISK", str(tmp_path / "disk"))


def test_a_child_runs_with_the_python_and_the_scratch_folder_of_the_node(tmp_path: Path) -> None:
    code = (
        f"import os, sys; print(os.getcwd() == sys.argv[2], sys.executable == {sys.executable!r})"
    )
    ended = supervise_task(job(tmp_path, code), "$NODE_DISK")
    assert ended is not None
    assert (ended.code, ended.host, ended.job_id) == (0, socket.gethostname(), "7")
    (log,) = (tmp_path / "out/logs").iterdir()
    assert log.read_text() == "True True\n"
    assert list((tmp_path / "disk").iterdir()) == []
    assert not (tmp_path / "shared").exists()


def test_without_local_scratch_the_folder_stays(tmp_path: Path) -> None:
    supervise_task(job(tmp_path, "open('left', 'w')"), None)
    assert (tmp_path / "shared" / UNIT / "left").is_file()


def test_a_killed_child_leaves_no_lease(tmp_path: Path) -> None:
    code = (
        "import os; from pathlib import Path; from smartms_img.execution.lease import lease\n"
        f"with lease(Path({str(tmp_path / 'out')!r}), {UNIT!r}): os.kill(os.getpid(), 9)"
    )
    ended = supervise_task(job(tmp_path, code), None)
    assert ended is not None
    assert (ended.code, ended.cause) == (-9, "")
    assert not lease_file(tmp_path / "out", UNIT).exists()


def test_a_kill_that_the_kernel_counts_is_out_of_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = Path("/proc/self/cgroup").read_text().splitlines()[-1].rpartition(":")[2]
    folder = tmp_path / "cgroup" / group.lstrip("/")
    folder.mkdir(parents=True, exist_ok=True)
    events = folder / "memory.events"
    events.write_text("low 0\noom 1\noom_kill 1\n")
    monkeypatch.setattr(slurm_task, "_CGROUPS", tmp_path / "cgroup")
    text = "low 0\\noom 2\\noom_kill 2\\n"
    code = f"import os; open({str(events)!r}, 'w').write('{text}'); os.kill(os.getpid(), 9)"
    ended = supervise_task(job(tmp_path, code), None)
    assert ended is not None
    assert ended.cause == "out-of-memory"


def test_a_scratch_variable_that_the_node_does_not_set_is_a_cause(tmp_path: Path) -> None:
    ended = supervise_task(job(tmp_path, ""), "$NOBODY_SETS_THIS")
    assert ended is not None
    assert (ended.code, ended.cause) == (1, "bad-input")
    assert "'$NOBODY_SETS_THIS' (local_scratch) is no folder on node" in ended.reason
