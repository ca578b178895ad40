"""Tables: assemble, validate and export the endpoints of a study."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from smartms_img.config import StudyConfig
from smartms_img.io.decisions import Decision
from smartms_img.io.plan_table import read_plan
from smartms_img.tables.assemble import assemble
from smartms_img.tables.evidence import SubjectEvidence, UnitEvidence, read_evidence
from smartms_img.tables.export import write_endpoints, write_qc_table
from smartms_img.tables.schema import TableError, validate

__all__ = [
    "SubjectEvidence",
    "TableError",
    "UnitEvidence",
    "assemble",
    "read_evidence",
    "validate",
    "write_tables",
]

TABLES_FOLDER = "tables"


def write_tables(
    out: Path,
    config: StudyConfig,
    decisions: Sequence[Decision],
    partitions: int | None = None,
) -> Path:
    """Write the tables of an output directory, from what lies in it and nothing else.

    Writes ``tables/endpoints.tsv``, ``endpoints.json``, ``endpoints.parquet`` and ``qc.tsv``.
    The same derivatives, decisions and configuration give the same bytes.

    Parameters
    ----------
    out : Path
        Output directory with ``plan.tsv``, measures, QC metrics and ledger.
    config : StudyConfig
        Study and method.
    decisions : sequence of Decision
        About the quality of the units, as :func:`smartms_img.qc.decisions.automatic` gives them.
    partitions : int, optional
        Number of Dask tasks; by default one a subject. No effect on the result.

    Returns
    -------
    Path
        The folder of the tables.

    Raises
    ------
    InputError
        If the directory has no plan, or holds a measure that the configuration does not plan.
    TableError
        If the table breaks a rule of its schema; nothing is written then.
    """
    plan = read_plan(out)
    table = assemble(read_evidence(out, plan, decisions), config, partitions)
    validate(table)
    folder = out / TABLES_FOLDER
    write_endpoints(folder, table)
    write_qc_table(folder, out, plan)
    return folder
