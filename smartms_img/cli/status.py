"""``smartms status``: how far a run has come."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from smartms_img.cli.console import print_table, say
from smartms_img.config import load_study
from smartms_img.execution.dataset import CONFIG_FILE, check_output
from smartms_img.execution.plan_file import read_plan
from smartms_img.execution.recipe import RecipeBook
from smartms_img.execution.state import UnitState, count_states, unit_states


def status(
    out: Annotated[Path, typer.Argument(help="Output directory of 'smartms run'.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print only the counts.")] = False,
) -> None:
    """Show each unit: done, running, failed (cause), blocked (reason), pending, excluded.

    Example: smartms status /data/derivatives/smartms
    """
    states = derive_states(out)
    counts = count_states(states)
    if as_json:
        content = {"counts": counts, "units": [state.as_dict() for state in states]}
        typer.echo(json.dumps(content, indent=2))
        return
    if not quiet:
        rows = [[state.unit, state.state, state.cause, state.reason] for state in states]
        print_table(["unit", "state", "cause", "reason"], rows)
    say(", ".join(f"{count} {name}" for name, count in counts.items() if count))


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
