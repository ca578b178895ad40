"""The QC report: an overview and one page a subject, readable offline from the file system."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from smartms_img.io.atomic import write_text
from smartms_img.io.decisions import Decision
from smartms_img.io.ratings import Rating
from smartms_img.io.results import UnitResult
from smartms_img.qc.agreement import agreements
from smartms_img.qc.cohort import distributions
from smartms_img.qc.reader_figures import drifts
from smartms_img.qc.readings import Reading, readings
from smartms_img.qc.report_endpoints import completeness, endpoint_tables, read_main_endpoints
from smartms_img.qc.report_model import STATES, Cohort, SubjectView, view_subjects
from smartms_img.qc.rubric import ELEMENTS

_OVERVIEW = "tables/overview.html"


def write_report(
    out: Path,
    results: Mapping[str, UnitResult],
    ratings: Sequence[Rating],
    decisions: Sequence[Decision],
    target: Path | None = None,
) -> Path:
    """Write ``index.html``, ``cohort.html`` and one ``sub-<label>.html`` a subject.

    The same input gives the same bytes.

    Parameters
    ----------
    out : Path
        Output directory; what is not there yet is shown as missing.
    results : mapping of str to UnitResult
        What :func:`smartms_img.io.results.read_results` found there.
    ratings : sequence of Rating
        What readers have said. A verdict is shown once it is decided, and not before.
    decisions : sequence of Decision
        What checks and readers together decide.
    target : Path, optional
        Folder to write to, beside its tables; by default the output directory itself.

    Returns
    -------
    Path
        The overview.
    """
    templates, target = _templates(), target or out
    checks, read = distributions(results), readings(results, ratings)
    by_unit: dict[str, list[Reading]] = {}
    for reading in read.values():
        by_unit.setdefault(reading.unit, []).append(reading)
    decided: dict[str, list[Decision]] = {}
    for decision in decisions:
        decided.setdefault(decision.unit, []).append(decision)
    subjects = view_subjects(out, results, Cohort(checks, by_unit, decided))
    rows = read_main_endpoints(target)
    endpoints = endpoint_tables(rows)
    for number, subject in enumerate(subjects):
        page = templates.get_template("subject.html.j2").render(
            subject=subject,
            before=subjects[number - 1].label if number else "",
            after=subjects[number + 1].label if number + 1 < len(subjects) else "",
            endpoints=endpoints.get(subject.label),
        )
        write_text(target / f"sub-{subject.label}.html", page)
    cohort = templates.get_template("cohort.html.j2").render(
        checks=checks.values(),
        pages={unit: f"sub-{result.row.subject}.html" for unit, result in results.items()},
        complete=completeness(rows),
        agreements=agreements(ratings),
        drifts=drifts(ratings),
        elements=ELEMENTS,
        states=Counter(reading.state for reading in read.values()),
        overview=(target / _OVERVIEW).is_file(),
    )
    write_text(target / "cohort.html", cohort)
    index = target / "index.html"
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
