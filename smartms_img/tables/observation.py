"""One planned value of one subject: measured, or missing with a reason."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from smartms_img.catalogue import PlannedKey
from smartms_img.errors import InputError
from smartms_img.io.layout import measures_file
from smartms_img.io.measures import Measure
from smartms_img.io.plan_table import PlanRow
from smartms_img.naming import (
    Eye,
    QcStatus,
    UnitKind,
    eye_unit,
    pair_unit,
    session_unit,
    subject_unit,
)
from smartms_img.tables.evidence import SubjectEvidence, UnitEvidence
from smartms_img.tables.quality import Verdict, eyes_of, verdict

_VISITS_OF_A_PAIR = 2


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
    sources, source_sha256 : tuple of str
        Files measured, or planned to be measured, and their digests ('' where unknown).
    config_sha256 : str
        Digest of the configuration of the latest attempt, empty without one.
    """

    key: PlannedKey
    value: float | None
    unit: str
    verdict: Verdict
    method: str = ""
    method_version: str = ""
    sources: tuple[str, ...] = ()
    source_sha256: tuple[str, ...] = ()
    config_sha256: str = ""


def observe(evidence: SubjectEvidence, keys: tuple[PlannedKey, ...]) -> list[Observation]:
    """Return one observation a planned key, in the same order.

    Raises
    ------
    InputError
        If a unit measured something that is not planned: a value must not vanish silently.
    """
    units = [unit_of(evidence.subject, key) for key in keys]
    _refuse_unplanned(evidence, keys, units)
    return [_observe(evidence, key, unit) for key, unit in zip(keys, units, strict=True)]


def unit_of(subject: str, key: PlannedKey) -> str:
    """Return the id of the unit that measures a planned value."""
    kind = key.endpoint.measured_by(key.lat)
    if kind is UnitKind.SESSION:
        return session_unit(subject, key.visit)
    if kind is UnitKind.PAIR:
        return pair_unit(subject, key.reference, key.visit)
    if kind is UnitKind.EYE and key.endpoint.scan is not None:
        return eye_unit(subject, key.visit, Eye(key.lat), key.endpoint.scan)
    return subject_unit(subject)


def _refuse_unplanned(
    evidence: SubjectEvidence, keys: tuple[PlannedKey, ...], units: list[str]
) -> None:
    planned = {
        (unit, key.visit, key.paramcd, key.loc, key.lat)
        for key, unit in zip(keys, units, strict=True)
    }
    for unit_id, unit in evidence.units.items():
        for key in unit.measures:
            if (unit_id, *key) not in planned:
                raise InputError(
                    f"{' '.join(part for part in key if part)} is not a planned endpoint",
                    "Use the configuration of the run, or run again with this one",
                    file=measures_file(unit.row.stem),
                )


def _observe(evidence: SubjectEvidence, key: PlannedKey, unit_id: str) -> Observation:
    unit = evidence.units.get(unit_id)
    if unit is None:
        reason = "not in the plan: run again with this configuration"
        return Observation(key, None, key.endpoint.unit, Verdict(QcStatus.NOTRUN, reason))
    measure = unit.measures.get((key.visit, key.paramcd, key.loc, key.lat))
    sources = measure.source if measure and measure.source else _planned_sources(unit.row, key)
    value = measure.value if measure else None
    judged = Verdict(QcStatus.NOTRUN, _why_missing(evidence, key, unit, measure))
    if measure is not None and value is not None:
        judged = verdict(evidence, key, unit, measure)
        reason = "; ".join(part for part in (judged.reason, measure.reason) if part)
        judged = Verdict(judged.status, reason)
    return Observation(
        key=key,
        # Adding 0.0 turns a negative zero into zero.
        value=None if value is None else round(value, key.endpoint.precision) + 0.0,
        unit=measure.unit if measure and value is not None else key.endpoint.unit,
        verdict=judged,
        method=_method(key, measure) if measure else "",
        method_version=measure.method_version if measure else "",
        sources=sources,
        source_sha256=tuple(_source_sha256(evidence, unit, source) for source in sources),
        config_sha256=unit.config_sha256,
    )


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
