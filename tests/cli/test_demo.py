from __future__ import annotations

import pytest

from smartms_img.cli.demo import HEADER, compare
from smartms_img.config import default_study
from smartms_img.phantoms.dataset import TrueValue


def row(paramcd: str, value: str, **other: str) -> dict[str, str]:
    usual = {"USUBJID": "SMART-MS-01", "AVISIT": "Month 6", "LOC": "", "LAT": ""}
    return usual | {"PARAMCD": paramcd, "AVAL": value, "BASETYPE": "Baseline"} | other


@pytest.mark.parametrize(
    ("paramcd", "true", "measured", "verdict"),
    [
        ("PBVC", -0.6, "-0.790", "ok"),
        ("PBVC", -0.6, "-0.810", "off"),
        ("PBVC", -0.6, "", "missing"),
        ("NEWLN", 2, "2", "ok"),
        ("NEWLN", 2, "3", "off"),
        ("PVENTVC", 5, "50.0", ""),
    ],
)
def test_verdict_follows_the_stated_tolerance(paramcd, true, measured, verdict):
    truth = [TrueValue("01", "M06", paramcd, true, "%")]
    [comparison] = compare(truth, [row(paramcd, measured)], default_study())
    assert comparison.verdict == verdict
    assert len(comparison.cells()) == len(HEADER)


def test_values_are_found_by_subject_visit_place_and_eye():
    truth = [TrueValue("01", "M00", "RNFL", 100.0, "um", LOC="G", LAT="OS")]
    place = {"LOC": "G", "LAT": "OS", "AVISIT": "Baseline"}
    rows = [
        row("RNFL", "1.0", **(place | {"LAT": "OD"})),
        row("RNFL", "2.0", **(place | {"AVISIT": "Month 6"})),
        row("RNFL", "3.0", **(place | {"USUBJID": "SMART-MS-02"})),
        row("RNFL", "100.5", **place),
        row("RNFL", "4.0", **(place | {"LOC": "T"})),
    ]
    [comparison] = compare(truth, rows, default_study())
    assert (comparison.measured, comparison.verdict) == (100.5, "ok")


def test_change_from_another_visit_than_the_baseline_is_not_compared():
    truth = [TrueValue("01", "M06", "PBVC", -0.6, "%")]
    rows = [row("PBVC", "-0.6"), row("PBVC", "9.0", BASETYPE="Month 3")]
    [comparison] = compare(truth, rows, default_study())
    assert comparison.measured == -0.6


def test_what_the_table_lacks_is_missing():
    [comparison] = compare([TrueValue("01", "M06", "PBVC", -0.6, "%")], [], default_study())
    assert (comparison.measured, comparison.verdict) == (None, "missing")
