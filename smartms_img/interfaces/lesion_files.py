"""The table of lesions, a tab-separated file with a row a lesion."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from smartms_img.io.atomic import write_text
from smartms_img.io.tsv import tsv_text
from smartms_img.mri.lesion_table import LesionRow

COLUMNS = (
    "lesion",
    "change",
    "location",
    "volume_mm3",
    "follow_volume_mm3",
    "x_mm",
    "y_mm",
    "z_mm",
    "probability",
    "jacobian",
    "rule",
)


def write_lesion_rows(path: Path, rows: Sequence[LesionRow], rule: str = "") -> None:
    """Write the rows; what a single visit cannot tell is n/a."""
    lines = [
        [
            str(row.number),
            row.change or "n/a",
            row.location,
            f"{row.volume_mm3:.1f}",
            _cell(row.follow_volume_mm3, 1),
            *(f"{value:.1f}" for value in row.centre_mm),
            f"{row.probability:.3f}",
            _cell(row.jacobian, 4),
            rule or "n/a",
        ]
        for row in rows
    ]
    write_text(path, tsv_text([COLUMNS, *lines]))


def _cell(value: float | None, digits: int) -> str:
    return "n/a" if value is None else f"{value:.{digits}f}"
