"""Decisions from what the automatic checks and the readers say, by the rules of the study."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from smartms_img.catalogue import CATALOGUE, endpoint
from smartms_img.config import ReviewRules
from smartms_img.io.decisions import Decision
from smartms_img.io.ratings import Rating
from smartms_img.io.results import UnitResult
from smartms_img.naming import QcStatus, UnitKind
from smartms_img.qc.decisions import AUTOMATIC, automatic
from smartms_img.qc.readings import Reading, readings

# The worst first; what is not agreed about stands before what may be analysed.
_WORST_FIRST = ("fail", "", "borderline", "pass")
_UNDECIDED = {
    "disagreed": "the readers disagree",
    "stale": "rated before its pictures changed",
    "unread": "not read by two readers",
}


def decisions(
    results: Mapping[str, UnitResult], ratings: Sequence[Rating], rules: ReviewRules
) -> tuple[Decision, ...]:
    """Return the decisions about every unit.

    A unit without elements that readers rate has its automatic decisions. Elsewhere an endpoint
    has the worst verdict of the elements that it rests on: those of a pair rest on its visits,
    too. Where that is none, because readers disagree or have rated other files, it is pending,
    unless a check failed.

    Parameters
    ----------
    results : mapping of str to UnitResult
        By unit id.
    ratings : sequence of Rating
        In the order in which they were made.
    rules : ReviewRules
        Of the study.
    """
    by_unit: dict[str, list[Reading]] = {}
    for reading in readings(results, ratings).values():
        by_unit.setdefault(reading.unit, []).append(reading)
    found: dict[str, list[Decision]] = {}
    for decision in automatic(results):
        found.setdefault(decision.unit, []).append(decision)
    decided: list[Decision] = []
    for unit, result in results.items():
        own = found.get(unit, [])
        read = list(by_unit.get(unit, []))
        if result.row.kind is UnitKind.PAIR and read:
            read += [reading for name in result.row.depends for reading in by_unit.get(name, [])]
        decided += _with_readers(result, own, read, rules) if read else own
    return tuple(decided)


def _with_readers(
    result: UnitResult, checked: Sequence[Decision], read: Sequence[Reading], rules: ReviewRules
) -> list[Decision]:
    by_code = {decision.paramcd: decision for decision in checked}
    none = Decision(result.row.unit, QcStatus.PENDING, "no quality check", "")
    of_unit = by_code.get("", none)
    codes = sorted(
        ({measure.PARAMCD for measure in result.measures} | set(by_code)) & set(CATALOGUE)
    )
    decided = [_decide(of_unit, [r for r in read if r.element.part == "unit"], rules)]
    for code in codes:
        by_check = by_code.get(code, of_unit)
        checks = Decision(
            by_check.unit, by_check.status, by_check.reason, by_check.decided_by, code
        )
        covering = [r for r in read if r.element.covers(endpoint(code))]
        decided.append(_decide(checks, covering, rules))
    return decided


def _decide(checks: Decision, read: Sequence[Reading], rules: ReviewRules) -> Decision:
    """Return the decision on an endpoint from that of its checks and the readings of it."""
    if not read:
        return checks
    worst = min((reading.verdict for reading in read), key=_WORST_FIRST.index)
    deciding = [reading for reading in read if reading.verdict == worst]
    status = rules.row(worst).status(checks.status)
    open_questions = [r for r in deciding if r.state in {"disagreed", "stale"}]
    if open_questions and checks.status is not QcStatus.FAIL:
        status, deciding = QcStatus.PENDING, open_questions
    if not worst and status is checks.status and not open_questions:
        return checks
    said = "; ".join(dict.fromkeys(_words(reading, checks.unit) for reading in deciding))
    by_checks = f"{checks.reason} ({AUTOMATIC}); " if checks.decided_by else ""
    return Decision(checks.unit, status, f"{by_checks}{said}", _who(deciding), checks.paramcd)


def _words(reading: Reading, unit: str) -> str:
    name = reading.element.title.lower()
    if reading.unit != unit:
        name = f"{name} ({reading.unit})"
    if not reading.verdict:
        return f"{name}: {_UNDECIDED[reading.state]}"
    reasons = dict.fromkeys(
        reading.element.reasons[key] for r in reading.deciding for key in r.judgement.reasons
    )
    return ", ".join((f"{name}: {reading.verdict}", *reasons))


def _who(read: Iterable[Reading]) -> str:
    names = {rating.judgement.reader for reading in read for rating in reading.deciding}
    return ", ".join(sorted(names)) or "readers"
