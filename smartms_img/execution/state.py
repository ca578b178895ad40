"""The state of a unit: derived from plan, ledger, leases and files, never stored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Literal, get_args

from smartms_img.execution.lease import live_lease
from smartms_img.execution.recipe import Recipe, RecipeBook
from smartms_img.execution.units import Unit
from smartms_img.io.ledger import Attempt, latest_attempt, outputs_intact
from smartms_img.naming import UnitKind

State = Literal["done", "running", "failed", "blocked", "pending", "excluded"]
STATES: tuple[State, ...] = get_args(State)
UNSETTLED: frozenset[State] = frozenset({"running", "pending"})


@dataclass(frozen=True)
class UnitState:
    """State of one unit; ``cause`` for failed ones, ``reason`` for all that are not done."""

    unit: str
    state: State
    cause: str = ""
    reason: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return the fields as plain JSON content."""
        return asdict(self)


def unit_states(units: Iterable[Unit], out: Path, book: RecipeBook) -> dict[str, UnitState]:
    """Derive the state of every unit of a plan.

    Parameters
    ----------
    units : iterable of Unit
        The plan: a unit comes after those it depends on.
    out : Path
        Output directory.
    book : RecipeBook
        Tells whether outputs are of today's inputs, configuration and method.
    """
    states: dict[str, UnitState] = {}
    attempts: dict[str, Attempt] = {}
    for unit in units:
        states[unit.id] = unit_state(unit, states, out, book, attempts)
    return states


def unit_state(
    unit: Unit,
    states: Mapping[str, UnitState],
    out: Path,
    book: RecipeBook,
    attempts: dict[str, Attempt] | None = None,
) -> UnitState:
    """Derive the state of one unit from its own files and the states of its dependencies.

    Attempts that are read are added to ``attempts``, and those that are there are not read again.
    """
    if unit.status != "runnable":
        return UnitState(unit.id, unit.status, reason=unit.reason)
    if holder := live_lease(out, unit.id):
        return UnitState(unit.id, "running", reason=f"process {holder.pid} on {holder.host}")
    if hindrance := _hindrance(unit, states):
        return hindrance
    attempt = latest_attempt(out, unit.id)
    if attempt is None:
        return UnitState(unit.id, "pending", reason="not run yet")
    if attempt.state == "failed":
        return UnitState(unit.id, "failed", attempt.cause, attempt.reason)
    done = [name for name in unit.depends if states[name].state == "done"]
    intact = partial(outputs_intact, out, attempt, read=book.thorough)
    reason = _why_stale(attempt, lambda: book.recipe(unit, done, attempts), intact)
    if attempts is not None:
        attempts[unit.id] = attempt
    return UnitState(unit.id, "pending" if reason else "done", reason=reason)


def _hindrance(unit: Unit, states: Mapping[str, UnitState]) -> UnitState | None:
    """Return the state that a dependency imposes on a unit, or None."""
    for name in unit.depends:
        if states[name].state in UNSETTLED:
            return UnitState(unit.id, "pending", reason=f"waits for {name}")
        # An eye does without its baseline, a subject without an eye; a pair needs both visits.
        if unit.kind is UnitKind.PAIR and states[name].state != "done":
            verb = "failed" if states[name].state == "failed" else "is blocked"
            reason = f"needs {name}, which {verb}: {states[name].reason}"
            return UnitState(unit.id, "blocked", reason=reason)
    return None


def _why_stale(attempt: Attempt, recipe: Callable[[], Recipe], intact: Callable[[], bool]) -> str:
    try:
        current = recipe().matches(attempt)
    except OSError:
        return "an input cannot be read"
    if not current:
        return "inputs, configuration or method have changed"
    return "" if intact() else "an output is missing or changed"


def count_states(states: Iterable[UnitState]) -> dict[State, int]:
    """Count units by state, in the order of :data:`STATES`."""
    names = [state.state for state in states]
    return {name: names.count(name) for name in STATES}
