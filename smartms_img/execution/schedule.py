"""Run units in the order of their dependencies, as many side by side as fit."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from smartms_img.execution.child import ChildExit, Job
from smartms_img.execution.failure import Started, settle_exit
from smartms_img.execution.launchers import Launcher
from smartms_img.execution.recipe import RecipeBook
from smartms_img.execution.retry import Retries
from smartms_img.execution.state import UNSETTLED, UnitState, unit_state
from smartms_img.execution.units import Unit
from smartms_img.io.ledger import next_number
from smartms_img.naming import UnitKind

# Peak resident memory of one unit; the most that was measured, rounded up.
UNIT_MEMORY_GB = {
    UnitKind.SESSION: 3.0,
    UnitKind.PAIR: 3.0,
    UnitKind.EYE: 1.0,
    UnitKind.SUBJECT: 0.5,
}


# Relative work of a unit: only the order in which units start depends on it.
_WORK = {UnitKind.SESSION: 10, UnitKind.PAIR: 10, UnitKind.EYE: 1, UnitKind.SUBJECT: 1}


def longest_first(units: Sequence[Unit]) -> list[Unit]:
    """Put first what most work waits for: short units then fill the gaps at the end.

    Parameters
    ----------
    units : sequence of Unit
        A unit comes after those it depends on, and so it does in the result.
    """
    ahead: dict[str, int] = {}
    for unit in reversed(units):
        ahead[unit.id] = _WORK[unit.kind] + ahead.get(unit.id, 0)
        for name in unit.depends:
            ahead[name] = max(ahead.get(name, 0), ahead[unit.id])
    return sorted(units, key=lambda unit: -ahead[unit.id])


@dataclass(frozen=True)
class Ended:
    """A unit that has just ended: its state, wall-clock seconds, and its place in the count."""

    state: UnitState
    seconds: float
    position: int
    total: int


@dataclass
class Schedule:
    """Units of a plan that are to run, and what became of them.

    Parameters
    ----------
    units : sequence of Unit
        The whole plan: a unit comes after those it depends on.
    selected : collection of str
        Ids to run; the others keep their state.
    out : Path
        Output directory.
    book : RecipeBook
        Tells whether outputs are current.
    launcher : Launcher
        Runs the children.
    job : callable
        Makes the job of a unit.
    seed : int
        Random seed of ANTs, for the ledger.
    memory_gb : float
        Memory to share out; a unit that needs more runs alone.
    on_end : callable
        Told of each unit that has run.
    on_retry : callable, optional
        Told of each failed attempt that is followed by another.
    most_gb : float
        The most memory that one unit can have.
    """

    units: Sequence[Unit]
    selected: Collection[str]
    out: Path
    book: RecipeBook
    launcher: Launcher
    job: Callable[[Unit], Job]
    seed: int
    memory_gb: float
    on_end: Callable[[Ended], None]
    on_retry: Callable[[UnitState], None] = lambda _: None
    most_gb: float = math.inf
    states: dict[str, UnitState] = field(default_factory=dict)
    _running: dict[str, Started] = field(default_factory=dict)
    _memory: dict[str, float] = field(default_factory=dict)
    _ran: int = 0

    def __post_init__(self) -> None:
        self._retries = Retries(self.most_gb)

    def run(self) -> dict[str, UnitState]:
        """Run until nothing is left to do; return the state of every unit of the plan."""
        waiting = longest_first(self.units)
        while waiting or self._running:
            waiting = [unit for unit in waiting if not self._settle_or_start(unit)]
            if self._running:
                self._take(self.launcher.wait())
        return self.states

    def _settle_or_start(self, unit: Unit) -> bool:
        """Return False while a unit has to wait for its dependencies or for room."""
        if any(name not in self.states for name in unit.depends):
            return False
        wanted = unit.status == "runnable" and unit.id in self.selected
        if wanted and not self._has_room(unit):
            return False
        state = unit_state(unit, self.states, self.out, self.book)
        # A dependency may be unsettled for good: another run works on it.
        waits = any(self.states[name].state in UNSETTLED for name in unit.depends)
        if wanted and not waits and state.state in {"pending", "failed"}:
            self._start(unit)
        else:
            self.states[unit.id] = state
        return True

    def _start(self, unit: Unit) -> None:
        self.launcher.start(replace(self.job(unit), memory_gb=self._memory_gb(unit)))
        number = next_number(self.out, unit.id)
        self._running[unit.id] = Started(unit, number, datetime.now(UTC), self.seed)

    def _memory_gb(self, unit: Unit) -> float:
        return self._memory.get(unit.id, UNIT_MEMORY_GB[unit.kind])

    def _has_room(self, unit: Unit) -> bool:
        if not self._running:
            return True
        used = sum(self._memory_gb(other.unit) for other in self._running.values())
        fits = used + self._memory_gb(unit) <= self.memory_gb
        return fits and len(self._running) < self.launcher.slots

    def _take(self, ended: ChildExit) -> None:
        started = self._running.pop(ended.unit)
        state = settle_exit(started, ended, self.out)
        if state.state == "failed" and self._try_again(started.unit, ended):
            self.on_retry(state)
            return
        self.states[ended.unit] = state
        self._ran += 1
        still_open = set(self.selected) - self.states.keys()
        seconds = (datetime.now(UTC) - started.at).total_seconds()
        self.on_end(Ended(state, seconds, self._ran, self._ran + len(still_open)))

    def _try_again(self, unit: Unit, ended: ChildExit) -> bool:
        memory_gb = self._retries.next_memory_gb(ended, self._memory_gb(unit))
        if memory_gb is None:
            return False
        self._memory[unit.id] = memory_gb
        self._start(unit)
        return True
