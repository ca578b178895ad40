"""``smartms run``: from a BIDS dataset to derivatives, tables and report."""

from __future__ import annotations

import math
import os
import shlex
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import typer

from smartms_img.cli.console import Counter, duration, say
from smartms_img.cli.finish import rejections, write_results
from smartms_img.config import (
    ClusterConfig,
    StudyConfig,
    default_study,
    load_cluster,
    load_study,
)
from smartms_img.errors import INTERRUPTED, ExitCode
from smartms_img.execution.engine import Engine, Keep, Outcome
from smartms_img.execution.places import check_places
from smartms_img.execution.schedule import Ended
from smartms_img.execution.select import Selection
from smartms_img.execution.units import Unit
from smartms_img.io.lock import refuse_locked
from smartms_img.naming import UnitKind


class Level(StrEnum):
    """Analysis levels of a BIDS App."""

    PARTICIPANT = "participant"
    GROUP = "group"


class Only(StrEnum):
    """States that a run can be restricted to."""

    FAILED = "failed"


@dataclass(frozen=True)
class RunRequest:
    """What a user asked ``smartms run`` for."""

    bids: Path
    out: Path
    level: Level = Level.PARTICIPANT
    selection: Selection = field(default_factory=Selection)
    config: StudyConfig = field(default_factory=default_study)
    cluster: ClusterConfig = field(default_factory=lambda: ClusterConfig.model_validate({}))
    work: Path | None = None
    keep: Keep = Keep.FAILED
    slurm_array: Path | None = None
    quiet: bool = False
    show_missing: bool = True


def _finite(value: float | None) -> float | None:
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"{value} is no amount of memory in GB")
    return value


