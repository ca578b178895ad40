"""The worker's side of the SLURM launcher, and what the client refuses before any worker is up."""

import socket
import sys
from pathlib import Path

import pytest

from smartms_img.config import SlurmConfig
from smartms_img.errors import InputError
from smartms_img.execution import slurm_task
from smartms_img.execution.child import Job
from smartms_img.execution.lease import lease_file
from smartms_img.execution.slurm_launcher import SlurmLauncher
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
    assert list((tmp_path / "disk/smartms-7").iterdir()) == []
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


def test_a_unit_that_fits_no_worker_is_refused_before_any_job_is_submitted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("sbatch", "squeue", "scancel"):
        (tmp_path / name).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    config = SlurmConfig(walltime="12:00:00", jobs=1, memory_gb=2)
    launcher = SlurmLauncher(config, 1, tmp_path / "out", lambda _: None)
    with pytest.raises(InputError) as caught:
        launcher.start(job(tmp_path, "", memory_gb=3.0))
    assert str(caught.value) == (
        f"{UNIT} needs 3 GB, and a worker job has 2 GB. "
        "Give 'slurm.memory_gb' of the --cluster file that much, or more."
    )
    launcher.close()
