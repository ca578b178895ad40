"""Tables and report from what lies in the output directory."""

from __future__ import annotations

from pathlib import Path

from smartms_img.config import StudyConfig


def write_results(out: Path, config: StudyConfig) -> None:
    """Write the tables and the report of an output directory."""
    # pandas, pyarrow and the drawing of the report take seconds to import.
    from smartms_img.qc.decisions import automatic  # noqa: PLC0415
    from smartms_img.qc.report import write_report  # noqa: PLC0415
    from smartms_img.tables import write_tables  # noqa: PLC0415

    write_tables(out, config, automatic(out))
    write_report(out)
