"""One planned value of one subject: measured, or missing with a reason."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from smartms_img.catalogue import PlannedKey
from smartms_img.errors import InputError
from smartms_img.io.layout import measures_file
from smartms_img.io.measures import Measure
from smartms_img.io.plan_table import PlanRow
from smartms_img.naming import QcStatus, UnitKind
from smartms_img.tables.evidence import MeasureKey, SubjectEvidence, UnitEvidence
from smartms_img.tables.quality import Verdict, eyes_of, verdict
from smartms_img.tables.value_plan import ValuePlan

_VISITS_OF_A_PAIR = 2
_NOT_IN_PLAN = Verdict(QcStatus.NOTRUN, "not in the plan: run again with this configuration")


class Observation(NamedTuple):
    """A planned value and what is known about it.

    Attributes
    ----------
    key : PlannedKey
        What was planned.
    value : float or None
        Rounded to the precision of the catalogue.
    unit : str
        Unit of the measure; of the catalogue where there is none.
    verdict : Verdict
        QCSTAT and QCREAS.
    method, method_version : str
        Of the measure, empty where there is none.
    sources, source_sha256 : str
        Files measured, or planned to be measured, and their digests (empty where unknown), each
        joined by ';'.
    config_sha256 : str
        Digest of the configuration of the latest attempt, empty without one.
    """

    key: PlannedKey
    value: float | None
    unit: str
    verdict: Verdict
    method: str = ""
    method_version: str = ""
    sources: str = ""
    source_sha256: str = ""
    config_sha256: str = ""


def observe(evidence: SubjectEvidence, plan: ValuePlan) -> list[Observation]:
    """Return one observation a planned value, in the same order.

    Raises
    ------
    InputError
        If a unit measured something that is not planned: a value must not vanish silently.
    """
    units = plan.units(evidence.subject)
    _refuse_unplanned(evidence, plan, units)
    observer = _Observer(evidence)
    return [
        observer.observe(key, evidence.units.get(unit), name)
        for key, unit, name in zip(plan.keys, units, plan.measures, strict=True)
    ]


def _refuse_unplanned(evidence: SubjectEvidence, plan: ValuePlan, units: list[str]) -> None:
    planned = set(zip(units, plan.measures, strict=True))
    for unit_id, unit in evidence.units.items():
        for key in unit.measures:
            if (unit_id, key) not in planned:
                raise InputError(
                    f"{' '.join(part for part in key if part)} is not a planned endpoint",
                    "Use the configuration of the run, or run again with this one",
                    file=measures_file(unit.row.stem),
                )


class _Observer:
    """Looks at the values of a subject; what several of them share it finds once."""

    def __init__(self, evidence: SubjectEvidence) -> None:
        self._evidence = evidence
        self._decided = {(decision.unit, decision.paramcd) for decision in evidence.decisions}
        self._verdicts: dict[tuple[str, str], Verdict] = {}
        self._sources: dict[tuple[str, tuple[str, ...]], tuple[str, str]] = {}

    def observe(self, key: PlannedKey, unit: UnitEvidence | None, name: MeasureKey) -> Observation:
        """Return what is known about one value, which has a name among those of its unit."""
        if unit is None:
            return Observation(key, None, key.endpoint.unit, _NOT_IN_PLAN)
        measure = unit.measures.get(name)
        if measure is None or measure.value is None:
            why = Verdict(QcStatus.NOTRUN, _why_missing(self._evidence, key, unit, measure))
            value, measured_in, judged = None, key.endpoint.unit, why
        else:
            # Adding 0.0 turns a negative zero into zero.
            value = round(measure.value, key.endpoint.precision) + 0.0
            measured_in, judged = measure.unit, self._verdict(key, unit, measure)
        return Observation(
            key,
            value,
            measured_in,
            judged,
            _method(key, measure) if measure else "",
            measure.method_version if measure else "",
            *self._files(key, unit, measure),
            unit.config_sha256,
        )

    def _verdict(self, key: PlannedKey, unit: UnitEvidence, measure: Measure) -> Verdict:
        """Return the verdict on a value that exists, and what its measure adds."""
        asked = (unit.row.unit, key.paramcd)
        # Most values have no decision of their own: they share that on their unit.
        if asked not in self._decided:
            asked = (unit.row.unit, "")
        judged = self._verdicts.get(asked)
        if judged is None:
            judged = verdict(self._evidence, key, unit, measure)
            # What is measured from both eyes has theirs, which differ from visit to visit.
            if unit.row.kind is not UnitKind.SUBJECT:
                self._verdicts[asked] = judged
        if not measure.reason:
            return judged
        reason = "; ".join(part for part in (judged.reason, measure.reason) if part)
        return Verdict(judged.status, reason)

    def _files(
        self, key: PlannedKey, unit: UnitEvidence, measure: Measure | None
    ) -> tuple[str, str]:
        """Return the files of a value, and their digests."""
        files = measure.source if measure and measure.source else _planned_sources(unit.row, key)
        asked = (unit.row.unit, files)
        found = self._sources.get(asked)
        if found is None:
            digests = [_source_sha256(self._evidence, unit, file) for file in files]
            found = self._sources[asked] = (";".join(files), ";".join(digests))
        return found


def _planned_sources(row: PlanRow, key: PlannedKey) -> tuple[str, ...]:
    """Return the raw files of a unit of one visit; those of a whole subject say nothing."""
    return () if key.endpoint.measured_by(key.lat) is UnitKind.SUBJECT else row.inputs


def _why_missing(
    evidence: SubjectEvidence, key: PlannedKey, unit: UnitEvidence, measure: Measure | None
) -> str:
    if unit.problem:
        return unit.problem
    if unit.row.kind is UnitKind.SUBJECT:
        eyes = [f"{eye.row.eye}: {eye.problem}" for eye in eyes_of(evidence, key) if eye.problem]
        if eyes:
            return "; ".join(eyes)
    if measure is not None and measure.reason:
        return measure.reason
    return unit.row.reason or "not measured by this version"


def _method(key: PlannedKey, measure: Measure) -> str:
    """Return METHOD; what needs more visits than a pair has is marked as a candidate."""
    too_few = key.reference and key.endpoint.min_visits > _VISITS_OF_A_PAIR
    if too_few and "candidate" not in measure.method:
        return f"{measure.method}; candidate, from {_VISITS_OF_A_PAIR} visits"
    return measure.method


def _source_sha256(evidence: SubjectEvidence, unit: UnitEvidence, source: str) -> str:
    """Return the digest of a raw file as the unit, or a unit that it depends on, read it.

    A folder of pictures has the digest of the list that ``sha256sum`` would print of its files.
    """
    if source in unit.input_sha256:
        return unit.input_sha256[source]
    below = (evidence.units[name] for name in unit.row.depends if name in evidence.units)
    for reader in (unit, *below):
        known = reader.input_sha256
        if source in known:
            return known[source]
        within = sorted(name for name in known if name.startswith(f"{source}/"))
        if within:
            listing = "".join(f"{known[name]}  {name}\n" for name in within)
            return hashlib.sha256(listing.encode()).hexdigest()
    return ""
