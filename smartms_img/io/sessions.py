"""Days since baseline from ``sub-<label>_sessions.tsv``; dates never leave this module."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from smartms_img.errors import InputError
from smartms_img.io.findings import Finding
from smartms_img.io.treatment import treatment_findings
from smartms_img.io.tsv import is_missing, read_tsv

_MOST_DAYS = 36525


@dataclass(frozen=True)
class SessionDays:
    """When the visits of one subject took place.

    Attributes
    ----------
    days : dict of str to int
        Days since baseline by session label (without ``ses-``); sessions without a known day
        are absent.
    findings : tuple of Finding
        What the table lacks or contradicts.
    """

    days: dict[str, int]
    findings: tuple[Finding, ...]


def sessions_file(subject: str) -> str:
    """Return the sessions table of a subject, relative to the dataset."""
    return f"sub-{subject}/sub-{subject}_sessions.tsv"


def session_days(bids: Path, subject: str, baseline: str) -> SessionDays:
    """Read the days since baseline of all visits of a subject.

    Column ``day`` counts. Where it is absent, the calendar days between ``acq_time`` of the
    session and of the baseline session do.

    Parameters
    ----------
    bids : Path
        Dataset.
    subject, baseline : str
        Labels without ``sub-`` and ``ses-``.
    """
    relative = sessions_file(subject)
    if not (bids / relative).is_file():
        remedy = "Add the table with columns session_id and day (days since baseline)"
        finding = Finding("missing", "no sessions table", remedy, subject, file=relative)
        return SessionDays({}, (finding,))
    try:
        rows = read_tsv(bids / relative, key="session_id")
    except InputError as error:
        wrong = Finding("wrong", error.problem, error.remedy, subject, file=relative)
        return SessionDays({}, (wrong,))
    known = _Reader(subject, relative, baseline).read(rows)
    return SessionDays(known.days, (*known.findings, *treatment_findings(rows, relative, subject)))


class _Reader:
    """Turns the rows of one table into days, collecting findings."""

    def __init__(self, subject: str, relative: str, baseline: str) -> None:
        self._subject, self._relative, self._baseline = subject, relative, baseline
        self._findings: list[Finding] = []

    def read(self, rows: list[dict[str, str]]) -> SessionDays:
        labels = [row["session_id"].removeprefix("ses-") for row in rows]
        # Which of two rows is meant cannot be known: neither is used.
        for label in sorted({label for label in labels if labels.count(label) > 1}):
            self._wrong("is listed twice", "Keep one row", label)
        once = zip(labels, rows, strict=True)
        by_label = {label: row for label, row in once if labels.count(label) == 1}
        day = {label: self._day(label, row.get("day", "")) for label, row in by_label.items()}
        acquired = {label: self._date(label, row) for label, row in by_label.items()}
        return self._merge(day, self._since_baseline(acquired))

    def _merge(self, day: dict[str, int | None], dated: dict[str, int | None]) -> SessionDays:
        # Dates count from the baseline visit; a stated day of that visit moves them along.
        offset = day.get(self._baseline) or 0
        days: dict[str, int] = {}
        for label, stated in day.items():
            since = dated[label]
            other = None if since is None else since + offset
            if stated is not None and other is not None and stated != other:
                problem = f"day {stated} contradicts acq_time ({since} days from baseline)"
                self._wrong(problem, "Correct one of them", label)
            value = stated if stated is not None else other
            if value is not None:
                days[label] = value
        return SessionDays(days, tuple(self._findings))

    def _since_baseline(self, acquired: dict[str, date | None]) -> dict[str, int | None]:
        start = acquired.get(self._baseline)
        return {
            label: (moment - start).days if moment and start else None
            for label, moment in acquired.items()
        }

    def _day(self, label: str, text: str) -> int | None:
        if is_missing(text):
            return None
        try:
            number = float(text)
            if number != int(number):
                raise ValueError
        except (ValueError, OverflowError):
            self._wrong("day is not a whole number", "Give days since baseline", label)
            return None
        if abs(number) > _MOST_DAYS:
            self._wrong("day is more than a century away", "Give days since baseline", label)
            return None
        return int(number)

    def _date(self, label: str, row: dict[str, str]) -> date | None:
        text = row.get("acq_time", "")
        if is_missing(text):
            return None
        try:
            return datetime.fromisoformat(text).date()
        except ValueError:
            # The text itself may be a date of the patient, so it is not repeated.
            self._wrong("acq_time is not an ISO 8601 date", "Write YYYY-MM-DDThh:mm:ss", label)
            return None

    def _wrong(self, problem: str, remedy: str, label: str) -> None:
        self._findings.append(
            Finding("wrong", problem, remedy, self._subject, label, file=self._relative)
        )
