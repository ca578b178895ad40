"""The ledger: one small JSON file an attempt; the state of a unit is derived from it."""

from __future__ import annotations

import os
import re
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from smartms_img.io.atomic import sha256, write_json

DERIVATIVE_PREFIX = "bids::"
"""Marks an input that is an output of another unit."""

_ATTEMPT = re.compile(r"attempt-\d{4}\.json")
_NO_TIME = "1970-01-01T00:00:00+00:00"

Cause = Literal[
    "",
    "bad-input",
    "measurement-error",
    "python-error",
    "killed",
    "out-of-memory",
    "walltime",
    "preempted",
    "node-lost",
    "lost",
    "damaged-record",
    "disk-full",
]


@dataclass(frozen=True)
class Attempt:
    """One attempt at one unit.

    Attributes
    ----------
    unit, number : str, int
        Unit id, and the count of its attempts so far, from 1.
    state : {'done', 'failed'}
        How it ended.
    cause, reason : str
        Kind of failure and one line for the user; empty when done.
    host, pid : str, int
        Where it ran.
    started, ended : str
        UTC, ISO 8601.
    exit_code : int
        Exit code of the process; minus the signal's number where a signal ended it.
    max_rss_mb, cpu_s : float
        Peak resident memory in MiB, and processor time in seconds.
    seed : int
        Random seed of ANTs.
    versions : dict of str to str
        Versions of smartms and of what computes the numbers.
    row_hash, config_sha256, method_version : str
        Digest of the plan row, digest of the part of the configuration that the unit reads, and
        version of its method.
    inputs : dict of str to str
        SHA-256 by input: raw files relative to the dataset; outputs of other units as
        ``bids::<path relative to the output directory>``; table cells as ``<table>#<row>``.
    outputs : dict of str to str
        SHA-256 by file, relative to the output directory.
    job_id : str
        Job of the batch system that it ran in; empty where there was none.
    """

    unit: str
    number: int
    state: Literal["done", "failed"]
    cause: Cause
    reason: str
    host: str
    pid: int
    started: str
    ended: str
    exit_code: int
    max_rss_mb: float
    cpu_s: float
    seed: int
    versions: dict[str, str]
    row_hash: str
    config_sha256: str
    method_version: str
    inputs: dict[str, str]
    outputs: dict[str, str]
    job_id: str = ""

    @property
    def seconds(self) -> float:
        """Wall-clock time of the attempt."""
        span = datetime.fromisoformat(self.ended) - datetime.fromisoformat(self.started)
        return span.total_seconds()


_ATTEMPTS = TypeAdapter(Attempt)


def attempt_name(attempt: Attempt) -> tuple[str, str]:
    """Return the folder and the name of an attempt's file."""
    return attempt.unit, f"attempt-{attempt.number:04d}.json"


def unit_folder(out: Path, unit_id: str) -> Path:
    """Return the ledger folder of a unit."""
    return out / "ledger" / unit_id


def attempt_files(out: Path, unit_id: str) -> list[Path]:
    """Return the attempts of a unit, oldest first."""
    folder = unit_folder(out, unit_id)
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries]
    except FileNotFoundError:
        return []
    return [folder / name for name in sorted(names) if _ATTEMPT.fullmatch(name)]


def latest_attempt(out: Path, unit_id: str) -> Attempt | None:
    """Return the last attempt at a unit, or None if there was none.

    One whose file is damaged has failed, with the cause 'damaged-record'.
    """
    files = attempt_files(out, unit_id)
    return _read(files[-1]) if files else None


def latest_done(out: Path, unit_id: str) -> Attempt | None:
    """Return the last attempt at a unit that succeeded, or None."""
    attempts = (_read(file) for file in reversed(attempt_files(out, unit_id)))
    return next((attempt for attempt in attempts if attempt.state == "done"), None)


def next_number(out: Path, unit_id: str) -> int:
    """Return the number of the next attempt at a unit."""
    files = attempt_files(out, unit_id)
    return int(files[-1].stem.removeprefix("attempt-")) + 1 if files else 1


def write_attempt(out: Path, attempt: Attempt) -> None:
    """Write an attempt atomically."""
    unit, name = attempt_name(attempt)
    content = asdict(attempt)
    if not attempt.job_id:
        del content["job_id"]
    write_json(unit_folder(out, unit) / name, content)


def done_attempts(out: Path) -> list[Attempt]:
    """Return the last attempt that succeeded, of every unit that has one."""
    folders = sorted(path for path in (out / "ledger").glob("*") if path.is_dir())
    attempts = (latest_done(out, folder.name) for folder in folders)
    return [attempt for attempt in attempts if attempt is not None]


def outputs_intact(out: Path, attempt: Attempt, *, read: bool = True) -> bool:
    """Tell whether every output of an attempt is there with the content it had.

    With ``read=False`` a file that has not changed its inode since the attempt ended is believed
    to be as it was, which saves reading it.
    """
    files = {out / relative: digest for relative, digest in attempt.outputs.items()}
    if not all(path.is_file() for path in files):
        return False
    ended = unit_folder(out, attempt.unit) / attempt_name(attempt)[1]
    limit = -1 if read else ended.stat().st_mtime_ns
    return all(
        path.stat().st_ctime_ns <= limit or sha256(path) == digest
        for path, digest in files.items()
    )


def _read(path: Path) -> Attempt:
    try:
        attempt = _ATTEMPTS.validate_json(path.read_bytes(), strict=True)
        if attempt_name(attempt) == (path.parent.name, path.name) and attempt.seconds >= 0:
            return attempt
    except (ValueError, TypeError, OSError):
        pass
    return _damaged(path)


def _damaged(path: Path) -> Attempt:
    """Return what a file that cannot be read stands for: an attempt that counts for nothing."""
    return Attempt(
        unit=path.parent.name,
        number=int(path.stem.removeprefix("attempt-")),
        state="failed",
        cause="damaged-record",
        reason=f"its record {path.name} in the ledger is damaged; it has to run again",
        host="",
        pid=0,
        started=_NO_TIME,
        ended=_NO_TIME,
        exit_code=1,
        max_rss_mb=0.0,
        cpu_s=0.0,
        seed=0,
        versions={},
        row_hash="",
        config_sha256="",
        method_version="",
        inputs={},
        outputs={},
    )
