"""``smartms status``: how far a run has come, and what its units took."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from smartms_img.cli.console import duration, print_table, say
from smartms_img.config import load_study
from smartms_img.execution.dataset import CONFIG_FILE, check_output
from smartms_img.execution.needs import Needs, Usage, learn, time_left_s
from smartms_img.execution.plan_file import read_plan
from smartms_img.execution.recipe import RecipeBook
from smartms_img.execution.state import UNSETTLED, UnitState, count_states, unit_states
from smartms_img.io.ledger import done_attempts
from smartms_img.naming import UnitKind

_WATCH_S = 5.0


def status(
    out: Annotated[Path, typer.Argument(help="Output directory of 'smartms run'.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Print what has changed until all is settled.")
    ] = False,
    resources: Annotated[
        bool, typer.Option("--resources", help="Print what units took, and what to give them.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print only the counts.")] = False,
) -> None:
    """Show each unit: done, running, failed (cause), blocked (reason), pending, excluded.

    Example: smartms status /data/derivatives/smartms
    """
    if resources and watch:
        raise typer.BadParameter("--resources and --watch do not go together")
    if resources:
        usage = _usage(out)
        _print_resources_json(usage) if as_json else _print_resources(usage)
        return
    shown: list[UnitState] = []
    while True:
        states = derive_states(out)
        changed = [state for state in states if state not in shown]
        if changed or not shown:
            _print_states(out, states, changed, as_json=as_json, one_line=watch, quiet=quiet)
            if watch and not any(state.state == "running" for state in states):
                say("nothing runs at the moment", error=True)
        shown = states
        if not watch or not any(state.state in UNSETTLED for state in states):
            return
        time.sleep(_WATCH_S)


def derive_states(out: Path) -> list[UnitState]:
    """Return the state of every unit of an output directory, in the order of the plan.

    Raises
    ------
    InputError
        If the folder is no output directory of smartms.
    """
    check_output(out)
    units = read_plan(out)
    book = RecipeBook(out, load_study(out / CONFIG_FILE))
    return list(unit_states(units, out, book).values())


def _usage(out: Path) -> dict[UnitKind, Usage]:
    check_output(out)
    return learn(read_plan(out), done_attempts(out))


def _print_states(
    out: Path,
    states: Sequence[UnitState],
    changed: Sequence[UnitState],
    *,
    as_json: bool,
    one_line: bool,
    quiet: bool,
) -> None:
    counts = count_states(states)
    left_s = _left_s(out, states)
    if as_json:
        content: dict[str, Any] = {"counts": counts, "left_s": left_s}
        content["units"] = [state.as_dict() for state in changed]
        typer.echo(json.dumps(content, indent=None if one_line else 2))
        return
    if not quiet:
        rows = [[state.unit, state.state, state.cause, state.reason] for state in changed]
        print_table(["unit", "state", "cause", "reason"], rows)
    line = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    say(line if left_s is None else f"{line}; about {duration(left_s)} left")


def _left_s(out: Path, states: Sequence[UnitState]) -> int | None:
    """Return the expected time in s at the present pace; None while nothing runs."""
    unsettled = {state.unit for state in states if state.state in UNSETTLED}
    running = sum(state.state == "running" for state in states)
    if not running:
        return None
    waiting = [unit for unit in read_plan(out) if unit.id in unsettled]
    return round(time_left_s(waiting, Needs({}, _usage(out)).unit_seconds, {}, running))


def _print_resources(usage: Mapping[UnitKind, Usage]) -> None:
    header = ["kind", "done", "memory_gb", "usual_s", "longest_s", "cpu_s"]
    print_table(
        header,
        [
            [
                kind.value,
                str(taken.count),
                f"{taken.memory_gb:.2f}",
                f"{taken.usual_s:.0f}",
                f"{taken.longest_s:.0f}",
                f"{taken.cpu_s:.0f}",
            ]
            for kind, taken in usage.items()
        ],
    )
    if not usage:
        return
    say("# For the --cluster file; 'longest_unit_minutes' belongs below 'slurm':")
    say("unit_memory_gb:")
    for kind, taken in usage.items():
        say(f"  {kind.value}: {taken.suggested_memory_gb:g}")
    say(f"longest_unit_minutes: {max(taken.suggested_minutes for taken in usage.values())}")


def _print_resources_json(usage: Mapping[UnitKind, Usage]) -> None:
    content = {
        kind.value: {
            "done": taken.count,
            "memory_gb": round(taken.memory_gb, 3),
            "usual_s": round(taken.usual_s, 1),
            "longest_s": round(taken.longest_s, 1),
            "cpu_s": round(taken.cpu_s, 1),
            "suggested_memory_gb": taken.suggested_memory_gb,
            "suggested_minutes": taken.suggested_minutes,
        }
        for kind, taken in usage.items()
    }
    typer.echo(json.dumps(content, indent=2))
