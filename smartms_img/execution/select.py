"""Which units of a plan a run is to do."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from smartms_img.errors import InputError
from smartms_img.execution.state import UnitState
from smartms_img.execution.units import Unit
from smartms_img.naming import UnitKind


@dataclass(frozen=True)
class Selection:
    """What the user asked for; empty means all.

    Attributes
    ----------
    subjects, sessions : tuple of str
        Labels without ``sub-`` and ``ses-``. With sessions, units of whole subjects stay out.
    stop_after : UnitKind or None
        Last step to run; steps are session, pair, eye, subject.
    only_failed : bool
        Run only what failed, and what that had blocked.
    """

    subjects: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()
    stop_after: UnitKind | None = None
    only_failed: bool = False


def select_units(
    units: Sequence[Unit], wish: Selection, states: Mapping[str, UnitState]
) -> frozenset[str]:
    """Return the ids of the runnable units to run, with those they depend on.

    Raises
    ------
    InputError
        If a participant or session label is in no row of the plan.
    """
    _check_labels(wish.subjects, {unit.subject for unit in units}, "participant")
    _check_labels(wish.sessions, {unit.session for unit in units} - {""}, "session")
    steps = list(UnitKind)
    last = steps.index(wish.stop_after) if wish.stop_after else len(steps)
    chosen = {
        unit.id
        for unit in units
        if unit.status == "runnable"
        and (not wish.subjects or unit.subject in wish.subjects)
        and (not wish.sessions or unit.session in wish.sessions)
        and steps.index(unit.kind) <= last
    }
    if wish.only_failed:
        chosen &= _failed_and_blocked_by(units, states)
    for unit in reversed(units):
        if unit.id in chosen:
            chosen.update(unit.depends)
    return frozenset(chosen)


def _failed_and_blocked_by(units: Sequence[Unit], states: Mapping[str, UnitState]) -> set[str]:
    failed = {name for name, state in states.items() if state.state == "failed"}
    for unit in units:
        if failed.intersection(unit.depends):
            failed.add(unit.id)
    return failed


def _check_labels(wanted: Collection[str], known: Collection[str], what: str) -> None:
    for label in wanted:
        if label not in known:
            names = ", ".join(sorted(known))
            raise InputError(f"unknown {what} label '{label}'", f"Known are: {names}")
