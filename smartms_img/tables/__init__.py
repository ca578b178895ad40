"""Tables: assemble, validate and export the endpoints of a study."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from smartms_img.config import StudyConfig
from smartms_img.io.decisions import Decision, ReaderFigure
from smartms_img.io.layout import TABLES_FOLDER
from smartms_img.io.results import UnitResult
from smartms_img.tables.apostel import write_apostel
from smartms_img.tables.assemble import assemble
from smartms_img.tables.evidence import SubjectEvidence, UnitEvidence, gather_evidence
from smartms_img.tables.export import write_qc_table
from smartms_img.tables.methods import write_methods
from smartms_img.tables.overview import OVERVIEW_COLUMNS, write_overview
from smartms_img.tables.parts import Part, read_endpoints, write_endpoint_files
from smartms_img.tables.schema import TableError, validate

__all__ = [
    "SubjectEvidence",
    "TableError",
    "UnitEvidence",
    "assemble",
    "gather_evidence",
    "validate",
    "write_tables",
]

_SUBJECTS_A_PART = 100


def write_tables(
    out: Path,
    results: Mapping[str, UnitResult],
    config: StudyConfig,
    decisions: Sequence[Decision],
    partitions: int | None = None,
    target: Path | None = None,
    readers: Sequence[ReaderFigure] = (),
) -> Path:
    """Write the tables of an output directory.

    Writes ``tables/endpoints.tsv``, ``endpoints.json``, ``endpoints.parquet``, ``wide.tsv``,
    ``qc.tsv``, ``overview.html`` and the exports of :mod:`smartms_img.tables.cdisc`, and beside
    the folder ``apostel.json``, ``methods.md`` and ``citations.bib``. The same results, decisions
    and configuration give the same bytes.

    Parameters
    ----------
    out : Path
        Output directory.
    results : mapping of str to UnitResult
        What :func:`smartms_img.io.results.read_results` found there.
    config : StudyConfig
        Study and method.
    decisions : sequence of Decision
        About the quality of the units, as :func:`smartms_img.qc.decisions.automatic` gives them.
    partitions : int, optional
        Number of parts that the subjects are dealt to; by default of 100 subjects each. No effect
        on the result.
    target : Path, optional
        Folder to write below; by default the output directory itself.
    readers : sequence of ReaderFigure
        Numbers about the readers, for ``qc.tsv``.

    Returns
    -------
    Path
        The folder of the tables.

    Raises
    ------
    InputError
        If the results hold a measure that the configuration does not plan, or a layers document
        cannot be read.
    TableError
        If the table breaks a rule of its schema; nothing is written then.
    """
    target = target or out
    folder = target / TABLES_FOLDER
    subjects = gather_evidence(results, decisions)
    workers = _cores() if len(subjects) > _SUBJECTS_A_PART else 1
    write_endpoint_files(folder, _parts(subjects, config, partitions), config, workers)
    write_qc_table(folder, results, readers)
    write_overview(folder, read_endpoints(folder, OVERVIEW_COLUMNS), config)
    write_apostel(out, results, config, decisions, target)
    write_methods(target, results, config)
    return folder


def _parts(
    subjects: Sequence[SubjectEvidence], config: StudyConfig, partitions: int | None
) -> list[Part]:
    """Return what assembles runs of neighbouring subjects."""
    size = -(-len(subjects) // partitions) if partitions else _SUBJECTS_A_PART
    starts = range(0, max(len(subjects), 1), max(size, 1))
    return [partial(assemble, subjects[start : start + size], config) for start in starts]


def _cores() -> int:
    return len(os.sched_getaffinity(0))
