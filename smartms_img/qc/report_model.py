"""What the QC report shows, read from an output directory.

Only the plan, the ledger, measures, QC metrics, figures and the endpoint table are read.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from PIL import Image

from smartms_img.catalogue import endpoint
from smartms_img.io.layout import measures_file, qc_file
from smartms_img.io.ledger import latest_attempt, unit_folder
from smartms_img.io.measures import Measure, QcMetric, read_measures, read_qc
from smartms_img.io.plan_table import PlanRow, read_plan
from smartms_img.naming import QcStatus, UnitKind

PICTURE_SUFFIXES = (".png", ".webp")
# States of a unit, the worst first, with the sign that stands beside the colour.
STATES: dict[str, str] = {
    "failed": "\N{MULTIPLICATION SIGN}",
    "incomplete": "\N{MULTIPLICATION SIGN}",
    "QC fail": "!",
    "not run": "?",
    "blocked": "\N{EN DASH}",
    "QC pending": "?",
    "excluded": "\N{EN DASH}",
    "done": "\N{CHECK MARK}",
    "QC pass": "\N{CHECK MARK}",
}
# LOC of the measures that stand in the open; the others are folded away.
KEY_LOCATIONS = ("", "G", "M6")
_KIND_ORDER = (UnitKind.SESSION, UnitKind.PAIR, UnitKind.EYE, UnitKind.SUBJECT)


@dataclass(frozen=True)
class Figure:
    """A picture: path relative to the output directory as a URL, and what it shows.

    ``width`` and ``height`` are 0 where the picture itself is missing.
    """

    title: str
    alt: str
    url: str
    width: int
    height: int
    animated: bool


@dataclass(frozen=True)
class MeasureLine:
    """A measure as a line of text."""

    name: str
    value: str
    unit: str
    note: str
    is_key: bool


@dataclass(frozen=True)
class UnitView:
    """One unit of the plan and everything that is known about it."""

    row: PlanRow
    state: str
    reason: str
    metrics: tuple[QcMetric, ...]
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


def read_subjects(out: Path) -> list[SubjectView]:
    """Read all subjects of an output directory, sorted by label.

    Raises
    ------
    InputError
        If the directory has no plan.
    """
    plan = read_plan(out)
    subjects = sorted({row.subject for row in plan})
    return [_subject(out, label, [r for r in plan if r.subject == label]) for label in subjects]


def _subject(out: Path, label: str, rows: Sequence[PlanRow]) -> SubjectView:
    figures = _figures(out, label)
    ordered = sorted(rows, key=lambda row: _KIND_ORDER.index(row.kind))
    return SubjectView(
        label, tuple(_unit(out, row, tuple(figures.get(row.unit, ()))) for row in ordered)
    )


def _unit(out: Path, row: PlanRow, figures: tuple[Figure, ...]) -> UnitView:
    metrics = tuple(read_qc(path)) if (path := out / qc_file(row.stem)).is_file() else ()
    measures = read_measures(path) if (path := out / measures_file(row.stem)).is_file() else []
    state, reason = _state(out, row, metrics)
    log = unit_folder(out, row.unit) / "failure.md"
    log_url = quote(log.relative_to(out).as_posix()) if log.is_file() else ""
    lines = tuple(_line(measure) for measure in measures)
    return UnitView(row, state, reason, metrics, figures, lines, log_url)


def _state(out: Path, row: PlanRow, metrics: Sequence[QcMetric]) -> tuple[str, str]:
    """Return the state of a unit and its reason."""
    attempt = latest_attempt(out, row.unit)
    if row.status != "runnable":
        return row.status, row.reason
    if attempt is None:
        return "not run", row.reason
    if attempt.state != "done":
        return "failed", f"{attempt.cause}: {attempt.reason}".strip(": ")
    gone = sorted(name for name in attempt.outputs if not (out / name).is_file())
    if gone:
        return "incomplete", f"gone since the unit ran: {', '.join(gone)}"
    if row.kind is UnitKind.SUBJECT and not metrics:
        return "done", "no checks of its own: its quality is that of the scans it was made from"
    return _verdict(metrics, row.reason)


def _verdict(metrics: Sequence[QcMetric], note: str) -> tuple[str, str]:
    failed = [m.reason or f"{m.metric} failed" for m in metrics if m.status is QcStatus.FAIL]
    if failed:
        return "QC fail", "; ".join(failed)
    if any(metric.status is QcStatus.PASS for metric in metrics):
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
    candidates = [path.with_suffix(suffix) for suffix in PICTURE_SUFFIXES]
    picture = next((file for file in candidates if file.is_file()), None)
    if picture is None:
        return Figure(text["title"], text["alt"], "", 0, 0, animated=False)
    with Image.open(picture) as image:
        width, height = image.size
        animated = getattr(image, "n_frames", 1) > 1
    url = quote(picture.relative_to(out).as_posix())
    return Figure(text["title"], text["alt"], url, width, height, animated)


def _line(measure: Measure) -> MeasureLine:
    try:
        precision = endpoint(measure.PARAMCD).precision
    except KeyError:
        precision = 4
    name = " ".join(part for part in (measure.PARAMCD, measure.LOC, measure.LAT) if part)
    value = "missing" if measure.value is None else f"{measure.value:.{precision}f}"
    return MeasureLine(name, value, measure.unit, measure.reason, measure.LOC in KEY_LOCATIONS)
