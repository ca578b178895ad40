"""``smartms lock``, ``verify``, ``unlock`` and ``lock-diff``: an output that stays as it is."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smartms_img.cli.console import Counter, print_table, say
from smartms_img.cli.finish import (
    outdated_files,
    outdated_units,
    read_evidence,
    refuse_lost_ratings,
)
from smartms_img.config import load_study
from smartms_img.errors import ExitCode, InputError
from smartms_img.execution.dataset import CONFIG_FILE, check_output
from smartms_img.execution.lease import live_lease
from smartms_img.io.atomic import sha256
from smartms_img.io.lock import (
    is_locked,
    kept_locks,
    lock_output,
    read_kept,
    refuse_locked,
    unlock_output,
    verify_output,
)
from smartms_img.io.lock_manifest import Difference
from smartms_img.io.ratings import RATINGS_FILE, RatingsLog, ratings_problem

if TYPE_CHECKING:
    from smartms_img.io.results import UnitResult
    from smartms_img.tables.lock_difference import LockDifference

Out = Annotated[Path, typer.Argument(help="Output directory of 'smartms run'.")]


def lock(
    out: Out,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing.")] = False,
) -> None:
    """Freeze an output: write lock.json, and refuse to run or to write tables from then on.

    lock.json has size and SHA-256 of every file below OUT but work/, logs/, what is being written,
    and the files of the lock. Keep the digest that is printed elsewhere: 'verify' prints it too.

    Example: smartms lock /data/derivatives/smartms
    """
    check_output(out)
    refuse_locked(out)
    _refuse_running(out)
    _refuse_outdated(out)
    with Counter("Reading files", quiet=quiet) as counter:
        manifest = lock_output(out, counter.step)
    if not quiet:
        say(f"lock {manifest.number}: {len(manifest.files)} files, digest {manifest.digest}")


def verify(
    out: Out,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print only what differs.")] = False,
) -> None:
    """Name every file that is changed, missing or new since the lock.

    The ratings of readers are a chain of its own, which is also checked where nothing is locked.

    Exit code 0: nothing is. 3: something is, one line each. 2: not locked, or no whole lock.json.

    Example: smartms verify /data/derivatives/smartms
    """
    check_output(out)
    broken = _broken_ratings(out)
    if not is_locked(out):
        _report(broken)
        if (out / RATINGS_FILE).exists() and not quiet:
            say(f"{len(RatingsLog(out).read())} ratings, each follows from the one before it")
    with Counter("Reading files", quiet=quiet) as counter:
        manifest, found = verify_output(out, counter.step)
    _report([*broken, *found])
    if not quiet:
        count = len(manifest.files)
        say(
            f"nothing changed since lock {manifest.number} of {manifest.time}: "
            f"{count} files, digest {manifest.digest}"
        )


def unlock(
    out: Out,
    reason: Annotated[str, typer.Option(help="Why, in one line; it stays in the history.")],
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing.")] = False,
) -> None:
    """Open a locked output again; lock_history.jsonl keeps when and why, and not who.

    Example: smartms unlock /data/derivatives/smartms --reason 'late scans of two subjects'
    """
    check_output(out)
    for difference in unlock_output(out, reason):
        detail = f": {difference.detail}" if difference.detail else ""
        say(f"warning: {difference.file} was {difference.what} before{detail}", error=True)
    if not quiet:
        say(f"{out.name} is unlocked")


def lock_diff(
    out: Out,
    first: Annotated[
        int | None, typer.Argument(help="Number of the earlier lock; default: the last but one.")
    ] = None,
    second: Annotated[
        int | None, typer.Argument(help="Number of the later lock; default: the last one.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print only the summary.")] = False,
) -> None:
    """Show which rows of the endpoint table moved between two locks, by how much, and why.

    Why: input, configuration, method, QC decision, baseline (only BASE and CHG), visit days, not
    measured, new row, row is gone; 'other' is what the tables do not tell, as package versions.

    Example: smartms lock-diff /data/derivatives/smartms 1 2
    """
    # pandas takes seconds to import.
    from smartms_img.tables.lock_difference import compare_tables  # noqa: PLC0415

    check_output(out)
    numbers = _two_locks(kept_locks(out), first, second)
    (earlier, before), (later, after) = (read_kept(out, number) for number in numbers)
    difference = compare_tables(_rows(before), _rows(after))
    if not quiet:
        _print_difference(difference)
    say(
        f"lock {earlier.number} ({earlier.time}) to lock {later.number} ({later.time}): "
        f"{difference.summary()}"
    )


def _broken_ratings(out: Path) -> list[Difference]:
    problem = ratings_problem(out)
    try:
        if not problem:
            refuse_lost_ratings(out, RatingsLog(out).read())
    except InputError as error:
        problem = error.problem
    return [Difference("changed", RATINGS_FILE, problem)] if problem else []


def _report(found: Sequence[Difference]) -> None:
    """Print what differs, and end with its exit code; nothing happens if nothing does."""
    if found:
        rows = [[difference.what, difference.file, difference.detail] for difference in found]
        print_table(["what", "file", "detail"], rows)
        raise typer.Exit(ExitCode.SOME_UNITS_FAILED)


def _refuse_running(out: Path) -> None:
    units = sorted(path.parent.name for path in out.glob("ledger/*/lease.json"))
    if running := [unit for unit in units if live_lease(out, unit)]:
        raise InputError(f"{running[0]} is running", "Wait until it has ended", file=out.name)


def _refuse_outdated(out: Path) -> None:
    study = load_study(out / CONFIG_FILE)
    found = read_evidence(out, study)
    _refuse_damaged(out, found.results.values())
    if names := outdated_files(out, study, found):
        problem = f"not what the derivatives give now: {', '.join(names)}"
        remedy = f"Run 'smartms tables {out.name}', and remove what it does not write"
        if left_out := outdated_units(found.results):
            problem = f"{problem}; {'; '.join(left_out)}"
            remedy = "Run 'smartms run' again"
        raise InputError(problem, remedy, file=out.name)


def _refuse_damaged(out: Path, results: Iterable[UnitResult]) -> None:
    """Refuse an output in which a file of a unit that is done is gone, or another."""
    for result in results:
        written = result.attempt.outputs if result.standing == "done" and result.attempt else {}
        for name, digest in written.items():
            if not (out / name).is_file() or sha256(out / name) != digest:
                problem = f"{result.row.unit}: is not as the unit wrote it"
                raise InputError(problem, "Run 'smartms run' again", file=name)


def _two_locks(known: list[int], first: int | None, second: int | None) -> tuple[int, int]:
    if len(known) < 2:
        raise InputError(f"{len(known)} of two locks there", "Lock again after a change")
    if first is None:
        return known[-2], known[-1]
    if second is None:
        raise typer.BadParameter("give both locks or neither")
    for number in (first, second):
        if number not in known:
            listed = ", ".join(map(str, known))
            raise InputError(f"there is no lock {number}", f"Known are: {listed}")
    return first, second


def _rows(text: str) -> list[dict[str, str]]:
    lines = csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    return list(lines)


def _print_difference(difference: LockDifference) -> None:
    # pandas takes seconds to import.
    from smartms_img.tables.columns import KEY  # noqa: PLC0415

    header = [*KEY, "AVALU", "before", "after", "difference", "CHG before", "CHG after"]
    header += ["columns", "why", "QCREAS"]
    print_table(
        header,
        [
            [
                *row.key,
                *(row.unit, row.before, row.after, row.difference),
                *(row.chg_before, row.chg_after),
                *(" ".join(row.columns), "; ".join(row.causes), row.reason),
            ]
            for row in difference.rows
        ],
    )
