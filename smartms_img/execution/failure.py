"""What became of a child process: the ledger's word, or, where it could not write, ours."""

from __future__ import annotations

import signal
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from smartms_img.execution.child import ChildExit
from smartms_img.execution.lease import live_lease, release_dead
from smartms_img.execution.plan_file import row_hash
from smartms_img.execution.state import UnitState
from smartms_img.execution.units import Unit
from smartms_img.execution.versions import versions
from smartms_img.io.atomic import write_text
from smartms_img.io.ledger import Attempt, Cause, latest_attempt, unit_folder, write_attempt

BUSY_EXIT_CODE = 75
_LOG_LINES = 25


@dataclass(frozen=True)
class Started:
    """A child that has been started: its unit, the number of the attempt, when, and the seed."""

    unit: Unit
    number: int
    at: datetime
    seed: int


def settle_exit(started: Started, ended: ChildExit, out: Path) -> UnitState:
    """Return the state of a unit whose child has ended; see to its ledger and failure.md."""
    unit = started.unit
    note = unit_folder(out, unit.id) / "failure.md"
    if ended.code == BUSY_EXIT_CODE:
        holder = live_lease(out, unit.id)
        whom = f"process {holder.pid} on {holder.host}" if holder else "another process"
        return UnitState(unit.id, "running", reason=whom)
    release_dead(out, unit.id)
    attempt = latest_attempt(out, unit.id)
    if attempt is None or attempt.number < started.number:
        attempt = _attempt_for_the_dead(started, ended, out)
        write_attempt(out, attempt)
    if attempt.state == "done":
        note.unlink(missing_ok=True)
        return UnitState(unit.id, "done")
    write_text(note, _failure_text(attempt, unit, out))
    return UnitState(unit.id, "failed", attempt.cause, attempt.reason)


def _attempt_for_the_dead(started: Started, ended: ChildExit, out: Path) -> Attempt:
    cause, reason = _explain(ended, out)
    return Attempt(
        unit=started.unit.id,
        number=started.number,
        state="failed",
        cause=cause,
        reason=reason,
        host=ended.host or socket.gethostname(),
        pid=ended.pid,
        started=started.at.isoformat(timespec="milliseconds"),
        ended=datetime.now(UTC).isoformat(timespec="milliseconds"),
        exit_code=ended.code,
        max_rss_mb=ended.max_rss_mb,
        cpu_s=ended.cpu_s,
        seed=started.seed,
        versions=versions(),
        row_hash=row_hash(started.unit),
        config_sha256="",
        method_version="",
        inputs={},
        outputs={},
        job_id=ended.job_id,
    )


def _explain(ended: ChildExit, out: Path) -> tuple[Cause, str]:
    if ended.cause:
        return ended.cause, ended.reason
    if ended.code == -signal.SIGKILL:
        return "killed", "killed (SIGKILL, perhaps out of memory)"
    if ended.code < 0:
        return "killed", f"killed ({signal.Signals(-ended.code).name})"
    last = next((line for line in reversed(_log_lines(out, ended.unit)) if line.strip()), "")
    reason = f"ended with exit code {ended.code}" + (f": {last.strip()}" if last else "")
    return "python-error", reason


def _failure_text(attempt: Attempt, unit: Unit, out: Path) -> str:
    tail = "\n".join(_log_lines(out, unit.id)[-_LOG_LINES:])
    return f"""# {unit.id} failed

* Cause: {attempt.cause}
* Reason: {attempt.reason}
* Attempt {attempt.number} on {attempt.host}, {attempt.ended}, peak memory {attempt.max_rss_mb} MiB
* Log: `logs/{unit.id}.log`

## Run it again

    smartms run BIDS OUT participant --config OUT/smartms_config.yaml \\
        --participant-label {unit.subject} --only failed

## Last lines of the log

```
{tail}
```
"""


def _log_lines(out: Path, unit_id: str) -> list[str]:
    log = out / "logs" / f"{unit_id}.log"
    return log.read_text(encoding="utf-8").splitlines() if log.is_file() else []
