from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartms_img.catalogue import planned_keys
from smartms_img.config import default_study
from smartms_img.errors import InputError
from smartms_img.io.decisions import Decision
from smartms_img.io.measures import Measure
from smartms_img.io.plan_table import PlanRow
from smartms_img.io.results import read_results
from smartms_img.naming import QcStatus, UnitKind
from smartms_img.tables import SubjectEvidence, TableError, UnitEvidence, assemble, validate
from smartms_img.tables.columns import COLUMNS
from smartms_img.tables.evidence import gather_evidence
from smartms_img.tables.rows import study_day

UNIT = "sub-01_ses-M00_mri"


def _subject(measure: Measure, *decisions: Decision) -> SubjectEvidence:
    row = PlanRow(UNIT, UnitKind.SESSION, "01", "M00")
    key = (measure.visit, measure.PARAMCD, measure.LOC, measure.LAT)
    return SubjectEvidence("01", {UNIT: UnitEvidence(row, {key: measure})}, decisions)


def _bpv(value: float | None, unit: str = "mL", method: str = "tissue") -> Measure:
    return Measure("BPV", value, unit, method, "1", "M00")


def _first(table: pd.DataFrame, paramcd: str) -> pd.Series:
    return table[paramcd == table.PARAMCD].iloc[0]


def test_the_plan_is_the_denominator():
    subjects = [SubjectEvidence(label, {}) for label in ("01", "02")]
    table = assemble(subjects, default_study())
    assert len(table) == 2 * len(planned_keys(default_study()))
    assert set(table.QCSTAT) == {"notrun"}
    assert table.AVAL.isna().all()
    validate(table)


def test_no_subject_is_an_empty_table():
    table = assemble([], default_study())
    assert list(table.columns) == [column.name for column in COLUMNS]
    validate(table)


def test_decision_on_an_endpoint_outranks_the_one_on_its_unit():
    general = Decision(UNIT, QcStatus.FAIL, "moved", "automatic")
    own = Decision(UNIT, QcStatus.PASS, "volume is good", "AB", "BPV")
    table = assemble([_subject(_bpv(1200.0), general, own)], default_study())
    found = _first(table, "BPV")
    assert (found.QCSTAT, found.QCREAS, found.ANL01FL) == ("pass", "volume is good (AB)", "Y")


def test_value_without_a_decision_is_pending():
    found = _first(assemble([_subject(_bpv(1200.0))], default_study()), "BPV")
    assert (found.QCSTAT, found.QCREAS, found.ANL01FL) == ("pending", "no quality check", "")


def test_negative_zero_is_zero():
    found = _first(assemble([_subject(_bpv(-0.00001))], default_study()), "BPV")
    assert str(found.AVAL) == "0.0"


def test_wrong_unit_is_refused():
    table = assemble([_subject(_bpv(1.2, unit="L"))], default_study())
    with pytest.raises(TableError, match="AVALU is the unit of the catalogue' at SMART-MS-01"):
        validate(table)


def test_value_without_method_is_refused():
    with pytest.raises(TableError, match="a value has a METHOD"):
        validate(assemble([_subject(_bpv(1.2, method=""))], default_study()))


@pytest.mark.parametrize(
    ("column", "value"),
    [("QCSTAT", "good"), ("ANL01FL", "Y"), ("LAT", "left"), ("QCREAS", ""), ("LOC", "PV")],
)
def test_broken_rules_are_found(column, value):
    table = assemble([SubjectEvidence("01", {})], default_study())
    table.loc[table.index[table.PARAMCD == "TIV"][0], column] = value
    with pytest.raises(TableError):
        validate(table)


def test_repeated_key_is_refused():
    table = assemble([SubjectEvidence("01", {})] * 2, default_study())
    with pytest.raises(TableError):
        validate(table)


@given(st.integers(-1000, 1000), st.integers(-1000, 1000))
def test_study_day_has_no_zero_and_keeps_the_order(day, baseline):
    assert study_day(day, baseline) != 0
    assert study_day(baseline, baseline) == 1
    assert study_day(day + 1, baseline) > study_day(day, baseline)


def test_unreadable_measures_are_named(out, config):
    name = "sub-02/ses-M06/anat/sub-02_ses-M06_desc-measures.json"
    (out / name).write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match=f"{name}: is not what smartms writes"):
        read_results(out, config)


def test_measure_twice_is_refused(out, config):
    path = out / "sub-02/ses-M06/anat/sub-02_ses-M06_desc-measures.json"
    row = path.read_text(encoding="utf-8").strip().removeprefix("[").removesuffix("]").strip()
    path.write_text(f"[{row},{row}]", encoding="utf-8")
    with pytest.raises(InputError, match="has M06 BPV twice"):
        gather_evidence(read_results(out, config), ())
