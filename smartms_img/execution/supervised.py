"""A unit under a supervisor of its own, where no launcher is there to supervise it."""

from __future__ import annotations

import signal
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import NoReturn

from smartms_img.execution.child import ChildExit, Children, Job, supervise, thread_environment
from smartms_img.execution.failure import Started, settle_exit
from smartms_img.execution.lease import current_job, release_dead
from smartms_img.execution.slurm_array import SUPERVISED
from smartms_img.execution.slurm_jobs import explain_loss, job_record
from smartms_img.execution.state import UnitState
from smartms_img.execution.units import Unit
from smartms_img.execution.worker import Paths
from smartms_img.io.ledger import next_number


def run_supervised(unit: Unit, paths: Paths, seed: int) -> UnitState:
    """Run this very command in a child process, with its log, heartbeat and end on record.

    When SLURM ends the job, the child is killed, and the attempt gets the cause that SLURM tells.

    Parameters
    ----------
    unit : Unit
        A runnable row of the plan.
    paths : Paths
        Where to read and write.
    seed : int
        Random seed of ANTs.
    """
    signal.signal(signal.SIGTERM, _terminate)
    command = [word for word in sys.orig_argv[1:] if word != SUPERVISED]
    job = Job(
        unit=unit.id,
        command=(sys.executable, *command),
        environment=thread_environment(seed),
        bids=paths.bids,
        out=paths.out,
        work=paths.work,
    )
    started = Started(unit, next_number(paths.out, unit.id), datetime.now(UTC), seed)
    try:
        ended = supervise(job, Children())
    except _Terminated:
        ended = _explain(unit.id)
    finally:
        release_dead(paths.out, unit.id)
    if ended is None:
        raise RuntimeError("no child was started")
    return settle_exit(started, replace(ended, job_id=current_job()), paths.out)


class _Terminated(BaseException):
    """The process has been asked to end."""


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    # What comes after has half a minute; a second request must not cut it short.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise _Terminated


def _explain(unit_id: str) -> ChildExit:
    """Say why SLURM has ended this job; its child is dead."""
    job_id = current_job()
    if not job_id:
        return ChildExit(unit_id, -signal.SIGTERM, 0, 0.0, 0.0)
    cause, reason = explain_loss(job_record(job_id), _own_log(), job_id)
    return ChildExit(unit_id, -signal.SIGTERM, 0, 0.0, 0.0, cause, reason)


def _own_log() -> str:
    """Return what this process, and SLURM about it, have written where stderr goes."""
    log = Path("/proc/self/fd/2").resolve()
    return log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
