"""The QC report: an overview and one page a subject, readable offline from the file system."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from smartms_img.io.atomic import write_text
from smartms_img.io.results import UnitResult
from smartms_img.io.tsv import read_tsv
from smartms_img.qc.report_model import KEY_LOCATIONS, STATES, SubjectView, view_subjects

ENDPOINTS_FILE = "tables/endpoints.tsv"


@dataclass(frozen=True)
class EndpointCell:
    """One value of the endpoint table as it is shown: text, QC status, reason."""

    text: str
    status: str
    reason: str


@dataclass(frozen=True)
class EndpointTable:
    """Endpoints by visit of one subject; rows are (name, unit, a cell for every visit)."""

    visits: tuple[str, ...]
    rows: tuple[tuple[str, str, tuple[EndpointCell, ...]], ...]


def write_report(out: Path, results: Mapping[str, UnitResult]) -> Path:
    """Write ``index.html`` and one ``sub-<label>.html`` a subject; the same input, same bytes.

    Parameters
    ----------
    out : Path
        Output directory; what is not there yet is shown as missing.
    results : mapping of str to UnitResult
        What :func:`smartms_img.io.results.read_results` found there.

    Returns
    -------
    Path
        The overview.
    """
    templates = _templates()
    subjects = view_subjects(out, results)
    endpoints = _endpoint_tables(out)
    for number, subject in enumerate(subjects):
        page = templates.get_template("subject.html.j2").render(
            subject=subject,
            before=subjects[number - 1].label if number else "",
            after=subjects[number + 1].label if number + 1 < len(subjects) else "",
            endpoints=endpoints.get(subject.label),
        )
        write_text(out / f"sub-{subject.label}.html", page)
    index = out / "index.html"
    write_text(index, templates.get_template("index.html.j2").render(_overview(subjects)))
    return index


def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _overview(subjects: Sequence[SubjectView]) -> dict[str, object]:
    units = [unit for subject in subjects for unit in subject.units]
    columns = list(dict.fromkeys(unit.column for unit in units))
    counts = Counter(unit.state for unit in units)
    return {
        "columns": columns,
        "subjects": sorted(subjects, key=lambda subject: (subject.badness, subject.label)),
        "cells": {s.label: {unit.column: unit for unit in s.units} for s in subjects},
        "counts": [(state, sign, counts[state]) for state, sign in STATES.items()],
        "total": len(units),
    }


def _endpoint_tables(out: Path) -> dict[str, EndpointTable]:
    """Return the main endpoints by subject label; nothing where there is no table yet."""
    path = out / ENDPOINTS_FILE
    rows = read_tsv(path, key="PARAMCD") if path.is_file() else []
    by_subject: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        if row["LOC"] in KEY_LOCATIONS:
            label = row["USUBJID"].removeprefix(f"{row['STUDYID']}-")
            by_subject.setdefault(label, []).append(row)
    return {label: _endpoint_table(own) for label, own in by_subject.items()}


def _endpoint_table(rows: Sequence[Mapping[str, str]]) -> EndpointTable:
    numbers = {row["AVISIT"]: int(row["AVISITN"]) for row in rows}
    visits = sorted(numbers, key=lambda visit: numbers[visit])
    lines: dict[tuple[str, str], dict[str, EndpointCell]] = {}
    usual = rows[0]["BASETYPE"]
    for row in rows:
        against = "" if row["BASETYPE"] == usual else f"(against {row['BASETYPE']})"
        parts = (row["PARAMCD"], row["LOC"], row["LAT"], against)
        name = " ".join(part for part in parts if part)
        cell = EndpointCell(row["AVAL"] or "missing", row["QCSTAT"], row["QCREAS"])
        lines.setdefault((name, row["AVALU"]), {})[row["AVISIT"]] = cell
    none = EndpointCell("", "", "")
    table = [
        (name, unit, tuple(cells.get(visit, none) for visit in visits))
        for (name, unit), cells in lines.items()
    ]
    return EndpointTable(tuple(visits), tuple(table))
