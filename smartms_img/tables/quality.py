"""QCSTAT and QCREAS of a value."""

from __future__ import annotations

from typing import NamedTuple

from smartms_img.catalogue import PlannedKey
from smartms_img.io.decisions import Decision
from smartms_img.io.measures import Measure
from smartms_img.naming import QcStatus, UnitKind
from smartms_img.tables.evidence import SubjectEvidence, UnitEvidence

_NO_CHECK = "no quality check"


class Verdict(NamedTuple):
    """Quality of one value: QCSTAT and QCREAS."""

    status: QcStatus
    reason: str


def verdict(
    evidence: SubjectEvidence, key: PlannedKey, unit: UnitEvidence, measure: Measure
) -> Verdict:
    """Return the verdict on a value that exists.

    A value of a session, a pair or an eye has the verdict of its own unit. A value of both eyes
    has those of the eyes that it was computed from, and of the subject unit where that was
    decided about: one failure fails it, then one pending verdict leaves it pending.
    """
    decided = decisions_on(evidence, key, unit, measure)
    named = [_named(decision, _eye(evidence, decision.unit, unit)) for decision in decided]
    return _worst(named or [Verdict(QcStatus.PENDING, _NO_CHECK)])


def decisions_on(
    evidence: SubjectEvidence, key: PlannedKey, unit: UnitEvidence, measure: Measure
) -> list[Decision]:
    """Return the decisions that the verdict on a value is made from."""
    own = _decision(evidence, unit, key.paramcd)
    if unit.row.kind is not UnitKind.SUBJECT:
        return [own]
    source = key.endpoint.derived_from or key.paramcd
    eyes = eyes_of(evidence, key, measure.source)
    return ([own] if own.decided_by else []) + [_decision(evidence, eye, source) for eye in eyes]


def eyes_of(
    evidence: SubjectEvidence, key: PlannedKey, files: tuple[str, ...] = ()
) -> list[UnitEvidence]:
    """Return the eye units of a key's visit and scan: those that read ``files``, else all."""
    at_visit = evidence.eye_units.get((key.visit, key.endpoint.scan), [])
    used = [unit for unit in at_visit if set(unit.row.inputs) & set(files)]
    return used or at_visit


def _eye(evidence: SubjectEvidence, decided: str, unit: UnitEvidence) -> str:
    """Return the eye that a decision is about, empty where the unit is that of the value."""
    eye = evidence.units[decided].row.eye
    return "" if eye is None or decided == unit.row.unit else eye.value


def _decision(evidence: SubjectEvidence, unit: UnitEvidence, paramcd: str) -> Decision:
    """Return the decision on one endpoint of a unit: its own, or the unit's, or pending."""
    of_unit = evidence.decisions_on.get(unit.row.unit, [])
    for wanted in (paramcd, ""):
        for decision in of_unit:
            if decision.paramcd == wanted:
                return decision
    return Decision(unit.row.unit, QcStatus.PENDING, _NO_CHECK, "")


def _named(decision: Decision, whom: str) -> Verdict:
    who = f" ({decision.decided_by})" if decision.decided_by else ""
    reason = f"{whom}: {decision.reason}{who}" if whom else f"{decision.reason}{who}"
    return Verdict(decision.status, reason)


def _worst(verdicts: list[Verdict]) -> Verdict:
    for status in (QcStatus.FAIL, QcStatus.PENDING, QcStatus.NOTRUN, QcStatus.PASS):
        reasons = [verdict.reason for verdict in verdicts if verdict.status is status]
        if reasons:
            shown = QcStatus.PENDING if status is QcStatus.NOTRUN else status
            return Verdict(shown, "; ".join(dict.fromkeys(reasons)))
    raise AssertionError("a value without any decision")
