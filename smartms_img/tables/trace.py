"""Where one row of the endpoint table comes from: back to the raw scans, by their digests."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from smartms_img.catalogue import PlannedKey, planned_keys
from smartms_img.config import StudyConfig
from smartms_img.errors import InputError
from smartms_img.io.atomic import sha256
from smartms_img.io.decisions import Decision
from smartms_img.io.layout import measures_file
from smartms_img.io.ledger import DERIVATIVE_PREFIX, Attempt
from smartms_img.io.results import Standing, UnitResult
from smartms_img.naming import UnitKind, pair_unit
from smartms_img.tables.assemble import assemble
from smartms_img.tables.columns import KEY
from smartms_img.tables.evidence import SubjectEvidence, gather_evidence
from smartms_img.tables.export import arrow_table, text_columns
from smartms_img.tables.quality import decisions_on, eyes_of
from smartms_img.tables.value_plan import measure_key, unit_of

Role = Literal["raw", "table row", "forerunner", "derivative", "measures"]

_REQUIRED = 3
_MOST_CANDIDATES = 5


@dataclass(frozen=True)
class TracedFile:
    """A file that a unit read or wrote.

    Attributes
    ----------
    role : {'raw', 'table row', 'forerunner', 'derivative', 'measures'}
        'raw' and 'table row' (a row of a table of the dataset) were read from the dataset, a
        'forerunner' is a derivative of another unit that was read; the others were written.
    file : str
        Relative to the dataset, or for derivatives to the output directory.
    sha256 : str
        As the ledger has it.
    now : {'', 'same', 'changed', 'missing'}
        How the file is now; empty for the dataset, which need not be at hand.
    """

    role: Role
    file: str
    sha256: str
    now: Literal["", "same", "changed", "missing"] = ""


@dataclass(frozen=True)
class TracedUnit:
    """A unit of the chain and its latest attempt; what no attempt has said is None or empty."""

    unit: str
    standing: Standing
    problem: str
    depends: tuple[str, ...]
    attempt: int | None = None
    started: str = ""
    ended: str = ""
    seed: int | None = None
    method_version: str = ""
    config_sha256: str = ""
    versions: Mapping[str, str] | None = None
    files: tuple[TracedFile, ...] = ()


@dataclass(frozen=True)
class Trace:
    """One row and all it was made from.

    Attributes
    ----------
    row : dict of str to str
        The cells as ``endpoints.tsv`` has them.
    unit : str
        The unit that measured it.
    decisions : tuple of Decision
        About its quality; none where there is no value.
    made_by : list
        ``GeneratedBy`` of the output: program, version, and commit where it is known.
    units : tuple of TracedUnit
        The unit and all it depends on, a unit after those.
    """

    row: Mapping[str, str]
    unit: str
    decisions: tuple[Decision, ...]
    made_by: Sequence[Any]
    units: tuple[TracedUnit, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON content."""
        return asdict(self)


def trace_row(
    out: Path,
    results: Mapping[str, UnitResult],
    config: StudyConfig,
    decisions: Sequence[Decision],
    wanted: str,
) -> Trace:
    """Trace a row of the endpoint table.

    Parameters
    ----------
    out : Path
        Output directory.
    results, config, decisions
        What :func:`smartms_img.tables.write_tables` makes the tables from.
    wanted : str
        ``USUBJID,AVISIT,PARAMCD[,LOC[,LAT[,BASETYPE]]]``, a part with a comma in double quotes.
        LOC and LAT are empty where they are left off, BASETYPE is the only one there is.

    Raises
    ------
    InputError
        If no row, or more than one, is meant.
    """
    parts = _split(wanted)
    gathered = gather_evidence(results, decisions)
    subjects = {f"{config.study_id}-{evidence.subject}": evidence for evidence in gathered}
    if parts[0] not in subjects:
        raise _no_match(KEY[0], parts[0], list(subjects))
    evidence = subjects[parts[0]]
    key, row = _select(planned_keys(config), assemble([evidence], config), parts)
    unit = unit_of(evidence.subject, key)
    behind = _chains(results, evidence, key, config)
    return Trace(
        row={name: cells[0].as_py() for name, cells in text_columns(arrow_table(row)).items()},
        unit=unit,
        decisions=tuple(_decisions(evidence, key, unit)),
        made_by=_made_by(out),
        units=tuple(_traced(out, results[name]) for name in behind),
    )


def _split(wanted: str) -> list[str]:
    # A row is one line: where a text has more, no row is meant.
    lines = wanted.splitlines()
    parts = [part.strip() for part in next(csv.reader(lines), [])] if len(lines) == 1 else []
    if not _REQUIRED <= len(parts) <= len(KEY):
        remedy = "Give USUBJID,AVISIT,PARAMCD and where it has them ,LOC,LAT,BASETYPE"
        raise InputError(f"'{' '.join(wanted.split())}' names no row", remedy)
    # BASETYPE stays open, for it is mostly the only one.
    return parts + [""] * (len(KEY) - 1 - len(parts))


