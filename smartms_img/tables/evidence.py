"""What the output directory knows about the units of one subject."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from smartms_img.errors import InputError
from smartms_img.io.atomic import sha256
from smartms_img.io.decisions import Decision
from smartms_img.io.layout import measures_file
from smartms_img.io.ledger import Attempt, latest_attempt
from smartms_img.io.measures import Measure, read_measures
from smartms_img.io.plan_table import PlanRow
from smartms_img.naming import UnitKind

MeasureKey = tuple[str, str, str, str]
"""Visit, PARAMCD, LOC, LAT of a measure within its unit."""

Attempts = Mapping[str, Attempt | None]
"""Latest attempt by unit id."""

# How the ledger marks an input that is a derivative.
_DERIVATIVE = "bids::"


@dataclass(frozen=True)
class UnitEvidence:
    """One unit: its row of the plan and what became of it.

    Attributes
    ----------
    row : PlanRow
        The plan.
    measures : dict of MeasureKey to Measure
        What it measured; empty where ``problem`` says why there is nothing.
    problem : str
        Why the unit has no measures, empty if it has.
    input_sha256 : dict of str to str
        SHA-256 of the files that the latest attempt read.
    config_sha256 : str
        Digest of the configuration that the latest attempt ran with, empty without an attempt.
    """

    row: PlanRow
    measures: Mapping[MeasureKey, Measure]
    problem: str = ""
    input_sha256: Mapping[str, str] = field(default_factory=dict)
    config_sha256: str = ""


@dataclass(frozen=True)
class SubjectEvidence:
    """Everything that the rows of one subject are made from.

    Attributes
    ----------
    subject : str
        Label.
    units : dict of str to UnitEvidence
        By unit id, in the order of the plan.
    decisions : tuple of Decision
        About these units.
    """

    subject: str
    units: Mapping[str, UnitEvidence]
    decisions: tuple[Decision, ...] = ()

    @property
    def days(self) -> dict[str, int]:
        """Day of each visit in the scale of the dataset; visits without a known day are absent."""
        rows = [unit.row for unit in self.units.values()]
        return {
            row.session: row.day
            for row in rows
            if row.kind is UnitKind.SESSION and row.day is not None
        }


def read_evidence(
    out: Path, plan: Sequence[PlanRow], decisions: Sequence[Decision]
) -> list[SubjectEvidence]:
    """Read the evidence of every subject of a plan, subjects sorted by label."""
    subjects = sorted({row.subject for row in plan})
    found: list[SubjectEvidence] = []
    for subject in subjects:
        rows = [row for row in plan if row.subject == subject]
        attempts = {row.unit: _attempt(out, row) for row in rows}
        units = {row.unit: _read_unit(out, row, attempts) for row in rows}
        own = tuple(decision for decision in decisions if decision.unit in units)
        found.append(SubjectEvidence(subject, units, own))
    return found


def _attempt(out: Path, row: PlanRow) -> Attempt | None:
    """Return the latest attempt; one at a unit that the plan has blocked since says nothing."""
    return latest_attempt(out, row.unit) if row.status == "runnable" else None


def _read_unit(out: Path, row: PlanRow, attempts: Attempts) -> UnitEvidence:
    attempt = attempts[row.unit]
    problem = _problem(out, row, attempts)
    measures = {} if problem else _by_key(row, _read(out, row))
    if attempt is None:
        return UnitEvidence(row, measures, problem)
    return UnitEvidence(row, measures, problem, attempt.inputs, attempt.config_sha256)


def _problem(out: Path, row: PlanRow, attempts: Attempts) -> str:
    """Say why the measures of a unit must not be used; empty if they may."""
    if row.status != "runnable":
        return row.reason or row.status
    attempt = attempts[row.unit]
    if attempt is not None and attempt.state != "done":
        return attempt.reason or attempt.cause or "the unit failed"
    if not (out / measures_file(row.stem)).is_file():
        return _why_not_run(row, attempts) if attempt is None else "the measures file is gone"
    return _why_outdated(out, row, attempt, attempts) if attempt is not None else ""


def _why_not_run(row: PlanRow, attempts: Attempts) -> str:
    for name in row.depends:
        needed = attempts.get(name)
        if needed is not None and needed.state != "done":
            return f"needs {name}, which failed: {needed.reason or needed.cause}"
    return "not run yet"


def _why_outdated(out: Path, row: PlanRow, attempt: Attempt, attempts: Attempts) -> str:
    name = measures_file(row.stem)
    digest = sha256(out / name)
    if attempt.outputs.get(name, digest) != digest:
        return "the measures file was changed after the unit wrote it"
    if _derivatives_read(attempt) != _derivatives_now(row, attempts):
        return "made from derivatives that have changed since: run again"
    return ""


def _derivatives_read(attempt: Attempt) -> dict[str, str]:
    """Return the digests of the derivatives that an attempt read."""
    return {
        name.removeprefix(_DERIVATIVE): digest
        for name, digest in attempt.inputs.items()
        if name.startswith(_DERIVATIVE)
    }


def _derivatives_now(row: PlanRow, attempts: Attempts) -> dict[str, str]:
    """Return the digests of what the units that a unit depends on wrote last."""
    current: dict[str, str] = {}
    for name in row.depends:
        attempt = attempts.get(name)
        if attempt is not None and attempt.state == "done":
            current |= attempt.outputs
    return current


def _read(out: Path, row: PlanRow) -> list[Measure]:
    name = measures_file(row.stem)
    try:
        return read_measures(out / name)
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise InputError(
            "is not a list of measures", "Delete it and run 'smartms run' again", file=name
        ) from error


def _by_key(row: PlanRow, measures: Sequence[Measure]) -> dict[MeasureKey, Measure]:
    found: dict[MeasureKey, Measure] = {}
    for measure in measures:
        key = (measure.visit, measure.PARAMCD, measure.LOC, measure.LAT)
        if key in found:
            raise InputError(
                f"has {' '.join(part for part in key if part)} twice",
                "Delete it and run 'smartms run' again",
                file=measures_file(row.stem),
            )
        found[key] = measure
    return found
