"""A unit under a supervisor of its own, where no launcher is there to supervise it."""

from __future__ import annotations

import signal
import sys
from dataclasses import replace
from datetime import UTC, datetime
from types import FrameType
from typing import NoReturn

from smartms_img.execution.child import Children, Job, supervise, thread_environment
from smartms_img.execution.failure import Started, settle_exit
from smartms_img.execution.lease import current_job, release_dead
from smartms_img.execution.slurm_array import SUPERVISED
from smartms_img.execution.state import UnitState
from smartms_img.execution.units import Unit
from smartms_img.execution.worker import Paths
from smartms_img.io.ledger import next_number


def run_supervised(unit: Unit, paths: Paths, seed: int) -> UnitState:
    """Run this very command in a child process, with its log, heartbeat and end on record.

    Parameters
    ----------
    unit : Unit
        A runnable row of the plan.
    paths : Paths
        Where to read and write.
    seed : int
        Random seed of ANTs.
    """
    signal.signal(signal.SIGTERM, _leave)
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
    finally:
        release_dead(paths.out, unit.id)
    if ended is None:
        raise RuntimeError("no child was started")
    return settle_exit(started, replace(ended, job_id=current_job()), paths.out)


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    """End as a shell says of a signal, after the child has been killed on the way out."""
    raise SystemExit(128 + number)
