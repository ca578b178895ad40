"""What runs in a worker of a SLURM job: a task supervises one child, as everywhere.

Dask loads this module as a preload of the worker, and calls :func:`dask_teardown` when it ends.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import FrameType

from smartms_img.execution.child import ChildExit, Children, Job, supervise
from smartms_img.execution.lease import current_job, release_dead

_CHILDREN = Children()
_RUNNING: set[str] = set()
_LOCK = threading.Lock()
_GRACE_S = 2.0
_CGROUPS = Path("/sys/fs/cgroup")


def supervise_task(job: Job, scratch: str | None) -> ChildExit | None:
    """Run a child to its end on a compute node.

    Parameters
    ----------
    job : Job
        Job as the client made it.
    scratch : str or None
        Folder of the node for scratch files; variables in it are those of the node.

    Returns
    -------
    ChildExit or None
        None if the worker is ending. With cause 'out-of-memory' if the kernel said so.
    """
    local = _on_this_node(job, scratch)
    if not local.work.is_absolute():
        reason = f"'{scratch}' (local_scratch) is no folder on node {socket.gethostname()}"
        return ChildExit(job.unit, 1, 0, 0.0, 0.0, "bad-input", reason)
    with _LOCK:
        _RUNNING.add(job.unit)
    kills = _memory_kills()
    try:
        ended = supervise(local, _CHILDREN)
    finally:
        # Only this node can tell that the child is dead; others would wait for its heartbeat.
        release_dead(job.out, job.unit)
        if scratch:
            shutil.rmtree(local.work, ignore_errors=True)
            with suppress(OSError):
                local.work.parent.rmdir()
        with _LOCK:
            _RUNNING.discard(job.unit)
    if ended is None:
        return None
    ended = replace(ended, host=socket.gethostname(), job_id=current_job())
    if ended.code == -signal.SIGKILL and _memory_kills() > kills:
        return replace(ended, cause="out-of-memory", reason="killed: it exceeded the memory")
    return ended


def dask_setup(_worker: object) -> None:
    """End this process soon after SLURM has asked for it: Dask's own way may take for ever."""
    before = signal.getsignal(signal.SIGTERM)

    def terminated(number: int, frame: FrameType | None) -> None:
        # A thread, for the one that was interrupted may hold the lock of the children.
        threading.Thread(target=_end_process, daemon=True).start()
        if callable(before):
            before(number, frame)

    signal.signal(signal.SIGTERM, terminated)


def dask_teardown(_worker: object) -> None:
    """End what still runs, as the worker ends: another will do it again."""
    threading.Thread(target=_end_process, daemon=True).start()


def _end_process() -> None:
    """Kill the children, let their tasks release the leases, and end."""
    _CHILDREN.end_all()
    end = time.monotonic() + _GRACE_S
    while _RUNNING and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(_GRACE_S)
    os._exit(1)


def _on_this_node(job: Job, scratch: str | None) -> Job:
    """Return the job with the Python of this worker, and its scratch folder on this node."""
    work = job.work
    if scratch:
        work = Path(os.path.expandvars(scratch)) / f"smartms-{current_job()}" / job.unit
    arguments = [str(work) if word == str(job.work) else word for word in job.command[1:]]
    return replace(job, command=(sys.executable, *arguments), work=work)


def _memory_kills() -> int:
    """Return how often the kernel has killed a process of this job for its memory."""
    try:
        entry = Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines()[-1]
        folder = _CGROUPS / entry.rpartition(":")[2].lstrip("/")
        lines = (folder / "memory.events").read_text(encoding="ascii").splitlines()
    except (OSError, IndexError):
        return 0
    counts = dict(line.split() for line in lines)
    return int(counts.get("oom_kill", 0))
