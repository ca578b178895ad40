"""Launchers: where the child processes of units run. All run the same command line."""

from __future__ import annotations

import logging
import warnings
from collections import deque
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Protocol

from smartms_img.execution.child import ChildExit, Children, Job, supervise

# What Dask remembers of itself grows for an hour before it forgets the oldest, and nobody asks.
_QUIET = {
    "distributed.admin.log-length": 100,
    "distributed.admin.low-level-log-length": 100,
    "distributed.admin.system-monitor.log-length": 120,
    # A server that looks at its clock 50 times a second takes a tenth of a core from the units.
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "10s",
    "distributed.worker.profile.enabled": False,
}
SCHEDULER_SETTINGS = {
    **_QUIET,
    "distributed.scheduler.allowed-failures": 0,
    "distributed.scheduler.work-stealing": False,
    "distributed.scheduler.worker-ttl": "24h",
}
WORKER_SETTINGS = {
    **_QUIET,
    "distributed.worker.http.routes": [],
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": False,
}
_DASK_SETTINGS = SCHEDULER_SETTINGS | WORKER_SETTINGS | {"distributed.scheduler.http.routes": []}
LOOPBACK = "127.0.0.1:0"


def _not_a_timeout(record: logging.LogRecord) -> bool:
    """Drop the time-outs of Dask's batched streams, left unread when their loop ends."""
    return not (record.exc_info and isinstance(record.exc_info[1], TimeoutError))


# Dask pickles the arguments of a task, even on its way to a thread of the same process: a task
# finds the children of its launcher by name.
_CHILDREN: dict[int, Children] = {}


def supervise_task(job: Job, launcher: int) -> ChildExit | None:
    """Run a child to its end, as a task of :class:`DaskLauncher`."""
    return supervise(job, _CHILDREN[launcher])


class Launcher(Protocol):
    """Runs jobs, at most :attr:`slots` side by side."""

    slots: int

    def start(self, job: Job) -> None:
        """Start a job, or queue it to be started by :meth:`wait`."""

    def wait(self) -> ChildExit:
        """Block until one of the started jobs has ended."""

    def kill(self) -> None:
        """Kill every child at once, and start no other."""

    def close(self) -> None:
        """Kill whatever still runs and give everything back."""


class InProcessLauncher:
    """One child process after another, supervised by this very thread."""

    slots = 1

    def __init__(self) -> None:
        self._jobs: deque[Job] = deque()
        self._children = Children()

    def start(self, job: Job) -> None:
        """Queue a job."""
        self._jobs.append(job)

    def wait(self) -> ChildExit:
        """Run the oldest job to its end."""
        ended = supervise(self._jobs.popleft(), self._children)
        if ended is None:
            raise RuntimeError("the launcher is closed")
        return ended

    def kill(self) -> None:
        """Kill the child."""
        self._children.end_all()

    def close(self) -> None:
        """Kill the child."""
        self.kill()


class DaskLauncher:
    """A local Dask cluster whose tasks each supervise one child process.

    Workers are threads of this process: a task only listens to its child, so nothing holds the
    interpreter lock, nothing listens beyond loopback, and the children are this process's own.

    Parameters
    ----------
    slots : int
        Units side by side: workers of one thread each.
    scratch : Path
        Folder for Dask's own files.
    """

    def __init__(self, slots: int, scratch: Path) -> None:
        self.slots = slots
        self._scratch = scratch
        self._children = _CHILDREN[id(self)] = Children()
        self._ended: SimpleQueue[Any] = SimpleQueue()
        self._client: Any = None

    def start(self, job: Job) -> None:
        """Submit a job; the cluster starts with the first."""
        if self._client is None:
            self._client = self._connect()
        future = self._client.submit(
            supervise_task, job, id(self), key=("unit", job.unit), pure=False, retries=0
        )
        future.add_done_callback(self._ended.put)

    def wait(self) -> ChildExit:
        """Return the next result, and let go of its future."""
        future = self._ended.get()
        ended: ChildExit = future.result()
        future.release()
        return ended

    def kill(self) -> None:
        """Kill the children; the cluster, which is threads of this process, ends with it."""
        self._children.end_all()

    def close(self) -> None:
        """Kill the children, then end the cluster."""
        self.kill()
        if self._client is not None:
            self._client.close()
            self._client.cluster.close()
            self._client = None
        _CHILDREN.pop(id(self), None)

    def _connect(self) -> Any:
        # Dask takes a second to import, and most commands never need it.
        import dask  # noqa: PLC0415
        from distributed import Client, LocalCluster  # noqa: PLC0415

        dask.config.set(_DASK_SETTINGS | {"temporary-directory": str(self._scratch)})
        logging.getLogger("asyncio").addFilter(_not_a_timeout)
        # Dask asks how the machine is reached from elsewhere; without a network it need not be.
        warnings.filterwarnings("ignore", "Couldn't detect a suitable IP", RuntimeWarning)
        cluster = LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=self.slots,
            threads_per_worker=1,
            processes=False,
            # None would not turn the servers off but open them to the network.
            dashboard_address=LOOPBACK,
            worker_dashboard_address=LOOPBACK,
            scheduler_kwargs={"dashboard": False},
            memory_limit=None,
            local_directory=str(self._scratch),
            silence_logs=logging.CRITICAL,
        )
        return Client(cluster)  # type: ignore[no-untyped-call]
