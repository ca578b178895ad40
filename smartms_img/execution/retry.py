"""Which failures deserve another attempt: those of the machine, not those of the data."""

from __future__ import annotations

from collections import Counter

from smartms_img.execution.child import ChildExit
from smartms_img.io.ledger import Cause

_INTERRUPTIONS: frozenset[Cause] = frozenset({"lost", "node-lost", "preempted", "walltime"})
_MOST_INTERRUPTIONS = 2
# A lone SIGKILL is mostly the memory guard of a node that does not say so.
_ONCE: frozenset[Cause] = frozenset({"killed", "out-of-memory"})
_MORE_MEMORY = 1.5


class Retries:
    """Counts the attempts of one run, and decides about the next.

    Only what a launcher has explained is tried again: it knows that the attempt is over.

    Parameters
    ----------
    most_gb : float
        The most memory that a unit can have.
    """

    def __init__(self, most_gb: float) -> None:
        self._most_gb = most_gb
        self._interruptions: Counter[str] = Counter()
        self._once: set[tuple[str, Cause]] = set()

    def next_memory_gb(self, ended: ChildExit, memory_gb: float) -> float | None:
        """Return the memory for another attempt, or None if there shall be none.

        Parameters
        ----------
        ended : ChildExit
            Failed attempt.
        memory_gb : float
            Memory that it had in GB.
        """
        if ended.cause in _INTERRUPTIONS:
            self._interruptions[ended.unit] += 1
            return memory_gb if self._interruptions[ended.unit] <= _MOST_INTERRUPTIONS else None
        if ended.cause not in _ONCE or (ended.unit, ended.cause) in self._once:
            return None
        self._once.add((ended.unit, ended.cause))
        wanted = memory_gb * (_MORE_MEMORY if ended.cause == "out-of-memory" else 1.0)
        return wanted if wanted <= self._most_gb else None
