"""What the endpoint table says of one subject."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, TypeVar

from smartms_img.config import StudyConfig, VisitConfig, study_digest
from smartms_img.naming import QcStatus, pair_unit
from smartms_img.tables.columns import PERCENT_DECIMALS, YEAR_DECIMALS
from smartms_img.tables.evidence import SubjectEvidence
from smartms_img.tables.observation import Observation, observe
from smartms_img.tables.value_plan import Comparison, ValuePlan

DAYS_PER_YEAR = 365.25

Number = TypeVar("Number", int, float)

# Members of enumerations are slow to look up: too slow for each of a million rows.
_PASS = QcStatus.PASS


class Cells(NamedTuple):
    """Cells of a row that hang on the subject, named as their columns."""

    USUBJID: str
    ADY: int | None
    AVAL: float | None
    AVALU: str
    BASE: float | None
    CHG: float | None
    PCHG: float | None
    ABLFL: str
    ANL01FL: str
    QCSTAT: str
    QCREAS: str
    METHOD: str
    METHODVR: str
    INTERVAL: float | None
    SRCFILE: str
    SRCSHA256: str
    CFGSHA256: str
    AWLO: int | None
    AWHI: int | None
    ANL02FL: str


class Change(NamedTuple):
    """Change of a value from the baseline: BASE, CHG, PCHG, ABLFL, and why CHG is missing."""

    base: float | None = None
    chg: float | None = None
    pchg: float | None = None
    ablfl: str = ""
    note: str = ""


def subject_cells(evidence: SubjectEvidence, plan: ValuePlan) -> list[Cells]:
    """Return the cells of every planned value of a subject, in the order of the plan.

    Parameters
    ----------
    evidence : SubjectEvidence
        What is known of the subject.
    plan : ValuePlan
        The planned values.

    Raises
    ------
    InputError
        If a unit measured something that is not planned.
    """
    observed = observe(evidence, plan)
    subject = _Subject(evidence, plan.config)
    rows = []
    for item, place, comparison, span in zip(
        observed, plan.baselines, plan.comparisons, plan.spans, strict=True
    ):
        baseline = None if place is None else observed[place]
        obstacle = subject.obstacle(comparison) if comparison else ""
        rows.append(subject.cells(item, change_from(item, baseline, obstacle), span))
    return rows


def change_from(item: Observation, baseline: Observation | None, obstacle: str = "") -> Change:
    """Return the change of a value from its baseline.

    BASE is the baseline value whatever its quality. CHG and PCHG exist on other visits' rows
    only, and only from a baseline that passed QC: a row that is analysed must not carry a
    number made from one that is not. ``obstacle`` says why the two visits must not be compared,
    empty if they may.
    """
    if baseline is None:
        return Change()
    if item is baseline:
        return Change(base=baseline.value, ablfl="Y" if baseline.value is not None else "")
    if item.value is None:
        return Change(base=baseline.value)
    if baseline.value is None:
        return Change(note="no change: the baseline has no value")
    if baseline.verdict.status is not _PASS:
        obstacle = f"QC of the baseline is {baseline.verdict.status}"
    if obstacle:
        return Change(base=baseline.value, note=f"no change: {obstacle}")
    chg = round(item.value - baseline.value, item.key.endpoint.precision) + 0.0
    pchg = round(100 * chg / baseline.value, PERCENT_DECIMALS) + 0.0 if baseline.value else None
    return Change(baseline.value, chg, pchg)


def study_day(day: int, baseline_day: int) -> int:
    """Return ADY as in CDISC: the day of the baseline is 1, the day before it is -1.

    >>> study_day(203, 0), study_day(0, 0), study_day(-1, 0)
    (204, 1, -1)
    """
    elapsed = day - baseline_day
    return elapsed + 1 if elapsed >= 0 else elapsed


@dataclass(frozen=True)
class Window:
    """Window of a visit, as ADY; None where the day of the baseline is not known."""

    low: int | None
    high: int | None
    inside: bool
    note: str = ""


def visit_window(days: Mapping[str, int], visit: VisitConfig, baseline: str) -> Window:
    """Return the window of a visit, and whether the visit of a subject fell into it.

    The session label says which planned visit a visit is: a window moves none, and tells only
    which are too early or too late.

    Parameters
    ----------
    days : mapping of str to int
        Day of each visit, in days since day 0 of the dataset.
    visit : VisitConfig
        Planned visit.
    baseline : str
        Label of the baseline visit.
    """
    low, high = visit.window_days
    start = days.get(baseline)
    if start is None:
        return Window(None, None, inside=False)
    bounds = study_day(low, start), study_day(high, start)
    if visit.label not in days:
        return Window(*bounds, inside=False)
    if low <= days[visit.label] <= high:
        return Window(*bounds, inside=True)
    day = study_day(days[visit.label], start)
    note = f"day {day} is outside the visit window, {bounds[0]} to {bounds[1]}"
    return Window(*bounds, inside=False, note=note)


def years_since(day: int, start_day: int) -> float:
    """Return years of 365.25 days, rounded as the table writes them.

    >>> years_since(203, 0)
    0.5558
    """
    return round((day - start_day) / DAYS_PER_YEAR, YEAR_DECIMALS)


class _When(NamedTuple):
    """When a value was measured: ADY, INTERVAL, and the window of the visit."""

    ady: int | None
    interval: float | None
    window: Window


class _Subject:
    """What the rows of a subject share: its visits, and what forbids to compare them."""

    def __init__(self, evidence: SubjectEvidence, config: StudyConfig) -> None:
        self._evidence, self._config = evidence, config
        self._usubjid = f"{config.study_id}-{evidence.subject}"
        self._digest = study_digest(config)
        self._days = _days(evidence, config)
        self._visits = {visit.label: visit for visit in config.visits}
        self._when: dict[tuple[str, str], _When] = {}
        self._obstacles: dict[Comparison, str] = {}

    def obstacle(self, comparison: Comparison) -> str:
        """Say why the MRI of two visits must not be compared; empty if it may."""
        if comparison not in self._obstacles:
            self._obstacles[comparison] = _obstacle(self._evidence, comparison)
        return self._obstacles[comparison]

    def cells(self, item: Observation, change: Change, span: tuple[str, str]) -> Cells:
        """Return the cells of one row."""
        status, reason = item.verdict
        ady, interval, window = self._when.get(span) or self._measured(span)
        analysed = item.value is not None and status is _PASS
        if change.note or (window.note and item.value is not None):
            notes = [reason, change.note, window.note if item.value is not None else ""]
            reason = "; ".join(note for note in notes if note)
        # By position: names take a tenth of the time of all rows.
        return Cells(
            self._usubjid,
            ady,
            item.value,
            item.unit,
            change.base,
            change.chg,
            change.pchg,
            change.ablfl,
            "Y" if analysed else "",
            str(status),
            _one_line(reason),
            _one_line(item.method),
            item.method_version,
            interval,
            item.sources,
            item.source_sha256,
            item.config_sha256 or self._digest,
            window.low,
            window.high,
            "Y" if analysed and window.inside else "",
        )

    def _measured(self, span: tuple[str, str]) -> _When:
        start, visit = span
        window = visit_window(self._days, self._visits[visit], self._config.baseline)
        ady = _known(study_day, self._days, visit, self._config.baseline)
        when = _When(ady, _known(years_since, self._days, visit, start), window)
        self._when[span] = when
        return when


def _obstacle(evidence: SubjectEvidence, comparison: Comparison) -> str:
    """Say what the pair of two visits, or the check of one change between them, objects to."""
    name = pair_unit(evidence.subject, comparison.reference, comparison.visit)
    pair = evidence.units.get(name)
    if pair is None:
        return ""
    verdicts = [
        d for d in evidence.decisions_on.get(name, []) if d.paramcd in {"", comparison.change}
    ]
    failed = dict.fromkeys(d.reason for d in verdicts if d.status is QcStatus.FAIL)
    reason = pair.problem or "; ".join(failed)
    return f"{name}: {reason}" if reason else ""


def _days(evidence: SubjectEvidence, config: StudyConfig) -> Mapping[str, int]:
    """Return the days of the visits; a baseline that is not listed was on day 0 of the others."""
    if not evidence.days or config.day_zero != config.baseline:
        return evidence.days
    return {config.baseline: 0} | evidence.days


def _known(
    function: Callable[[int, int], Number], days: Mapping[str, int], visit: str, start: str
) -> Number | None:
    """Apply a function to the days of a visit and of its start, if both are known."""
    if visit not in days or start not in days:
        return None
    return function(days[visit], days[start])


@lru_cache(maxsize=4096)
def _one_line(text: str) -> str:
    """Return text without the tabs and line ends that would break a table."""
    return " ".join(text.split())
