"""Rows of the endpoint table of one subject."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, TypeVar

from smartms_img.catalogue import BOTH_EYES, FLAIR, PlannedKey, known_errors
from smartms_img.config import StudyConfig, VisitConfig, study_digest
from smartms_img.naming import QcStatus, UnitKind, pair_unit
from smartms_img.tables.columns import PERCENT_DECIMALS, YEAR_DECIMALS
from smartms_img.tables.evidence import SubjectEvidence
from smartms_img.tables.observation import Observation, observe

DAYS_PER_YEAR = 365.25

Number = TypeVar("Number", int, float)


class Row(NamedTuple):
    """One row; the fields are the columns of :data:`smartms_img.tables.columns.COLUMNS`."""

    STUDYID: str
    USUBJID: str
    AVISIT: str
    AVISITN: int
    ADY: int | None
    PARCAT1: str
    PARAMCD: str
    PARAM: str
    LOC: str
    LAT: str
    AVAL: float | None
    AVALU: str
    AVALERR: float | None
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
    BASETYPE: str
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


def subject_rows(
    evidence: SubjectEvidence, config: StudyConfig, keys: tuple[PlannedKey, ...]
) -> list[Row]:
    """Return every planned row of a subject, in the order of the plan of values.

    Parameters
    ----------
    evidence : SubjectEvidence
        What is known of the subject.
    config : StudyConfig
        Study and method.
    keys : tuple of PlannedKey
        The plan of values, as :func:`smartms_img.catalogue.planned_keys` gives it.

    Raises
    ------
    InputError
        If a unit measured something that is not planned.
    """
    observed = observe(evidence, keys)
    baselines = {
        _across_visits(item): item
        for item in observed
        if item.key.visit == (item.key.reference or config.baseline)
    }
    subject = _Subject(evidence, config)
    rows = []
    for item in observed:
        baseline = baselines.get(_across_visits(item))
        change = change_from(item, baseline, subject.obstacle(item))
        rows.append(subject.row(item, change))
    return rows


def _across_visits(item: Observation) -> tuple[str, str, str, str]:
    """Return what a value has in common with its baseline."""
    return item.key.paramcd, item.key.loc, item.key.lat, item.key.reference


def change_from(item: Observation, baseline: Observation | None, obstacle: str = "") -> Change:
    """Return the change of a value from its baseline.

    BASE is the baseline value whatever its quality. CHG and PCHG exist on other visits' rows
    only, and only from a baseline that passed QC: a row that is analysed must not carry a
    number made from one that is not. ``obstacle`` says why the two visits must not be compared,
    empty if they may.
    """
    is_pair = item.key.endpoint.kind is UnitKind.PAIR
    if is_pair or baseline is None:
        return Change()
    if item is baseline:
        return Change(base=baseline.value, ablfl="Y" if baseline.value is not None else "")
    if item.value is None:
        return Change(base=baseline.value)
    if baseline.value is None:
        return Change(note="no change: the baseline has no value")
    if baseline.verdict.status is not QcStatus.PASS:
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


class _Subject:
    """What the rows of a subject share: its visits, and what forbids to compare them."""

    def __init__(self, evidence: SubjectEvidence, config: StudyConfig) -> None:
        self._evidence, self._config = evidence, config
        self._digest = study_digest(config)
        self._days = _days(evidence, config)
        self._visits = {visit.label: visit for visit in config.visits}
        self._windows = {
            visit.label: visit_window(self._days, visit, config.baseline)
            for visit in config.visits
        }
        self._obstacles: dict[tuple[str, str, str], str] = {}

    def obstacle(self, item: Observation) -> str:
        """Say why the MRI of a visit must not be compared with the baseline; empty if it may.

        Only the pair shows whether both visits are of one head and one protocol. Scans of an eye
        are held against the baseline by their own unit.
        """
        reference = item.key.reference or self._config.baseline
        if item.key.endpoint.kind is not UnitKind.SESSION or item.key.visit == reference:
            return ""
        # Checks of volume change tell whether volumes can be compared, those of lesion change
        # whether lesions can: a difference of protocol fails both measurements and differences.
        change = "NEWLN" if item.key.endpoint.cdisc.method == FLAIR else "PBVC"
        asked = (reference, item.key.visit, change)
        if asked not in self._obstacles:
            self._obstacles[asked] = _obstacle(self._evidence, *asked)
        return self._obstacles[asked]

    def row(self, item: Observation, change: Change) -> Row:
        """Return one row."""
        key, endpoint = item.key, item.key.endpoint
        visit, reference = self._visits[key.visit], key.reference or self._config.baseline
        analysed = item.value is not None and item.verdict.status is QcStatus.PASS
        window = self._windows[key.visit]
        notes = [item.verdict.reason, change.note, window.note if item.value is not None else ""]
        return Row(
            STUDYID=self._config.study_id,
            USUBJID=f"{self._config.study_id}-{self._evidence.subject}",
            AVISIT=visit.name,
            AVISITN=visit.number,
            ADY=_known(study_day, self._days, key.visit, self._config.baseline),
            PARCAT1=endpoint.category.value,
            PARAMCD=key.paramcd,
            PARAM=endpoint.param,
            LOC=key.loc,
            LAT=key.lat,
            AVAL=item.value,
            AVALU=item.unit,
            AVALERR=_error_of(key),
            BASE=change.base,
            CHG=change.chg,
            PCHG=change.pchg,
            ABLFL=change.ablfl,
            ANL01FL="Y" if analysed else "",
            QCSTAT=item.verdict.status.value,
            QCREAS=_one_line("; ".join(note for note in notes if note)),
            METHOD=_one_line(item.method),
            METHODVR=item.method_version,
            INTERVAL=_known(years_since, self._days, key.visit, reference),
            SRCFILE=";".join(item.sources),
            SRCSHA256=";".join(item.source_sha256),
            CFGSHA256=item.config_sha256 or self._digest,
            BASETYPE=self._visits[reference].name,
            AWLO=window.low,
            AWHI=window.high,
            ANL02FL="Y" if analysed and window.inside else "",
        )


def _obstacle(evidence: SubjectEvidence, reference: str, visit: str, change: str) -> str:
    """Say what the pair of two visits, or the check of one change between them, objects to."""
    name = pair_unit(evidence.subject, reference, visit)
    pair = evidence.units.get(name)
    if pair is None:
        return ""
    verdicts = [d for d in evidence.decisions_on.get(name, []) if d.paramcd in {"", change}]
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


def _error_of(key: PlannedKey) -> float | None:
    """Return the known error of a single measurement; a mean of both eyes has another one."""
    error = known_errors().get((key.paramcd, key.loc))
    return error.sd if error and key.lat != BOTH_EYES else None


@lru_cache(maxsize=4096)
def _one_line(text: str) -> str:
    """Return text without the tabs and line ends that would break a table."""
    return " ".join(text.split())
