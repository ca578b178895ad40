"""Run units in the order of their dependencies, as many side by side as fit."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from smartms_img.execution.child import ChildExit, Job
from smartms_img.execution.failure import Started, settle_exit
from smartms_img.execution.launchers import Launcher
from smartms_img.execution.needs import Needs, longest_first, time_left_s
from smartms_img.execution.recipe import RecipeBook
from smartms_img.execution.retry import Retries
from smartms_img.execution.state import UNSETTLED, UnitState, unit_state
from smartms_img.execution.units import Unit
from smartms_img.io.ledger import next_number
from smartms_img.naming import UnitKind


@dataclass(frozen=True)
class Ended:
    """A unit that has just ended.

    Attributes
    ----------
    state : UnitState
        What it ended as.
    seconds : float
        Wall-clock time that it took.
    position, total : int
        Its place in the count of units that run.
    left_s : float
        Time in s that the others are expected to take, with all slots busy.
    """

    state: UnitState
    seconds: float
    position: int
    total: int
    left_s: float


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
    needs : Needs
        Memory and time of units.
    memory_gb : float
        Memory to share out; no unit needs more.
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
    needs: Needs
    memory_gb: float
    on_end: Callable[[Ended], None]
    on_retry: Callable[[UnitState], None] = lambda _: None
    most_gb: float = math.inf
    states: dict[str, UnitState] = field(default_factory=dict)
    _running: dict[str, Started] = field(default_factory=dict)
    _memory: dict[str, float] = field(default_factory=dict)
    _ran: int = 0
    _taken_s: dict[UnitKind, deque[float]] = field(default_factory=dict)
    _left_s: float = 0.0
    _estimated_at: datetime | None = None

    def __post_init__(self) -> None:
        self._retries = Retries(self.most_gb)

    def run(self) -> dict[str, UnitState]:
        """Run until nothing is left to do; return the state of every unit of the plan."""
        waiting = longest_first(self.units, self.needs.unit_seconds)
        while waiting or self._running:
            waiting = self._settle_or_start_all(waiting)
            if self._running:
                self._take(self.launcher.wait())
        return self.states

    def _settle_or_start_all(self, waiting: Sequence[Unit]) -> list[Unit]:
        """Return what has to wait. With all slots taken nobody is asked: a plan may be long."""
        left: list[Unit] = []
        for place, unit in enumerate(waiting):
            if len(self._running) >= self.launcher.slots:
                return [*left, *waiting[place:]]
            if not self._settle_or_start(unit):
                left.append(unit)
        return left

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
        number = next_number(self.out, unit.id)
        self._running[unit.id] = Started(unit, number, datetime.now(UTC), self.seed)
        self.launcher.start(replace(self.job(unit), memory_gb=self._memory_gb(unit)))

    def _memory_gb(self, unit: Unit) -> float:
        return self._memory.get(unit.id, self.needs.unit_memory_gb(unit))

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
        now = datetime.now(UTC)
        seconds = (now - started.at).total_seconds()
        open_ids = set(self.selected) - self.states.keys()
        total = self._ran + len(open_ids)
        if state.state == "done":
            self._taken_s.setdefault(started.unit.kind, deque(maxlen=50)).append(seconds)
        self.on_end(Ended(state, seconds, self._ran, total, self._time_left_s(open_ids, now)))

    def _time_left_s(self, open_ids: Collection[str], now: datetime) -> float:
        """Return the expected time until all units have ended; no more than a second old."""
        if self._estimated_at is None or (now - self._estimated_at).total_seconds() > 1.0:
            still_open = [unit for unit in self.units if unit.id in open_ids]
            gone_s = {name: (now - run.at).total_seconds() for name, run in self._running.items()}
            self._left_s = time_left_s(still_open, self._seconds, gone_s, self.launcher.slots)
            self._estimated_at = now
        return self._left_s

    def _seconds(self, unit: Unit) -> float:
        """Return the time that units of this kind have taken in this run, or else took before."""
        taken = self._taken_s.get(unit.kind)
        return sum(taken) / len(taken) if taken else self.needs.unit_seconds(unit)

    def _try_again(self, unit: Unit, ended: ChildExit) -> bool:
        memory_gb = self._retries.next_memory_gb(ended, self._memory_gb(unit))
        if memory_gb is None:
            return False
        self._memory[unit.id] = memory_gb
        self._start(unit)
        return True
