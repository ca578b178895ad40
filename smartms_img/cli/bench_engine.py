"""``smartms bench engine``: what the engine costs, with units that measure nothing."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from smartms_img.cli.console import Counter, check_folder, print_table, say
from smartms_img.cli.status import derive_states
from smartms_img.config import ClusterConfig, StudyConfig, default_study
from smartms_img.errors import InputError
from smartms_img.execution.engine import Engine
from smartms_img.execution.idle import COMMAND, write_empty_dataset
from smartms_img.execution.needs import UNIT_MEMORY_GB
from smartms_img.execution.places import check_places
from smartms_img.execution.schedule import Ended
from smartms_img.execution.select import Selection

Result = TypeVar("Result")
Row = tuple[str, str]
_STARTS = 40
_MIB = 2**20


def engine(
    out: Annotated[Path, typer.Argument(help="Empty folder for everything.")],
    units: Annotated[int, typer.Option(min=10, help="Units to run.")] = 2000,
    workers: Annotated[int, typer.Option(min=1, help="Units side by side.")] = 2,
    planned: Annotated[int, typer.Option(min=10, help="Units to plan, and to look at.")] = 10000,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print only the result.")] = False,
) -> None:
    """Time planning, running and status of units that measure nothing.

    Example: smartms bench engine bench --units 200
    """
    check_folder(out)
    if out.is_dir() and any(out.iterdir()):
        raise InputError("is not empty", "Give a new folder", file=out.name)
    study = default_study()
    rows = _plan(out / "large", study, planned)
    rows += _run(out / "small", study, units, workers, quiet=quiet)
    print_table(["what", "value"], rows)


def _make(folder: Path, study: StudyConfig, units: int, workers: int) -> Engine:
    """Write a dataset of so many units, rounded up to whole subjects."""
    write_empty_dataset(folder / "bids", study, subjects=-(-units // _units_a_subject(study)))
    tiny = dict.fromkeys(UNIT_MEMORY_GB, 0.1)
    cluster = ClusterConfig.model_validate({"n_procs": workers, "unit_memory_gb": tiny})
    return Engine(check_places(folder / "bids", folder / "out"), study, cluster, COMMAND)


def _units_a_subject(study: StudyConfig) -> int:
    visits, scans = len(study.visits), len(study.oct.eyes) * len(study.oct.scans)
    return visits + (visits - 1) + visits * scans + 1


def _plan(folder: Path, study: StudyConfig, units: int) -> list[Row]:
    made = _make(folder, study, units, 1)
    survey, seconds = _timed(made.prepare)
    rows = [(f"plan {len(survey.units)} units, s", f"{seconds:.2f}")]
    states, seconds = _timed(lambda: derive_states(made.places.out))
    return [*rows, (f"status of {len(states)} units, none run, s", f"{seconds:.2f}")]


def _run(folder: Path, study: StudyConfig, units: int, workers: int, *, quiet: bool) -> list[Row]:
    made = _make(folder, study, units, workers)
    plan = made.prepare().units
    start_s = _start_s(workers)
    memory: list[float] = []
    with Counter("Running units", quiet=quiet) as counter:

        def show(event: Ended) -> None:
            memory.append(_resident_mib())
            counter.step(event.position, event.total)

        outcome, seconds = _timed(lambda: made.run(plan, Selection(), show))
    if outcome.not_done:
        say(f"{len(outcome.not_done)} units are not done", error=True)
        raise typer.Exit(1)
    each_s = seconds * workers / len(outcome.ran)
    tenth = len(memory) // 10
    _, again_s = _timed(lambda: made.run(plan, Selection(), show))
    states, status_s = _timed(lambda: derive_states(made.places.out))
    return [
        ("start of a process, s", f"{start_s:.3f}"),
        (f"run {len(outcome.ran)} units on {workers} workers, s", f"{seconds:.1f}"),
        ("a unit, above the start of its process, s", f"{each_s - start_s:.3f}"),
        ("memory after a tenth and after all, MiB", f"{memory[tenth]:.0f}, {memory[-1]:.0f}"),
        ("run again, nothing to do, s", f"{again_s:.2f}"),
        (f"status of {len(states)} units, all done, s", f"{status_s:.2f}"),
    ]


def _start_s(workers: int) -> float:
    """Return the time that a process takes to start and end, as many side by side as units."""

    def start(_number: int) -> float:
        return _timed(lambda: subprocess.run(COMMAND, check=True))[1]

    with ThreadPoolExecutor(workers) as pool:
        return sum(pool.map(start, range(_STARTS))) / _STARTS


def _timed(work: Callable[[], Result]) -> tuple[Result, float]:
    begin = time.perf_counter()
    result = work()
    return result, time.perf_counter() - begin


def _resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 / _MIB
