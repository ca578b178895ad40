"""What the QC report shows of each subject, read from an output directory."""

from __future__ import annotations

import glob
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from PIL import Image

from smartms_img.catalogue import endpoint
from smartms_img.io.decisions import Decision
from smartms_img.io.ledger import unit_folder
from smartms_img.io.measures import Measure, QcMetric
from smartms_img.io.plan_table import PlanRow
from smartms_img.io.results import UnitResult
from smartms_img.naming import QcStatus, UnitKind
from smartms_img.qc.cohort import Check, Distribution, kind_name
from smartms_img.qc.readings import Reading
from smartms_img.qc.report_endpoints import KEY_LOCATIONS

PICTURE_SUFFIXES = (".png", ".webp")
# States of a unit, the worst first, with the sign that stands beside the colour.
STATES: dict[str, str] = {
    "failed": "\N{MULTIPLICATION SIGN}",
    "incomplete": "\N{MULTIPLICATION SIGN}",
    "outdated": "\N{MULTIPLICATION SIGN}",
    "QC fail": "!",
    "not run": "?",
    "blocked": "\N{EN DASH}",
    "QC pending": "?",
    "excluded": "\N{EN DASH}",
    "done": "\N{CHECK MARK}",
    "QC pass": "\N{CHECK MARK}",
}
_KIND_ORDER = (UnitKind.SESSION, UnitKind.PAIR, UnitKind.EYE, UnitKind.SUBJECT)


@dataclass(frozen=True)
class Figure:
    """A picture and what it shows.

    ``urls`` are paths relative to the output directory: several for frames of both visits, none
    where the picture is missing. ``width`` and ``height`` are those of a frame.
    """

    title: str
    alt: str
    urls: tuple[str, ...]
    width: int
    height: int


@dataclass(frozen=True)
class MeasureLine:
    """A measure as a line of text."""

    name: str
    value: str
    unit: str
    note: str
    is_key: bool


@dataclass(frozen=True)
class MetricLine:
    """A check and its place among those of all units of the kind."""

    metric: QcMetric
    cohort: Distribution

    @property
    def place(self) -> str:
        """Where the value stands, in words."""
        return self.cohort.place(self.metric.value)

    @property
    def is_outlier(self) -> bool:
        """Whether the value is far from the others."""
        return any(value == self.metric.value for value, _ in self.cohort.outliers)


@dataclass(frozen=True)
class UnitView:
    """One unit of the plan and everything that is known about it."""

    row: PlanRow
    state: str
    reason: str
    metrics: tuple[MetricLine, ...]
    readings: tuple[Reading, ...]
    figures: tuple[Figure, ...]
    measures: tuple[MeasureLine, ...]
    log_url: str

    @property
    def column(self) -> str:
        """The unit id without the subject: its column in the overview."""
        return self.row.unit.removeprefix(f"sub-{self.row.subject}_")

    @property
    def sign(self) -> str:
        """Sign of the state, for who cannot tell the colours."""
        return STATES[self.state]

    @property
    def css(self) -> str:
        """State as the name of a CSS class."""
        return self.state.lower().replace(" ", "-")

    @property
    def rank(self) -> int:
        """Place of the state, 0 for the worst."""
        return tuple(STATES).index(self.state)


@dataclass(frozen=True)
class SubjectView:
    """One subject: units in the order of visits."""

    label: str
    units: tuple[UnitView, ...]

    @property
    def visits(self) -> tuple[tuple[str, tuple[UnitView, ...]], ...]:
        """Units by visit, in the order of days where they are known; all visits last."""
        labels = sorted({unit.row.session for unit in self.units}, key=self._when)
        return tuple(
            (label, tuple(unit for unit in self.units if unit.row.session == label))
            for label in labels
        )

    def _when(self, session: str) -> tuple[bool, float, str]:
        days = [unit.row.day for unit in self.units if unit.row.session == session]
        known = [day for day in days if day is not None]
        return not session, min(known, default=float("inf")), session

    @property
    def badness(self) -> tuple[int, ...]:
        """Sorts the worst subject first: number of units in each state, worst state first."""
        ranks = [unit.rank for unit in self.units]
        return tuple(-ranks.count(rank) for rank in range(len(STATES)))


@dataclass(frozen=True)
class Cohort:
    """What the page of a subject says about the others.

    Attributes
    ----------
    checks : dict
        As :func:`smartms_img.qc.cohort.distributions` gives them.
    readings : dict of str to list of Reading
        What readers have said, by unit id.
    decisions : dict of str to list of Decision
        What checks and readers decide, by unit id.
    """

    checks: Mapping[Check, Distribution]
    readings: Mapping[str, Sequence[Reading]]
    decisions: Mapping[str, Sequence[Decision]]


