"""What is asked of SLURM, and what its answers mean."""

import subprocess
import sys
from pathlib import Path

import pytest

from smartms_img.config import SlurmConfig
from smartms_img.errors import InputError
from smartms_img.execution.slurm_dask import WorkerJob, credentials, job_settings, make_cluster
from smartms_img.execution.slurm_jobs import (
    JobRecord,
    check_installed,
    check_script,
    explain_loss,
    job_record,
    memory_mib,
)


def config(**changes: object) -> SlurmConfig:
    content = {"walltime": "12:00:00", "jobs": 2, "memory_gb": 12} | changes
    return SlurmConfig.model_validate(content)


def script(tmp_path: Path, **changes: object) -> list[str]:
    settings = job_settings(config(**changes), tmp_path / "smartms-x")
    job = WorkerJob("tls://10.0.0.1:8786", name="smartms-x-0", **settings)
    return job.job_script().splitlines()


def test_the_job_script(tmp_path: Path) -> None:
    lines = script(
        tmp_path,
        partition="long",
        account="group",
        cores=4,
        local_scratch="$TMPDIR",
        prologue=["module load apptainer"],
        container="apptainer exec image.sif",
        directives=["--qos=high"],
        interface="lo",
    )
    options = {line.removeprefix("#SBATCH ") for line in lines if line.startswith("#SBATCH")}
    assert options == {
        "-J smartms-x",
        f"-e {tmp_path}/smartms-x/smartms-x-%J.err",
        f"-o {tmp_path}/smartms-x/smartms-x-%J.out",
        "-p long",
        "-A group",
        "-n 1",
        "--cpus-per-task=4",
        "--mem=11445M",  # 12e9 bytes are 11444.09 MiB
        "-t 12:00:00",
        "--no-requeue",
        "--qos=high",
    }
    assert "export DASK_DISTRIBUTED__WORKER__MEMORY__PAUSE=False" in lines
    *_, prologue, command = (line for line in lines if line)
    assert prologue == "module load apptainer"
    assert command.startswith(
        "apptainer exec image.sif python -m distributed.cli.dask_worker tls://10.0.0.1:8786 "
        "--name smartms-x-0 --nthreads 4 "
    )
    for option in (
        "--no-nanny",
        "--local-directory $TMPDIR",
        # Half a minute more or less, and always more than a minute before the walltime.
        "--lifetime 43110s --lifetime-stagger 30s",
        "--preload smartms_img.execution.slurm_task",
        "--dashboard-address 127.0.0.1:0 --no-dashboard",
        "--interface lo",
    ):
        assert f" {option} " in f"{command} "


def test_the_job_script_without_more_than_it_needs(tmp_path: Path) -> None:
    lines = script(tmp_path)
    assert not [line for line in lines if line.startswith(("#SBATCH -p", "#SBATCH -A"))]
    assert not [line for line in lines if "--interface" in line]


def test_a_path_with_a_space_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds a space"):
        script(tmp_path / "my study" / "out" / "work")


@pytest.mark.parametrize(("memory_gb", "mib"), [(1.0, 954), (1.048576, 1000), (0.4, 382)])
def test_memory_is_rounded_up(memory_gb: float, mib: int) -> None:
    assert memory_mib(memory_gb) == mib


OVER = "slurmstepd: error: StepId=1.batch exceeded memory limit (541245440 > 209715200), killed"
OOM = "slurmstepd: error: Detected 1 oom_kill event in StepId=4711.batch."


