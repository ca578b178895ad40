"""Writes the tables of an output directory from what lies in it."""

from __future__ import annotations

from pathlib import Path

from smartms_img.config import StudyConfig
from smartms_img.io.results import read_results
from smartms_img.qc.decisions import automatic
from smartms_img.tables import write_tables


def write_all(out: Path, config: StudyConfig, partitions: int | None = None) -> Path:
    results = read_results(out, config)
    return write_tables(out, results, config, automatic(results), partitions)
