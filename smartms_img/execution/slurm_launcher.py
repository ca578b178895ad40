"""Units as tasks of SLURM jobs: each is placed on a worker, and its loss has a cause."""

from __future__ import annotations

import signal
import tempfile
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from smartms_img.config import SlurmConfig
from smartms_img.execution.child import ChildExit, Job
from smartms_img.execution.lease import live_lease, release_job
from smartms_img.execution.scrub import Scrubber
from smartms_img.execution.slurm_jobs import (
    JobRecord,
    cancel_job,
    check_installed,
    explain_loss,
    job_record,
)
from smartms_img.execution.slurm_pool import Seat, SlurmPool, cancel_orphans
from smartms_img.execution.slurm_task import supervise_task
from smartms_img.io.ledger import unit_folder

_TICK_S = 1.0
# A signal that ends a child may be the first sign that its whole job is being ended.
_JUDGE_AFTER_S = 4.0
# SLURM takes five minutes, by default, to see that a node is gone; cancelling would hide it.
_CANCEL_AFTER_S = 330.0
_FETCH_S = 15.0


@dataclass(frozen=True)
class _Placed:
    """A unit on a worker."""

    job: Job
    seat: Seat
    future: Any


@dataclass(frozen=True)
class _Doubtful:
    """A unit that was ended from outside, at a monotonic time; by what will be seen."""

    placed: _Placed
    ended: ChildExit
    since: float


