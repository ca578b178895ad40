"""A lease on a unit: it fences a second live attempt, and tells who is running.

The file is made with O_EXCL and names the process. Its modification time is the heartbeat, which
the supervising process beats: ANTs holds the interpreter lock of the working one for minutes.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from smartms_img.errors import SmartmsError
from smartms_img.io.ledger import unit_folder

FILE = "lease.json"
HEARTBEAT_S = 10.0
# Another host cannot be asked whether the process lives: only its heartbeat tells.
EXPIRES_S = 300.0


class UnitBusyError(SmartmsError):
    """Another live process works on the unit."""


@dataclass(frozen=True)
class Lease:
    """Who works on a unit.

    Attributes
    ----------
    host, pid : str, int
        The process.
    start_ticks : int
        Its start, which tells it from a later one of the same id.
    job : str
        Job of the batch system that it belongs to; empty where there is none.
    namespace : str
        Running system and process namespace: containers may share the name of a host, and each
        count its processes from 1.
    """

    host: str
    pid: int
    start_ticks: int
    job: str = ""
    namespace: str = ""


def lease_file(out: Path, unit_id: str) -> Path:
    """Return the lease file of a unit."""
    return unit_folder(out, unit_id) / FILE


@contextmanager
def lease(out: Path, unit_id: str) -> Iterator[None]:
    """Hold the lease of a unit.

    Raises
    ------
    UnitBusyError
        If another live process holds it.
    """
    path = lease_file(out, unit_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_dead(path)
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    except FileExistsError as error:
        holder = live_lease(out, unit_id)
        whom = f"process {holder.pid} on {holder.host}" if holder else "another process"
        raise UnitBusyError(f"{unit_id} is being worked on by {whom}") from error
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(_claim())
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def live_lease(out: Path, unit_id: str) -> Lease | None:
    """Return the lease of a unit if its holder lives."""
    return live_holder(lease_file(out, unit_id))


def live_holder(path: Path) -> Lease | None:
    """Return who holds a lease file, or one of :func:`claim`, if the holder lives."""
    held = _read(path)
    return held if held and _is_live(path, held) else None


def claim(path: Path) -> None:
    """Write a file by which others see whether this process lives, while it renews its time."""
    path.write_text(_claim(), encoding="utf-8")


def beat(out: Path, unit_id: str) -> None:
    """Renew the heartbeat of a lease, if there is one."""
    with suppress(FileNotFoundError):
        os.utime(lease_file(out, unit_id))


def release_dead(out: Path, unit_id: str) -> None:
    """Remove the lease that a killed process has left behind."""
    _remove_dead(lease_file(out, unit_id))


def release_job(out: Path, unit_id: str, job: str) -> None:
    """Remove the lease that a job has left behind which is known to have ended."""
    path = lease_file(out, unit_id)
    held = _read(path)
    if held and held.job == job:
        _remove(path)


def current_job() -> str:
    """Return the SLURM job that this process belongs to, or nothing."""
    return os.environ.get("SLURM_JOB_ID", "")


def _claim() -> str:
    pid = os.getpid()
    held = Lease(socket.gethostname(), pid, _ticks(pid), current_job(), _namespace())
    return json.dumps(asdict(held))


def _remove_dead(path: Path) -> None:
    held = _read(path)
    if not (_is_live(path, held) if held else _is_fresh(path, HEARTBEAT_S)):
        _remove(path)


def _remove(path: Path) -> None:
    # Renaming first lets only one of several claimants remove it.
    grave = path.with_name(f".{path.name}-{os.getpid()}")
    with suppress(FileNotFoundError):
        path.rename(grave)
        grave.unlink()


def _read(path: Path) -> Lease | None:
    try:
        return Lease(**json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def _is_live(path: Path, held: Lease) -> bool:
    if held.host == socket.gethostname() and held.namespace in {"", _namespace()}:
        return held.start_ticks == _ticks(held.pid)
    return _is_fresh(path, EXPIRES_S)


def _is_fresh(path: Path, seconds: float) -> bool:
    """Tell whether a file was written or renewed so lately: a full disk leaves an empty lease."""
    try:
        return time.time() - path.stat().st_mtime < seconds
    except FileNotFoundError:
        return False


@cache
def _namespace() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _ticks(pid: int) -> int:
    """Return the start time of a process in clock ticks since boot, -1 if it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return -1
    # The name of the program, in brackets, may hold spaces; field 3 follows it.
    fields = text.rpartition(")")[2].split()
    return -1 if fields[0] == "Z" else int(fields[19])