@pytest.mark.parametrize(
    ("record", "log", "cause"),
    [
        (JobRecord("NODE_FAIL", "0:0"), "", "node-lost"),
        (JobRecord("BOOT_FAIL", "0:0"), "", "node-lost"),
        (JobRecord("TIMEOUT", "0:15"), "", "walltime"),
        (JobRecord("DEADLINE", "0:15"), "", "walltime"),
        (JobRecord("PREEMPTED", "0:15"), "", "preempted"),
        (JobRecord("OUT_OF_MEMORY", "0:125"), "", "out-of-memory"),
        # Without cgroups a job over its memory is just FAILED; the log says why.
        (JobRecord("FAILED", "0:9"), OVER, "out-of-memory"),
        (JobRecord("FAILED", "0:9"), OOM, "out-of-memory"),
        (JobRecord("CANCELLED", "0:15"), "*** JOB 7 ON n1 CANCELLED AT x ***", "lost"),
        (JobRecord("CANCELLED", "0:15"), "*** CANCELLED AT x DUE TO TIME LIMIT ***", "walltime"),
        (JobRecord("CANCELLED", "0:15"), "*** CANCELLED AT x DUE TO PREEMPTION ***", "preempted"),
        (None, "*** JOB 7 ON n1 CANCELLED AT x DUE TO NODE FAILURE ***", "node-lost"),
        # A worker that ends itself before its walltime.
        (JobRecord("COMPLETED", "0:0"), "Reason: worker-lifetime-reached", "walltime"),
        (JobRecord("FAILED", "1:0"), "", "lost"),
        (None, "", "lost"),
    ],
)
def test_cause_of_a_loss(record: JobRecord | None, log: str, cause: str) -> None:
    told, reason = explain_loss(record, log, "7")
    assert told == cause
    assert "SLURM job 7" in reason
    assert len(reason.splitlines()) == 1


@pytest.mark.parametrize("state", ["PENDING", "RUNNING", "COMPLETING", "SUSPENDED", "CONFIGURING"])
def test_a_job_that_may_have_processes_has_not_ended(state: str) -> None:
    assert not JobRecord(state).ended


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder for stand-ins of SLURM's commands, which alone are on the path."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def stand_in(folder: Path, name: str, body: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{body}\n")
    (folder / name).chmod(0o755)


def test_records_of_controller_and_accounting(commands: Path) -> None:
    assert job_record("7") is None
    stand_in(commands, "sacct", "echo 'CANCELLED by 1000|0:15|n3'")
    assert job_record("7") == JobRecord("CANCELLED", "0:15", "n3")
    line = "JobId=7 JobName=a=b JobState=RUNNING Reason=None ExitCode=0:0 BatchHost=n1"
    stand_in(commands, "scontrol", f"echo '{line}'")
    assert job_record("7") == JobRecord("RUNNING", "0:0", "n1")
    stand_in(commands, "scontrol", "echo 'slurm_load_jobs error: Invalid job id' >&2; exit 1")
    assert job_record("7") == JobRecord("CANCELLED", "0:15", "n3")


def test_a_machine_without_slurm_is_told_in_one_line(commands: Path) -> None:
    with pytest.raises(InputError) as caught:
        check_installed()
    assert str(caught.value) == (
        "launcher 'slurm' needs the command 'sbatch', which is not found here. "
        "Start smartms on a login node of the cluster."
    )


def test_a_refused_script_is_told_in_slurms_words(commands: Path) -> None:
    stand_in(commands, "sbatch", "exit 0")
    check_script("#!/bin/sh\n")
    stand_in(commands, "sbatch", "echo 'sbatch: error: a' >&2; echo 'no such account' >&2; exit 1")
    with pytest.raises(InputError, match=r"^SLURM refuses the worker jobs \(no such account\)\."):
        check_script("#!/bin/sh\n")


def test_certificates_are_for_their_owner_only(tmp_path: Path) -> None:
    security = credentials(tmp_path)
    assert security.require_encryption
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["ca_file.pem", "worker_cert.pem", "worker_key.pem"]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert security.get_connection_args("worker")["ssl_context"] is not None


def test_shell_accepts_the_script(tmp_path: Path) -> None:
    text = "\n".join(script(tmp_path, prologue=["module load a; export B='c d'"]))
    subprocess.run(["bash", "-n"], input=text, text=True, check=True)


def test_an_unknown_network_interface_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'ib77' is not a valid network interface") as caught:
        make_cluster(config(interface="ib77"), tmp_path)
    assert str(caught.value).endswith("Correct 'slurm.interface' in the --cluster file.")
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("module", "same"),
    [("smartms_img.execution.slurm_dask", "True"), ("dask_jobqueue.slurm", "False")],
)
def test_an_interrupt_stays_one_though_dask_jobqueue_changes_it(module: str, same: str) -> None:
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"import {module}\nprint(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == f"{same}\n"