def _select(
    keys: Sequence[PlannedKey], rows: pd.DataFrame, parts: list[str]
) -> tuple[PlannedKey, pd.DataFrame]:
    """Narrow the rows of a subject part by part, so that an error can say which one is wrong."""
    for column, part in zip(KEY, parts, strict=False):
        matching = rows[rows[column] == part]
        if matching.empty:
            raise _no_match(column, part, rows[column].tolist())
        rows = matching
    if len(rows) > 1:
        names = ", ".join(rows["BASETYPE"])
        raise InputError(f"several rows differ in BASETYPE: {names}", "Add the one that is meant")
    return keys[rows.index[0]], rows


def _no_match(column: str, part: str, known: list[str]) -> InputError:
    names = list(dict.fromkeys(known))
    near = get_close_matches(part, names, _MOST_CANDIDATES, cutoff=0.5) or names[:_MOST_CANDIDATES]
    listed = ", ".join(f"'{name}'" for name in near)
    return InputError(f"{column} '{part}' matches no row", f"Near are: {listed}")


def _decisions(evidence: SubjectEvidence, key: PlannedKey, unit: str) -> list[Decision]:
    """Return the decisions on a value; none where there is no value."""
    found = evidence.units.get(unit)
    measure = found.measures.get(measure_key(key)) if found else None
    if found is None or measure is None or measure.value is None:
        return []
    return decisions_on(evidence, key, found, measure)


def _chains(
    results: Mapping[str, UnitResult],
    evidence: SubjectEvidence,
    key: PlannedKey,
    config: StudyConfig,
) -> list[str]:
    """Return the units behind a row: its own last; before it those behind BASE and CHG."""
    reference = key.reference or config.baseline
    units = [*_eyes(evidence, key), unit_of(evidence.subject, key)]
    if key.endpoint.kind is not UnitKind.PAIR and key.visit != reference:
        before = replace(key, visit=reference)
        units = [*_eyes(evidence, before), unit_of(evidence.subject, before), *units]
        if key.endpoint.kind is UnitKind.SESSION:
            units.insert(1, pair_unit(evidence.subject, reference, key.visit))
    own = units[-1]
    chain = dict.fromkeys(name for unit in units for name in _chain(results, unit))
    return [*(name for name in chain if name != own), *(name for name in chain if name == own)]


def _eyes(evidence: SubjectEvidence, key: PlannedKey) -> list[str]:
    """Return the units of the eyes that a value of both eyes is made from."""
    if key.endpoint.measured_by(key.lat) is not UnitKind.SUBJECT:
        return []
    return [eye.row.unit for eye in eyes_of(evidence, key)]


def _chain(results: Mapping[str, UnitResult], unit: str) -> list[str]:
    """Return a unit after all that it depends on, each once; nothing for what is not planned."""
    if unit not in results:
        return []
    row = results[unit].row
    # The unit of a subject depends on all its eyes, a value only on those of its visit and scan.
    depends = () if row.kind is UnitKind.SUBJECT else row.depends
    before = [name for depend in depends for name in _chain(results, depend)]
    return [*dict.fromkeys(before), unit]


def _traced(out: Path, result: UnitResult) -> TracedUnit:
    attempt, depends = result.attempt, result.row.depends
    if attempt is None:
        return TracedUnit(result.row.unit, result.standing, result.problem, depends)
    return TracedUnit(
        unit=result.row.unit,
        standing=result.standing,
        problem=result.problem,
        depends=depends,
        attempt=attempt.number,
        started=attempt.started,
        ended=attempt.ended,
        seed=attempt.seed,
        method_version=attempt.method_version,
        config_sha256=attempt.config_sha256,
        versions=attempt.versions,
        files=tuple(_files(out, result.row.stem, attempt)),
    )


def _files(out: Path, stem: str, attempt: Attempt) -> list[TracedFile]:
    found: list[TracedFile] = []
    for name, digest in attempt.inputs.items():
        if name.startswith(DERIVATIVE_PREFIX):
            file = name.removeprefix(DERIVATIVE_PREFIX)
            found.append(TracedFile("forerunner", file, digest, _now(out / file, digest)))
        else:
            found.append(TracedFile("table row" if "#" in name else "raw", name, digest))
    for file, digest in attempt.outputs.items():
        role: Role = "measures" if file == measures_file(stem) else "derivative"
        found.append(TracedFile(role, file, digest, _now(out / file, digest)))
    return found


def _now(path: Path, digest: str) -> Literal["same", "changed", "missing"]:
    if not path.is_file():
        return "missing"
    return "same" if sha256(path) == digest else "changed"


def _made_by(out: Path) -> list[Any]:
    try:
        content = json.loads((out / "dataset_description.json").read_text(encoding="utf-8"))
        return list(content.get("GeneratedBy", []))
    except (OSError, ValueError, AttributeError, TypeError):
        return []
