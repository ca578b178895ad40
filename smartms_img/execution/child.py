"""One unit is one child process: started, listened to, and never left behind."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from smartms_img.execution.lease import HEARTBEAT_S, beat, live_lease, release_dead
from smartms_img.execution.scrub import Scrubber
from smartms_img.io.ledger import Cause

SUPERVISOR_VARIABLE = "SMARTMS_SUPERVISOR_PID"
_PR_SET_PDEATHSIG = 1
_DEATH_S = 1.0


@dataclass(frozen=True)
class Job:
    """A child process to run.

    Attributes
    ----------
    unit : str
        Unit id.
    command : tuple of str
        Command line.
    environment : dict of str to str
        Variables set on top of this process's own.
    bids, out, work : Path
        Dataset, output directory, and scratch folder of this unit: the current directory.
    memory_gb : float
        Memory to set aside.
    """

    unit: str
    command: tuple[str, ...]
    environment: dict[str, str]
    bids: Path
    out: Path
    work: Path
    memory_gb: float = 0.0


@dataclass(frozen=True)
class ChildExit:
    """How a child process ended.

    Attributes
    ----------
    unit : str
        Unit id.
    code, pid : int
        Exit code, minus the signal where one ended it; process id, 0 where it is not known.
    max_rss_mb, cpu_s : float
        Peak resident memory in MiB, and processor time in seconds.
    cause, reason : str
        Why it was ended from outside, where its launcher knows; empty otherwise.
    host, job_id : str
        Where it ran, if not on this machine.
    """

    unit: str
    code: int
    pid: int
    max_rss_mb: float
    cpu_s: float
    cause: Cause = ""
    reason: str = ""
    host: str = ""
    job_id: str = ""


def thread_environment(seed: int) -> dict[str, str]:
    """Return what makes a unit deterministic; libraries read it once, when they are loaded."""
    threads = (
        "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
    )
    return dict.fromkeys(threads, "1") | {
        "ANTS_RANDOM_SEED": str(seed),
        "PYTHONHASHSEED": "0",
        "PYTHONUNBUFFERED": "1",
        "MPLBACKEND": "Agg",
        # nipype names its crash files, which the log repeats, after the account.
        "LOGNAME": "smartms",
    }


class Children:
    """The live child processes of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._live: dict[int, Job] = {}
        self._closed = False

    def start(self, job: Job) -> subprocess.Popen[bytes] | None:
        """Start a child in a process group of its own; None after :meth:`end_all`."""
        job.work.mkdir(parents=True, exist_ok=True)
        variables = {SUPERVISOR_VARIABLE: str(os.getpid()), "NIPYPE_CONFIG_DIR": str(job.work)}
        with self._lock:
            if self._closed:
                return None
            child = subprocess.Popen(
                job.command,
                cwd=job.work,
                env=os.environ | job.environment | variables,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                process_group=0,
            )
            self._live[child.pid] = job
            return child

    def wait(self, child: subprocess.Popen[bytes]) -> tuple[int, float, float]:
        """Reap a child; return its exit code, peak memory (MiB) and processor time (s)."""
        _, status, usage = os.wait4(child.pid, 0)
        with self._lock:
            self._live.pop(child.pid, None)
        child.returncode = os.waitstatus_to_exitcode(status)
        return child.returncode, usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime

    def end_all(self) -> None:
        """Kill every child with all it has started, release its lease, and start no other."""
        with self._lock:
            self._closed = True
            killed = list(self._live.values())
            for pid in self._live:
                with suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)
        # Another host cannot see that the child is dead; it would wait for its heartbeat to stop.
        end = time.monotonic() + _DEATH_S
        for job in killed:
            while live_lease(job.out, job.unit) and time.monotonic() < end:
                time.sleep(0.02)
            release_dead(job.out, job.unit)


def supervise(job: Job, children: Children) -> ChildExit | None:
    """Run a child to its end, with its log in ``logs/`` and the heartbeat of its lease.

    Returns
    -------
    ChildExit or None
        None if children may no longer be started.
    """
    child = children.start(job)
    if child is None:
        return None
    scrub = Scrubber({"BIDS": job.bids, "OUT": job.out, "WORK": job.work.parent})
    log = job.out / "logs" / f"{job.unit}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    try:
        # Appending: of two runs that start a unit at once, the loser says so in one line.
        if not live_lease(job.out, job.unit):
            log.unlink(missing_ok=True)
        with log.open("a", encoding="utf-8", newline="\n") as file:
            for line in _lines(child.stdout, job):
                file.write(scrub(line))
                file.flush()
    except BaseException:
        # Ctrl-C between two lines must not leave this child behind.
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        children.wait(child)
        release_dead(job.out, job.unit)
        raise
    code, memory, seconds = children.wait(child)
    return ChildExit(job.unit, code, child.pid, round(memory, 1), round(seconds, 2))


def _lines(stream: IO[bytes] | None, job: Job) -> Iterator[str]:
    """Yield the child's lines as they come, beating its heart meanwhile."""
    if stream is None:
        return
    descriptor, rest = stream.fileno(), b""
    with stream:
        while True:
            ready, _, _ = select.select([descriptor], [], [], HEARTBEAT_S)
            beat(job.out, job.unit)
            if not ready:
                continue
            block = os.read(descriptor, 65536)
            *lines, rest = (rest + block).split(b"\n")
            yield from (line.decode(errors="replace") + "\n" for line in lines)
            if not block:
                break
    if rest:
        yield rest.decode(errors="replace") + "\n"


def die_with_supervisor() -> None:
    """In a child: be killed when the supervising thread dies, however that happens."""
    supervisor = os.environ.get(SUPERVISOR_VARIABLE)
    if supervisor is None or sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(supervisor):
        os._exit(1)