class SlurmLauncher:
    """Dask workers in SLURM jobs, whose tasks each supervise one child process.

    The launcher itself chooses the worker of a unit, by cores, memory and time left: Dask would
    give all units to the first worker that comes, and start again elsewhere what it has lost,
    without the ledger knowing.

    Parameters
    ----------
    config : SlurmConfig
        Worker jobs.
    slots : int
        Units side by side.
    out : Path
        Output directory, on storage that all nodes share.
    say : callable
        Told what a user may want to know meanwhile.

    Raises
    ------
    InputError
        If SLURM is not installed here.
    """

    def __init__(
        self, config: SlurmConfig, slots: int, out: Path, say: Callable[[str], None]
    ) -> None:
        check_installed()
        self.slots = slots
        self._config, self._out, self._say = config, out, say
        self._pool: SlurmPool | None = None
        self._queue: deque[Job] = deque()
        self._placed: dict[str, _Placed] = {}
        self._doubtful: list[_Doubtful] = []
        self._cancelled: set[str] = set()
        self._futures: SimpleQueue[Any] = SimpleQueue()
        cancel_orphans(self._folder)
        self._release_ended_jobs()

    @property
    def _folder(self) -> Path:
        return self._out / "work"

    def start(self, job: Job) -> None:
        """Queue a job; the pool of workers starts with the first.

        Raises
        ------
        InputError
            If SLURM refuses the jobs.
        """
        if self._pool is None:
            self._pool = SlurmPool(self._config, self._folder, self._say)
        self._queue.append(job)

    def wait(self) -> ChildExit:
        """Return the next unit that has ended, or whose loss is explained.

        Raises
        ------
        InputError
            If the worker jobs end again and again before they come to work.
        """
        if self._pool is None:
            raise RuntimeError("nothing was started")
        while True:
            self._place(self._pool)
            with suppress(Empty):
                if ended := self._read(self._futures.get(timeout=_TICK_S)):
                    return ended
            self._doubt_the_lost(self._pool)
            if ended := self._judge(self._pool):
                return ended
            self._pool.look()

    def kill(self) -> None:
        """Cancel the worker jobs."""
        if self._pool is not None:
            self._pool.kill()

    def close(self) -> None:
        """Cancel the worker jobs and end the scheduler."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None

    def _place(self, pool: SlurmPool) -> None:
        """Give queued units to workers with room; send home those without time."""
        seats = pool.seats()
        for seat in seats:
            if not seat.open and not self._on(seat):
                pool.retire(seat)
        for job in list(self._queue):
            seat_of_job = next((seat for seat in seats if self._fits(job, seat)), None)
            if seat_of_job is None:
                continue
            self._queue.remove(job)
            future = pool.submit(seat_of_job, supervise_task, job, self._config.local_scratch)
            self._placed[job.unit] = _Placed(job, seat_of_job, future)
            future.add_done_callback(self._futures.put)

    def _on(self, seat: Seat) -> list[Job]:
        placed = (*self._placed.values(), *(doubt.placed for doubt in self._doubtful))
        return [one.job for one in placed if one.seat.address == seat.address]

    def _fits(self, job: Job, seat: Seat) -> bool:
        there = self._on(seat)
        memory = sum(other.memory_gb for other in there) + job.memory_gb
        return seat.open and len(there) < self._config.cores and memory <= self._config.memory_gb

    def _read(self, future: Any) -> ChildExit | None:
        """Return how a unit ended, unless that is doubtful; let go of its future."""
        placed = next((one for one in self._placed.values() if one.future is future), None)
        if placed is None:
            return None
        try:
            # A result that was lost with its worker would be waited for without end.
            ended: ChildExit | None = future.result(timeout=_FETCH_S)
        except Exception as error:
            ended = None
            if type(error).__name__ not in {"CancelledError", "KilledWorker", "TimeoutError"}:
                ended = _failed(placed, error)
        self._let_go(placed)
        if ended is None or (ended.code < 0 and not ended.cause):
            self._doubt(placed, ended)
            return None
        return ended

    def _let_go(self, placed: _Placed) -> None:
        del self._placed[placed.job.unit]
        placed.future.cancel()
        placed.future.release()
        # On a network file system, writing into a folder is what makes others' files in it seen.
        with tempfile.TemporaryFile(dir=_made(unit_folder(self._out, placed.job.unit))):
            pass

    def _doubt(self, placed: _Placed, ended: ChildExit | None) -> None:
        lost = ChildExit(
            placed.job.unit,
            -signal.SIGKILL,
            pid=0,
            max_rss_mb=0.0,
            cpu_s=0.0,
            job_id=placed.seat.job_id,
        )
        self._doubtful.append(_Doubtful(placed, ended or lost, time.monotonic()))

    def _doubt_the_lost(self, pool: SlurmPool) -> None:
        addresses = {seat.address for seat in pool.seats()}
        for placed in list(self._placed.values()):
            if placed.seat.address not in addresses and not placed.future.done():
                self._let_go(placed)
                self._doubt(placed, None)

    def _judge(self, pool: SlurmPool) -> ChildExit | None:
        """Return one of the doubtful units as soon as it is known what has ended it."""
        jobs = {doubt.placed.seat.job_id for doubt in self._doubtful}
        records = {job: job_record(job) for job in jobs}
        for doubt in self._doubtful:
            if ended := self._verdict(pool, doubt, records[doubt.placed.seat.job_id]):
                self._doubtful.remove(doubt)
                return ended
        return None

    def _verdict(
        self, pool: SlurmPool, doubt: _Doubtful, record: JobRecord | None
    ) -> ChildExit | None:
        seat, waited = doubt.placed.seat, time.monotonic() - doubt.since
        if record is not None and not record.ended:
            here = seat.address in {other.address for other in pool.seats()}
            if here and doubt.ended.pid and waited > _JUDGE_AFTER_S:
                name = signal.Signals(-doubt.ended.code).name
                return replace(doubt.ended, cause="killed", reason=f"killed ({name})")
            if waited > _CANCEL_AFTER_S and seat.job_id not in self._cancelled:
                # The worker is gone, or does not answer, but its job lives on.
                self._cancelled.add(seat.job_id)
                cancel_job(seat.job_id)
            return None
        if not self._fenced(doubt, record):
            return None
        cause, reason = explain_loss(record, pool.log(seat.job_id), seat.job_id)
        host = doubt.ended.host or (record.node if record else "")
        return replace(doubt.ended, cause=cause, reason=reason, host=host)

    def _fenced(self, doubt: _Doubtful, record: JobRecord | None) -> bool:
        """Tell whether no process can be left that works on the unit."""
        unit = doubt.placed.job.unit
        # SLURM cannot speak for a node that it has lost: there, the lease has to expire.
        if record is not None and record.state != "NODE_FAIL":
            release_job(self._out, unit, doubt.placed.seat.job_id)
        return live_lease(self._out, unit) is None

    def _release_ended_jobs(self) -> None:
        """Remove the leases of jobs that have ended, though their heartbeat is recent."""
        for file in sorted(self._out.glob("ledger/*/lease.json")):
            unit = file.parent.name
            holder = live_lease(self._out, unit)
            if holder and holder.job:
                record = job_record(holder.job)
                if record is not None and record.ended and record.state != "NODE_FAIL":
                    release_job(self._out, unit, holder.job)


def _failed(placed: _Placed, error: Exception) -> ChildExit:
    job = placed.job
    scrub = Scrubber({"BIDS": job.bids, "OUT": job.out, "WORK": job.work.parent})
    reason = scrub(f"its supervisor failed: {type(error).__name__}: {error}")
    ended = ChildExit(job.unit, 1, 0, 0.0, 0.0, "python-error", reason)
    return replace(ended, job_id=placed.seat.job_id)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