def view_subjects(
    out: Path, results: Mapping[str, UnitResult], cohort: Cohort
) -> list[SubjectView]:
    """Return what the report shows of every subject of an output directory, sorted by label."""
    by_subject: dict[str, list[UnitResult]] = {}
    for result in results.values():
        by_subject.setdefault(result.row.subject, []).append(result)
    return [_subject(out, label, by_subject[label], cohort) for label in sorted(by_subject)]


def _subject(out: Path, label: str, results: Sequence[UnitResult], cohort: Cohort) -> SubjectView:
    figures = _figures(out, label)
    ordered = sorted(results, key=lambda result: _KIND_ORDER.index(result.row.kind))
    units = (_unit(out, r, tuple(figures.get(r.row.unit, ())), cohort) for r in ordered)
    return SubjectView(label, tuple(units))


def _unit(out: Path, result: UnitResult, figures: tuple[Figure, ...], cohort: Cohort) -> UnitView:
    row = result.row
    state, reason = _state(out, result, cohort.decisions.get(row.unit, ()))
    log = unit_folder(out, row.unit) / "failure.md"
    kind = kind_name(row)
    # What is outdated has no place among the checks that count.
    metrics = (
        MetricLine(m, cohort.checks.get((kind, m.metric)) or Distribution(kind, m.metric))
        for m in result.metrics
    )
    return UnitView(
        row=row,
        state=state,
        reason=reason,
        metrics=tuple(metrics),
        readings=tuple(cohort.readings.get(row.unit, ())),
        figures=figures,
        measures=tuple(_line(measure) for measure in result.measures),
        log_url=quote(log.relative_to(out).as_posix()) if log.is_file() else "",
    )


def _state(out: Path, result: UnitResult, decided: Sequence[Decision]) -> tuple[str, str]:
    """Return the state of a unit and its reason."""
    attempt = result.attempt
    if attempt is None:
        return result.standing, result.problem
    gone = sorted(name for name in attempt.outputs if not (out / name).is_file())
    if attempt.state == "done" and gone:
        return "incomplete", f"gone since the unit ran: {', '.join(gone)}"
    if result.standing == "failed" and attempt.cause != result.problem:
        return result.standing, f"{attempt.cause}: {result.problem}".strip(": ")
    if result.standing != "done":
        return result.standing, result.problem
    if result.row.kind is UnitKind.SUBJECT and not result.metrics:
        return "done", "no checks of its own: its quality is that of the scans it was made from"
    return _verdict(decided, result.row.reason)


def _verdict(decided: Sequence[Decision], note: str) -> tuple[str, str]:
    by_status: dict[QcStatus, list[str]] = {}
    for decision in decided:
        by_status.setdefault(decision.status, []).append(decision.reason)
    for status, state in ((QcStatus.FAIL, "QC fail"), (QcStatus.PENDING, "QC pending")):
        if status in by_status:
            return state, "; ".join(dict.fromkeys(by_status[status]))
    if QcStatus.PASS in by_status:
        return "QC pass", note
    return "QC pending", note or "no automatic check gave a verdict"


def _figures(out: Path, subject: str) -> dict[str, list[Figure]]:
    """Return the figures of a subject by unit id, in their own order."""
    found: list[tuple[int, str, str, Figure]] = []
    for path in sorted((out / f"sub-{subject}" / "figures").glob("*.json")):
        text = json.loads(path.read_text(encoding="utf-8"))
        found.append((int(text["order"]), path.name, text["unit"], _figure(out, path, text)))
    figures: dict[str, list[Figure]] = {}
    for _, _, unit, figure in sorted(found, key=lambda item: item[:3]):
        figures.setdefault(unit, []).append(figure)
    return figures


def _figure(out: Path, path: Path, text: dict[str, str]) -> Figure:
    frames = sorted(path.parent.glob(f"{glob.escape(path.stem)}[1-9].webp"))
    single = [path.with_suffix(suffix) for suffix in PICTURE_SUFFIXES]
    files = frames or [file for file in single if file.is_file()][:1]
    if not files:
        return Figure(text["title"], text["alt"], (), 0, 0)
    with Image.open(files[0]) as image:
        width, height = image.size
    urls = tuple(quote(file.relative_to(out).as_posix()) for file in files)
    return Figure(text["title"], text["alt"], urls, width, height)


def _line(measure: Measure) -> MeasureLine:
    try:
        precision = endpoint(measure.PARAMCD).precision
    except KeyError:
        precision = 4
    name = " ".join(part for part in (measure.PARAMCD, measure.LOC, measure.LAT) if part)
    value = "missing" if measure.value is None else f"{measure.value:.{precision}f}"
    return MeasureLine(name, value, measure.unit, measure.reason, measure.LOC in KEY_LOCATIONS)
