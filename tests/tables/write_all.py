"""Writes the tables of an output directory from what lies in it."""

from __future__ import annotations

from pathlib import Path

from smartms_img.config import StudyConfig
from smartms_img.io.results import read_results
from smartms_img.qc.decisions import automatic
from smartms_img.tables import TABLES_FOLDER, assemble, gather_evidence, validate, write_tables
from smartms_img.tables.export import write_endpoints


def write_text_table(out: Path, config: StudyConfig) -> Path:
    """Write ``endpoints`` alone: the exports take longer than most tests."""
    results = read_results(out, config)
    table = assemble(gather_evidence(results, automatic(results)), config)
    validate(table)
    write_endpoints(out / TABLES_FOLDER, table)
    return out / TABLES_FOLDER


def write_all(out: Path, config: StudyConfig, partitions: int | None = None) -> Path:
    results = read_results(out, config)
    return write_tables(out, results, config, automatic(results), partitions)
