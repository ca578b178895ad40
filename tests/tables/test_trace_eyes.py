"""Values of both eyes, traced to the eyes that they are made from."""

from __future__ import annotations

from pathlib import Path

import pytest

from smartms_img.config import StudyConfig
from smartms_img.io.results import read_results
from smartms_img.qc.decisions import automatic
from smartms_img.tables.trace import trace_row

BASELINE = [f"sub-01_ses-M00_eye-{eye}_acq-ring" for eye in ("OD", "OS")]
LATER = [f"sub-01_ses-M06_eye-{eye}_acq-ring" for eye in ("OD", "OS")]


@pytest.mark.parametrize(
    ("row", "eyes"),
    [
        ("TRIAL-01,Baseline,RNFL,G,BOTH", BASELINE),
        ("TRIAL-01,Baseline,IEDRNFL", BASELINE),
        ("TRIAL-01,Month 6,RNFL,G,BOTH", BASELINE + LATER),
        ("TRIAL-01,Month 12,RNFL,G,BOTH", BASELINE),
        ("TRIAL-01,Baseline,GCIPL,M6,BOTH", []),
    ],
)
def test_only_the_eyes_of_the_visit_and_the_scan_are_behind(
    out: Path, config: StudyConfig, row: str, eyes: list[str]
) -> None:
    results = read_results(out, config)
    found = trace_row(out, results, config, automatic(results), row)
    assert [unit.unit for unit in found.units] == [*eyes, "sub-01_subject"]