def run(  # noqa: PLR0913, PLR0917 - one argument an option
    bids: Annotated[Path, typer.Argument(help="BIDS dataset.")],
    out: Annotated[Path, typer.Argument(help="Output directory: a BIDS derivative dataset.")],
    level: Annotated[
        Level, typer.Argument(help="'participant': all; 'group': only tables and report.")
    ],
    participant_label: Annotated[
        list[str] | None, typer.Option(help="Run these participants; several may follow.")
    ] = None,
    session_label: Annotated[
        list[str] | None, typer.Option(help="Run these visits; units of whole subjects wait.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="Study configuration.")] = None,
    cluster: Annotated[Path | None, typer.Option(help="Execution configuration.")] = None,
    n_procs: Annotated[int | None, typer.Option(min=1, help="Units side by side.")] = None,
    mem_gb: Annotated[
        float | None, typer.Option(min=0.1, callback=_finite, help="Memory to share out.")
    ] = None,
    work: Annotated[
        Path | None, typer.Option("-w", "--work", help="Scratch folder; default: OUT/work.")
    ] = None,
    keep: Annotated[Keep, typer.Option(help="Units whose scratch files stay.")] = Keep.FAILED,
    only: Annotated[Only | None, typer.Option(help="Run only units in this state.")] = None,
    stop_after: Annotated[UnitKind | None, typer.Option(help="Last step to run.")] = None,
    emit_slurm_array: Annotated[
        Path | None, typer.Option(help="Write SLURM job arrays into this folder; run nothing.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print only what failed.")] = False,
) -> None:
    """Run the pipeline; what is done already is not done again.

    Example: smartms run /data/trial /data/derivatives/smartms participant --n-procs 4
    """
    if emit_slurm_array and level is Level.GROUP:
        raise typer.BadParameter("--emit-slurm-array writes jobs of level 'participant' only")
    settings = load_cluster(cluster) if cluster else ClusterConfig.model_validate({})
    given = {"n_procs": n_procs, "mem_gb": mem_gb}
    flags = {name: value for name, value in given.items() if value is not None}
    request = RunRequest(
        bids=bids,
        out=out,
        level=level,
        selection=Selection(
            subjects=_labels(participant_label, "sub-"),
            sessions=_labels(session_label, "ses-"),
            stop_after=stop_after,
            only_failed=only is Only.FAILED,
        ),
        config=load_study(config) if config else default_study(),
        cluster=settings.model_copy(update=flags),
        work=work,
        keep=keep,
        slurm_array=emit_slurm_array,
        quiet=quiet,
    )
    raise typer.Exit(run_dataset(request))


def run_dataset(request: RunRequest) -> ExitCode:
    """Run a dataset as ``smartms run`` does, with its messages; return its exit code.

    Ctrl-C and SIGTERM kill all children and end this process with exit code 130.

    Raises
    ------
    InputError
        If dataset, output folder or labels are wrong, or the output is locked.
    """
    refuse_locked(request.out)
    places = check_places(request.bids, request.out, request.work)
    engine = Engine(places, request.config, request.cluster, keep=request.keep)
    with _interruptible():
        found = engine.prepare()
        if not request.quiet:
            for finding in found.findings:
                if request.show_missing or finding.level != "missing":
                    say(f"{finding.level}: {finding}")
        if request.slurm_array:
            return _emit_arrays(engine, found.units, request, request.slurm_array.resolve())
        outcome = None
        if request.level is Level.PARTICIPANT:
            outcome = _run_units(engine, found.units, request)
        for line in rejections(write_results(places.out, request.config).decisions):
            say(line)
        return _summarise(outcome, quiet=request.quiet)


def _run_units(engine: Engine, units: Sequence[Unit], request: RunRequest) -> Outcome:
    with Counter("Running units", quiet=request.quiet) as counter:

        def show(event: Ended) -> None:
            state = event.state
            line = f"[{event.position}/{event.total}] {state.unit} {state.state}"
            line += f" in {event.seconds:.0f} s" + (f": {state.reason}" if state.reason else "")
            counter.step(event.position, event.total, line, left=duration(event.left_s))

        def note(line: str) -> None:
            if not request.quiet:
                say(line)

        return engine.run(units, request.selection, show, note)


def _emit_arrays(
    engine: Engine, units: Sequence[Unit], request: RunRequest, folder: Path
) -> ExitCode:
    count = engine.emit_arrays(units, request.selection, folder)
    if not count:
        say("0 units: nothing to submit")
    elif not request.quiet:
        say(f"{count} units; submit them with: bash {shlex.quote(str(folder / 'submit.sh'))}")
    return ExitCode.DONE


def _summarise(outcome: Outcome | None, *, quiet: bool) -> ExitCode:
    if outcome is None:
        return ExitCode.DONE
    for state in outcome.not_done:
        cause = f" ({state.cause})" if state.cause else ""
        say(f"{state.state}: {state.unit}{cause}: {state.reason}", error=True)
    if not quiet:
        done = len(outcome.selected) - len(outcome.not_done)
        earlier = sum(
            outcome.states[name].state == "done" for name in outcome.selected - set(outcome.ran)
        )
        say(f"{done} of {len(outcome.selected)} units done ({earlier} of them earlier)")
    return ExitCode.SOME_UNITS_FAILED if outcome.not_done else ExitCode.DONE


def _labels(values: Sequence[str] | None, prefix: str) -> tuple[str, ...]:
    return tuple(value.removeprefix(prefix) for value in values or ())


@contextmanager
def _interruptible() -> Iterator[None]:
    """Turn SIGTERM into Ctrl-C; end this process at once on either."""
    before = signal.signal(signal.SIGTERM, _raise_interrupt)
    try:
        yield
    except KeyboardInterrupt:
        _leave()
    finally:
        signal.signal(signal.SIGTERM, before)


def _raise_interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _leave() -> NoReturn:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    say("smartms: interrupted; the same command goes on from here", error=True)
    sys.stdout.flush()
    sys.stderr.flush()
    # The children are dead by now; waiting for Dask's threads would only take time.
    os._exit(INTERRUPTED)
