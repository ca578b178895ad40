"""Writes the tables of an output directory from what lies in it."""

from __future__ import annotations

from pathlib import Path

from smartms_img.config import StudyConfig
from smartms_img.io.layout import TABLES_FOLDER
from smartms_img.io.results import read_results
from smartms_img.qc.decisions import automatic
from smartms_img.tables import assemble, gather_evidence, validate, write_tables
from smartms_img.tables.export import arrow_table, endpoint_header, endpoint_lines


def write_text_table(out: Path, config: StudyConfig) -> Path:
    """Write ``endpoints.tsv`` alone: all tables take longer than most tests."""
    results = read_results(out, config)
    table = assemble(gather_evidence(results, automatic(results)), config)
    validate(table)
    folder = out / TABLES_FOLDER
    folder.mkdir(exist_ok=True)
    (folder / "endpoints.tsv").write_bytes(
        endpoint_header().encode() + endpoint_lines(arrow_table(table))
    )
    return folder


def write_all(out: Path, config: StudyConfig, partitions: int | None = None) -> Path:
    results = read_results(out, config)
    return write_tables(out, results, config, automatic(results), partitions)
