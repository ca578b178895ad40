"""What a unit needs, declared and learnt from the ledger: memory and time, on one thread."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from smartms_img.errors import InputError
from smartms_img.execution.units import Unit
from smartms_img.io.ledger import Attempt
from smartms_img.naming import UnitKind

UNIT_MEMORY_GB = {
    UnitKind.SESSION: 3.0,
    UnitKind.PAIR: 3.0,
    UnitKind.EYE: 1.5,
    UnitKind.SUBJECT: 0.5,
}
"""Peak resident memory in GB (10^9 bytes): the most that was measured, rounded up."""
UNIT_SECONDS = {
    UnitKind.SESSION: 180.0,
    UnitKind.PAIR: 180.0,
    UnitKind.EYE: 20.0,
    UnitKind.SUBJECT: 15.0,
}
"""Usual wall-clock time in s; the order of units, and the time left, depend on it."""
_HEADROOM = 1.2
_MIB = 2**20


@dataclass(frozen=True)
class Usage:
    """What units of one kind took, according to the ledger.

    Attributes
    ----------
    kind : UnitKind
        Kind of unit.
    count : int
        Units that are done.
    memory_gb : float
        Highest peak of resident memory in GB.
    usual_s, longest_s : float
        Median and highest wall-clock time in s.
    cpu_s : float
        Median processor time in s.
    """

    kind: UnitKind
    count: int
    memory_gb: float
    usual_s: float
    longest_s: float
    cpu_s: float

    @property
    def suggested_memory_gb(self) -> float:
        """Highest peak and a fifth more, in steps of 0.1 GB."""
        return math.ceil(self.memory_gb * _HEADROOM * 10) / 10

    @property
    def suggested_minutes(self) -> int:
        """Twice the longest time: nodes differ."""
        return max(1, math.ceil(2 * self.longest_s / 60))


def learn(units: Iterable[Unit], attempts: Iterable[Attempt]) -> dict[UnitKind, Usage]:
    """Return what each kind of unit took; kinds of which none is done are missing."""
    kinds = {unit.id: unit.kind for unit in units}
    taken: dict[UnitKind, list[Attempt]] = {}
    for attempt in attempts:
        if attempt.unit in kinds:
            taken.setdefault(kinds[attempt.unit], []).append(attempt)
    return {kind: _usage(kind, taken[kind]) for kind in UnitKind if kind in taken}


def _usage(kind: UnitKind, attempts: Sequence[Attempt]) -> Usage:
    seconds = [attempt.seconds for attempt in attempts]
    return Usage(
        kind=kind,
        count=len(attempts),
        memory_gb=max(attempt.max_rss_mb for attempt in attempts) * _MIB / 1e9,
        usual_s=median(seconds),
        longest_s=max(seconds),
        cpu_s=median(attempt.cpu_s for attempt in attempts),
    )


@dataclass(frozen=True)
class Needs:
    """Memory and time of units.

    Parameters
    ----------
    memory_gb : mapping of UnitKind to float
        Replaces :data:`UNIT_MEMORY_GB` for some kinds.
    learnt : mapping of UnitKind to Usage
        Replaces :data:`UNIT_SECONDS` for kinds that have run.
    """

    memory_gb: Mapping[UnitKind, float]
    learnt: Mapping[UnitKind, Usage]

    def unit_memory_gb(self, unit: Unit) -> float:
        """Return the memory to set aside for a unit in GB."""
        return self.memory_gb.get(unit.kind, UNIT_MEMORY_GB[unit.kind])

    def unit_seconds(self, unit: Unit) -> float:
        """Return the time that a unit is expected to take in s."""
        usage = self.learnt.get(unit.kind)
        return usage.usual_s if usage else UNIT_SECONDS[unit.kind]

    def refuse_what_never_fits(self, units: Iterable[Unit], most_gb: float, remedy: str) -> None:
        """Raise InputError for the first unit that needs more than one worker has.

        Parameters
        ----------
        units : iterable of Unit
            Units that are to run.
        most_gb : float
            Memory of a worker.
        remedy : str
            How to give it more.
        """
        for unit in units:
            needed = self.unit_memory_gb(unit)
            if needed > most_gb:
                problem = f"{unit.id} needs {needed:g} GB, and a worker has {most_gb:.3g} GB"
                raise InputError(problem, remedy)


def longest_first(units: Sequence[Unit], seconds: Callable[[Unit], float]) -> list[Unit]:
    """Put first what most work waits for: short units then fill the gaps at the end.

    Parameters
    ----------
    units : sequence of Unit
        A unit comes after those it depends on, and so it does in the result.
    seconds : callable
        Expected time of a unit.
    """
    ahead: dict[str, float] = {}
    for unit in reversed(units):
        ahead[unit.id] = seconds(unit) + ahead.get(unit.id, 0.0)
        for name in unit.depends:
            ahead[name] = max(ahead.get(name, 0.0), ahead[unit.id])
    return sorted(units, key=lambda unit: -ahead[unit.id])


def time_left_s(
    units: Iterable[Unit],
    seconds: Callable[[Unit], float],
    gone_s: Mapping[str, float],
    slots: int,
) -> float:
    """Return the expected time until all units are done, in s.

    Parameters
    ----------
    units : iterable of Unit
        Those that have not ended: a unit comes after those it depends on.
    seconds : callable
        Expected time of a unit.
    gone_s : mapping of str to float
        How long those that run have been running, by unit id.
    slots : int
        Units side by side.

    Returns
    -------
    float
        Work shared by all slots, or the longest chain of units that wait for each other.
    """
    work = 0.0
    chain: dict[str, float] = {}
    for unit in units:
        own = max(0.0, seconds(unit) - gone_s.get(unit.id, 0.0))
        work += own
        chain[unit.id] = own + max((chain.get(name, 0.0) for name in unit.depends), default=0.0)
    return max([work / slots, *chain.values()])
