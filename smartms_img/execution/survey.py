"""A dataset held against the configuration: the plan, and everything wrong or missing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from smartms_img.config import StudyConfig
from smartms_img.execution.plan import build_plan
from smartms_img.execution.units import Unit
from smartms_img.io.bids import DatasetIndex, index_dataset
from smartms_img.io.findings import Finding
from smartms_img.io.participants import FILE as PARTICIPANTS_FILE
from smartms_img.io.participants import Participants, read_participants
from smartms_img.io.sessions import SessionDays, session_days, sessions_file
from smartms_img.naming import UnitKind


@dataclass(frozen=True)
class Survey:
    """Everything known about a dataset before an image is opened.

    Attributes
    ----------
    index, participants : DatasetIndex, Participants
        Files, and ``participants.tsv``.
    days : dict of str to SessionDays
        Days since baseline, by subject label.
    units : tuple of Unit
        The plan.
    findings : tuple of Finding
        What is wrong, then what is missing.
    """

    index: DatasetIndex
    participants: Participants
    days: dict[str, SessionDays]
    units: tuple[Unit, ...]
    findings: tuple[Finding, ...]


def survey(bids: Path, config: StudyConfig) -> Survey:
    """Index a dataset, lay out the plan, and list the findings.

    Raises
    ------
    InputError
        If there is no dataset or no participant in it.
    """
    index = index_dataset(bids, config.mri.lesions.masks, config.oct.layers)
    participants = read_participants(bids)
    subjects = sorted(index.sessions.keys() | set(participants.labels))
    days = {
        subject: session_days(bids, subject, config.day_zero)
        for subject in subjects
        if subject in index.sessions
    }
    units = tuple(build_plan(index, config, subjects))
    findings = [*index.findings, *participants.findings]
    findings += _participant_findings(index, participants)
    for subject, known in days.items():
        findings += known.findings
        findings += _visit_findings(subject, index.sessions[subject], known, config)
    findings += _missing_images(units, index)
    findings.sort(key=lambda finding: finding.level != "wrong")
    return Survey(index, participants, days, units, tuple(findings))


def _participant_findings(index: DatasetIndex, participants: Participants) -> list[Finding]:
    listed = set(participants.labels)
    absent = [
        Finding("missing", "no folder", "Add the images", subject)
        for subject in sorted(listed - index.sessions.keys())
    ]
    if not listed:
        return absent
    problem, remedy = f"is not in {PARTICIPANTS_FILE}", "Add the row, or remove the folder"
    return absent + [
        Finding("wrong", problem, remedy, subject)
        for subject in sorted(index.sessions.keys() - listed)
    ]


def _visit_findings(
    subject: str, sessions: tuple[str, ...], known: SessionDays, config: StudyConfig
) -> list[Finding]:
    findings = []
    for label in sessions:
        visit, day = config.visit(label), known.days.get(label)
        if visit is None:
            remedy = "Add it to the visits of the configuration, or leave it: it is not used"
            findings.append(Finding("wrong", "is not a planned visit", remedy, subject, label))
        elif day is None and not known.findings:
            remedy = "Add day, or acq_time of this and the baseline session"
            path = sessions_file(subject)
            findings.append(
                Finding("missing", "no day since baseline", remedy, subject, label, file=path)
            )
        elif day is not None and not visit.window_days[0] <= day <= visit.window_days[1]:
            low, high = visit.window_days
            problem = f"day {day} is outside the window of the visit ({low} to {high})"
            remedy = "Check the day and the session label"
            findings.append(Finding("warning", problem, remedy, subject, label))
    return findings


def _missing_images(units: tuple[Unit, ...], index: DatasetIndex) -> list[Finding]:
    """List each missing visit once, and in visits that exist each missing scan."""
    findings = []
    for unit in units:
        if unit.status == "excluded" or unit.subject not in index.sessions:
            continue
        visit_exists = unit.session in index.sessions[unit.subject]
        lacks_contrast = unit.kind is UnitKind.SESSION and bool(unit.reason)
        lacks_scan = unit.kind is UnitKind.EYE and unit.status == "blocked" and visit_exists
        if lacks_contrast or lacks_scan:
            remedy = "Add it if it was acquired"
            findings.append(Finding("missing", unit.reason, remedy, unit.subject, unit.session))
    return findings
