"""Dask workers as SLURM jobs: a pool that replaces what is lost, behind TLS."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smartms_img.config import SlurmConfig
from smartms_img.errors import InputError
from smartms_img.execution.lease import claim, live_holder
from smartms_img.execution.slurm_jobs import (
    SlurmError,
    active_jobs,
    cancel_jobs,
    check_script,
    job_record,
    log_of_job,
)

_PREFIX = "smartms-"
_OWNER = "client.json"
# Reasons for which a pending job stays pending.
_NEVER = (
    "PartitionTimeLimit",
    "PartitionNodeLimit",
    "BadConstraints",
    "InvalidAccount",
    "InvalidQOS",
)
_LOOK_S = 5.0
_SAY_S = 60.0
_END_S = 60.0


@dataclass(frozen=True)
class Seat:
    """A worker that takes units: name, address, job, and whether it has time for another."""

    name: str
    address: str
    job_id: str
    open: bool


class SlurmPool:
    """A Dask cluster whose workers are SLURM jobs, always as many as configured.

    Parameters
    ----------
    config : SlurmConfig
        Worker jobs.
    parent : Path
        Folder on shared storage; certificates and logs of jobs lie in a private folder below
        it, which is removed at the end.
    say : callable
        Told what a user may want to know meanwhile.

    Raises
    ------
    InputError
        If SLURM refuses the jobs.
    """

    def __init__(self, config: SlurmConfig, parent: Path, say: Callable[[str], None]) -> None:
        self._config, self._say = config, say
        parent.mkdir(parents=True, exist_ok=True)
        # mkdtemp makes a folder that only its owner can enter.
        self.folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        self.name = self.folder.name
        claim(self.folder / _OWNER)
        self._seen: dict[str, float] = {}
        self._stillborn: set[str] = set()
        self._looked = self._said = time.monotonic()
        self._cluster: Any = None
        self._client: Any = None
        try:
            self._connect()
        except BaseException:
            self.close()
            raise

    def _connect(self) -> None:
        # Dask takes a second to import, and most commands never need it.
        from distributed import Client  # noqa: PLC0415

        from smartms_img.execution.slurm_dask import make_cluster  # noqa: PLC0415

        self._cluster = make_cluster(self._config, self.folder)
        check_script(self._cluster.job_script())
        jobs = self._config.jobs
        # A fixed number: scale() would never replace a job that was lost.
        self._cluster.adapt(minimum_jobs=jobs, maximum_jobs=jobs)
        self._client = Client(self._cluster)  # type: ignore[no-untyped-call]
        self._say(f"dashboard: {self._cluster.dashboard_link}")

    def seats(self) -> list[Seat]:
        """Return the workers that are there."""
        now, seats = time.monotonic(), []
        for worker in list(self._cluster.scheduler.workers.values()):
            job = self._cluster.workers.get(worker.name)
            # Dask learns the ids of jobs only when it has submitted the last of them.
            if worker.status.name != "running" or job is None:
                continue
            age = now - self._seen.setdefault(worker.server_id, now)
            in_time = age <= self._config.open_s
            seats.append(Seat(str(worker.name), worker.address, str(job.job_id), in_time))
        return seats

    def submit(self, seat: Seat, task: Callable[..., Any], *arguments: Any) -> Any:
        """Start a task on a worker and no other; return its future."""
        return self._client.submit(
            task,
            *arguments,
            workers=[seat.address],
            allow_other_workers=False,
            pure=False,
            retries=0,
        )

    def retire(self, seat: Seat) -> None:
        """End an idle worker; a new job takes its place."""
        self._client.retire_workers([seat.address], close_workers=True)

    def log(self, job_id: str) -> str:
        """Return what a worker job has written."""
        return log_of_job(self.folder, job_id)

    def look(self) -> None:
        """Look after jobs that have ended before they came to work; to be called often.

        Raises
        ------
        InputError
            If jobs end again and again without coming to work, or can never start.
        """
        now = time.monotonic()
        if now - self._looked < _LOOK_S:
            return
        self._looked = now
        os.utime(self.folder / _OWNER)
        with suppress(SlurmError):
            self._replace_stillborn(active_jobs(self.name))

    def _replace_stillborn(self, active: dict[str, str]) -> None:
        for why in active.values():
            if any(f"({word})" in why for word in _NEVER):
                problem = f"SLURM will never start the worker jobs: {why}"
                raise InputError(problem, "Correct 'slurm' in the --cluster file")
        here = {seat.name for seat in self.seats()}
        if here:
            self._stillborn.clear()
        elif active and time.monotonic() - self._said > _SAY_S:
            self._said = time.monotonic()
            self._say(f"waiting for SLURM: {', '.join(sorted(set(active.values())))}")
        for name, job in list(self._cluster.workers.items()):
            if not job.job_id or name in here or job.job_id in active:
                continue
            record = job_record(job.job_id)
            if record is None or record.ended:
                self._stillborn.add(job.job_id)
                self._cluster.loop.add_callback(self._cluster.forget, name)
        if len(self._stillborn) > 2 * self._config.jobs:
            self._give_up(max(self._stillborn, key=int))

    def _give_up(self, job_id: str) -> None:
        lines = [line.strip() for line in self.log(job_id).splitlines() if line.strip()]
        problem = f"worker jobs end before they come to work ({(lines or ['no output'])[-1]})"
        raise InputError(problem, "Correct 'slurm' in the --cluster file")

    def kill(self) -> None:
        """Cancel the jobs at once; the scheduler ends with this process."""
        cancel_jobs(self.name)
        self._remove_folder()

    def close(self) -> None:
        """Cancel the jobs and end the scheduler."""
        for part in (self._client, self._cluster):
            if part is not None:
                part.close()
        self.kill()

    def _remove_folder(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        with suppress(OSError):
            self.folder.parent.rmdir()


def cancel_orphans(parent: Path) -> None:
    """Cancel the jobs of clients that were killed, and wait until they have ended."""
    for folder in sorted(parent.glob(f"{_PREFIX}*")):
        if live_holder(folder / _OWNER):
            continue
        cancel_jobs(folder.name)
        end = time.monotonic() + _END_S
        while _may_be_active(folder.name) and time.monotonic() < end:
            time.sleep(0.5)
        shutil.rmtree(folder, ignore_errors=True)


def _may_be_active(name: str) -> bool:
    try:
        return bool(active_jobs(name))
    except SlurmError:
        # It may have been asked too often, or be restarted.
        return True
