"""What the output directory knows about the units of one subject."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from smartms_img.errors import InputError
from smartms_img.io.decisions import Decision
from smartms_img.io.layout import measures_file
from smartms_img.io.measures import Measure
from smartms_img.io.plan_table import PlanRow
from smartms_img.io.results import UnitResult
from smartms_img.naming import OctScanKind, UnitKind

MeasureKey = tuple[str, str, str, str]
"""Visit, PARAMCD, LOC, LAT of a measure within its unit."""


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

    @cached_property
    def days(self) -> dict[str, int]:
        """Day of each visit in the scale of the dataset; visits without a known day are absent."""
        rows = [unit.row for unit in self.units.values()]
        return {
            row.session: row.day
            for row in rows
            if row.kind is UnitKind.SESSION and row.day is not None
        }

    @cached_property
    def decisions_on(self) -> dict[str, list[Decision]]:
        """Decisions by unit id; units without any are absent."""
        found: dict[str, list[Decision]] = {}
        for decision in self.decisions:
            found.setdefault(decision.unit, []).append(decision)
        return found

    @cached_property
    def eye_units(self) -> dict[tuple[str, OctScanKind | None], list[UnitEvidence]]:
        """Eye units by visit and kind of scan."""
        found: dict[tuple[str, OctScanKind | None], list[UnitEvidence]] = {}
        for unit in self.units.values():
            if unit.row.kind is UnitKind.EYE:
                found.setdefault((unit.row.session, unit.row.scan), []).append(unit)
        return found


def gather_evidence(
    results: Mapping[str, UnitResult], decisions: Sequence[Decision]
) -> list[SubjectEvidence]:
    """Return the evidence of every subject of a plan, subjects sorted by label.

    Raises
    ------
    InputError
        If a unit has measured something twice.
    """
    units: dict[str, dict[str, UnitEvidence]] = {}
    for name, result in results.items():
        units.setdefault(result.row.subject, {})[name] = _evidence(result)
    about: dict[str, list[Decision]] = {}
    for decision in decisions:
        if decision.unit in results:
            about.setdefault(results[decision.unit].row.subject, []).append(decision)
    return [
        SubjectEvidence(subject, units[subject], tuple(about.get(subject, ())))
        for subject in sorted(units)
    ]


def _evidence(result: UnitResult) -> UnitEvidence:
    measures = _by_key(result.row, result.measures)
    if result.attempt is None:
        return UnitEvidence(result.row, measures, result.problem)
    inputs, digest = result.attempt.inputs, result.attempt.config_sha256
    return UnitEvidence(result.row, measures, result.problem, inputs, digest)


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
