"""SLURM's own commands: submit, look up, cancel; and why a worker job has ended."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from smartms_img.errors import InputError, SmartmsError
from smartms_img.io.ledger import Cause

_TIMEOUT_S = 60.0
_ENDED = {
    "BOOT_FAIL",
    "CANCELLED",
    "COMPLETED",
    "DEADLINE",
    "FAILED",
    "NODE_FAIL",
    "OUT_OF_MEMORY",
    "PREEMPTED",
    "TIMEOUT",
}
_CAUSE_OF_STATE: dict[str, Cause] = {
    "BOOT_FAIL": "node-lost",
    "DEADLINE": "walltime",
    "NODE_FAIL": "node-lost",
    "OUT_OF_MEMORY": "out-of-memory",
    "PREEMPTED": "preempted",
    "TIMEOUT": "walltime",
}
# What slurmstepd and the worker write into the log of a job. Sites differ in which state follows.
_CAUSE_OF_LINE: dict[str, Cause] = {
    r"exceeded (job )?memory limit|oom.kill|out of memory": "out-of-memory",
    r"DUE TO TIME LIMIT|worker-lifetime-reached": "walltime",
    r"DUE TO PREEMPTION": "preempted",
    r"DUE TO NODE FAILURE": "node-lost",
}
_WORDS: dict[Cause, str] = {
    "node-lost": "its node failed",
    "out-of-memory": "its worker job exceeded its memory",
    "preempted": "its worker job was preempted",
    "walltime": "its worker job reached its time limit",
}


class SlurmError(SmartmsError):
    """SLURM cannot be used, or refuses what is asked of it."""


@dataclass(frozen=True)
class JobRecord:
    """What SLURM says of a job: state, such as ``RUNNING``; 'exit code:signal'; node."""

    state: str
    exit_code: str = ""
    node: str = ""

    @property
    def ended(self) -> bool:
        """Whether no process of the job is left."""
        return self.state in _ENDED


def check_installed() -> None:
    """Raise InputError unless SLURM's commands are on the path."""
    if missing := [name for name in ("sbatch", "squeue", "scancel") if not shutil.which(name)]:
        problem = f"launcher 'slurm' needs the command '{missing[0]}', which is not found here"
        raise InputError(problem, "Start smartms on a login node of the cluster")


def check_script(script: str) -> None:
    """Raise InputError, with SLURM's words, if sbatch would refuse a job script."""
    with tempfile.NamedTemporaryFile("w", suffix=".sh", encoding="utf-8") as file:
        file.write(script)
        file.flush()
        done = _call("sbatch", "--test-only", file.name)
    if done.returncode:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        words = (lines or ["no reason given"])[-1].rstrip(".")
        raise InputError(
            f"SLURM refuses the worker jobs ({words})", "Correct 'slurm' in the --cluster file"
        )


def job_record(job_id: str) -> JobRecord | None:
    """Return what SLURM says of a job, also of one that has ended; None if it knows none."""
    done = _call("scontrol", "--oneliner", "show", "job", job_id)
    fields = dict(re.findall(r"(\w+)=(\S*)", done.stdout))
    if "JobState" in fields:
        return JobRecord(
            fields["JobState"], fields.get("ExitCode", ""), fields.get("BatchHost", "")
        )
    return _accounted(job_id)


def active_jobs(name: str) -> dict[str, str]:
    """Return 'state (reason)' by id of the jobs of a name that are pending or running.

    Raises
    ------
    SlurmError
        If SLURM does not answer.
    """
    done = _call("squeue", "--noheader", "--format=%i|%T|%r", f"--name={name}")
    if done.returncode:
        raise SlurmError(f"squeue does not answer: {' '.join(done.stderr.split())}")
    rows = [line.split("|") for line in done.stdout.splitlines() if line.count("|") == 2]
    return {job: state + (f" ({why})" if why != "None" else "") for job, state, why in rows}


def cancel_jobs(name: str) -> None:
    """Cancel all jobs of a name."""
    _call("scancel", f"--name={name}")


def cancel_job(job_id: str) -> None:
    """Cancel one job."""
    _call("scancel", job_id)


def explain_loss(record: JobRecord | None, log: str, job_id: str) -> tuple[Cause, str]:
    """Return cause and reason of the loss of a worker.

    Parameters
    ----------
    record : JobRecord or None
        What SLURM says of its job; None if it knows of none.
    log : str
        What the job has written.
    job_id : str
        Job.
    """
    state = record.state if record else ""
    found = [cause for words, cause in _CAUSE_OF_LINE.items() if re.search(words, log, re.I)]
    cause = _CAUSE_OF_STATE.get(state) or (found[0] if found else "lost")
    if cause != "lost":
        return cause, f"{_WORDS[cause]} (SLURM job {job_id})"
    if state == "CANCELLED" or "CANCELLED AT" in log:
        return cause, f"its worker job was cancelled (SLURM job {job_id})"
    told = f"{state}, exit code {record.exit_code}" if record else "SLURM knows it no more"
    return cause, f"its worker was lost (SLURM job {job_id}: {told})"


def log_of_job(folder: Path, job_id: str) -> str:
    """Return what a worker job has written."""
    files = sorted(folder.glob(f"*-{job_id}.err")) + sorted(folder.glob(f"*-{job_id}.out"))
    return "".join(file.read_text(encoding="utf-8", errors="replace") for file in files)


def memory_mib(memory_gb: float) -> int:
    """Return GB of 10^9 bytes in SLURM's unit, rounded up."""
    return -int(-memory_gb * 1e9 // 2**20)


def _accounted(job_id: str) -> JobRecord | None:
    done = _call("sacct", "-n", "-P", "-X", "-o", "State,ExitCode,NodeList", "-j", job_id)
    for line in done.stdout.splitlines():
        state, code, node = line.split("|")
        # 'CANCELLED by 1000'
        return JobRecord(state.split(" ")[0], code, node)
    return None


def _call(*command: str) -> subprocess.CompletedProcess[str]:
    words: Sequence[str] = command
    try:
        return subprocess.run(
            words, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        # A controller that is being restarted answers again in a minute.
        return subprocess.CompletedProcess(words, 1, "", str(error))
