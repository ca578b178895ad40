"""The one worker: runs one unit to its end, in this process, and enters it in the ledger."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import socket
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from smartms_img.config import StudyConfig
from smartms_img.errors import InputError, MeasurementError
from smartms_img.execution.lease import current_job, lease
from smartms_img.execution.plan_file import row_hash
from smartms_img.execution.recipe import Recipe, RecipeBook
from smartms_img.execution.scrub import Scrubber
from smartms_img.execution.units import Unit, UnitContext
from smartms_img.execution.versions import versions
from smartms_img.io.atomic import atomic_path, is_disk_full, sha256
from smartms_img.io.ledger import (
    Attempt,
    Cause,
    latest_attempt,
    latest_done,
    next_number,
    write_attempt,
)

Execute = Callable[[Unit, UnitContext], None]


class UnitError(Exception):
    """A unit failed for a known cause."""

    def __init__(self, cause: Cause, reason: str) -> None:
        super().__init__(reason)
        self.cause, self.reason = cause, reason


@dataclass(frozen=True)
class Paths:
    """Dataset, output directory, and the scratch folder of this unit; whether that stays."""

    bids: Path
    out: Path
    work: Path
    keep_work: bool = False


def run_unit(unit: Unit, paths: Paths, config: StudyConfig, execute: Execute) -> Attempt:
    """Run one unit and return the attempt, which is in the ledger by then.

    Outputs are staged and moved to their places last, so that a unit that fails or is killed
    leaves none. Outputs of an earlier attempt are withdrawn before: they no longer count.

    Parameters
    ----------
    unit : Unit
        A runnable row of the plan.
    paths : Paths
        Where to read and write.
    config : StudyConfig
        Study and method.
    execute : callable
        Leaves the outputs below ``context.staging``. Of ``unit.depends`` it sees those that are
        done.

    Raises
    ------
    UnitBusyError
        If another live process works on the unit.
    """
    with lease(paths.out, unit.id):
        started, clock = datetime.now(UTC), time.process_time()
        done = tuple(name for name in unit.depends if _is_done(paths.out, name))
        number = next_number(paths.out, unit.id)
        _withdraw(paths.out, unit.id)
        context = _context(paths, config)
        recipe: Recipe | None = None
        outputs: dict[str, str] = {}
        failure: UnitError | None = None
        try:
            recipe = RecipeBook(paths.out, config, paths.bids).recipe(unit, done)
            execute(replace(unit, depends=done), context)
            outputs = _publish(context.staging, paths.out)
        except Exception as error:
            # Whatever it is, it belongs in the ledger.
            traceback.print_exc()
            failure = _explain(error)
        scrub = Scrubber({"BIDS": paths.bids, "OUT": paths.out, "WORK": paths.work.parent})
        attempt = Attempt(
            unit=unit.id,
            number=number,
            state="failed" if failure else "done",
            cause=failure.cause if failure else "",
            reason=scrub(failure.reason) if failure else "",
            host=socket.gethostname(),
            pid=os.getpid(),
            started=started.isoformat(timespec="milliseconds"),
            ended=datetime.now(UTC).isoformat(timespec="milliseconds"),
            exit_code=1 if failure else 0,
            max_rss_mb=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
            cpu_s=round(time.process_time() - clock, 2),
            seed=config.mri.seed,
            versions=versions(),
            row_hash=row_hash(unit),
            config_sha256=recipe.config_sha256 if recipe else "",
            method_version=recipe.method_version if recipe else "",
            inputs=recipe.inputs if recipe else {},
            outputs=outputs,
            job_id=current_job(),
        )
        write_attempt(paths.out, attempt)
        if failure is None and not paths.keep_work:
            shutil.rmtree(paths.work, ignore_errors=True)
    return attempt


def _is_done(out: Path, unit_id: str) -> bool:
    attempt = latest_attempt(out, unit_id)
    return attempt is not None and attempt.state == "done"


def _withdraw(out: Path, unit_id: str) -> None:
    previous = latest_done(out, unit_id)
    for relative in previous.outputs if previous else ():
        (out / relative).unlink(missing_ok=True)


def _context(paths: Paths, config: StudyConfig) -> UnitContext:
    """Make empty folders below the unit's scratch folder."""
    staging, work = paths.work / "staging", paths.work / "work"
    for folder in (staging, work):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    return UnitContext(paths.bids, paths.out, staging, work, config)


def _publish(staging: Path, out: Path) -> dict[str, str]:
    """Move staged files to their places; return their SHA-256 by path."""
    files = sorted(path for path in staging.rglob("*") if path.is_file())
    if not files:
        raise UnitError("python-error", "the workflow left no output")
    outputs = {path.relative_to(staging).as_posix(): sha256(path) for path in files}
    for relative in outputs:
        _move(staging / relative, out / relative)
    return outputs


def _move(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        source.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        # The scratch folder may lie on another disk, across which nothing moves atomically.
        with atomic_path(target) as temporary:
            shutil.copyfile(source, temporary)


def _explain(error: Exception) -> UnitError:
    if isinstance(error, UnitError):
        return error
    if isinstance(error, InputError):
        return UnitError("bad-input", str(error))
    if isinstance(error, MeasurementError):
        return UnitError("measurement-error", str(error))
    if is_disk_full(error):
        return UnitError("disk-full", "the disk of scratch or output folder is full")
    first = (str(error).strip() or "no message").splitlines()[0]
    return UnitError("python-error", f"{type(error).__name__}: {first}")
