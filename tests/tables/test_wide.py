from __future__ import annotations

import pandas as pd
import pytest
from write_all import write_all


@pytest.fixture
def wide(out, config) -> pd.DataFrame:
    folder = write_all(out, config)
    table = pd.read_csv(folder / "wide.tsv", sep="\t", dtype=str, keep_default_na=False)
    return table.set_index(["USUBJID", "AVISIT"])


def test_one_row_a_planned_visit(wide):
    assert len(wide) == 2 * 3
    assert list(wide.loc["TRIAL-01"].index) == ["Baseline", "Month 6", "Month 12"]
    assert list(wide.loc["TRIAL-01"].ADY) == ["1", "204", ""]


def test_analysed_values_have_their_baseline_beside(wide):
    month6 = wide.loc["TRIAL-01", "Month 6"]
    assert (month6.BPV, month6.BPV_BASE) == ("1194.500", "1200.123")
    # The lesions of the pair must not be compared.
    assert (month6.T2LN, month6.T2LN_BASE, month6.T2LN_PV) == ("2", "", "1")
    # A change is its own column and has no baseline.
    assert month6.PBVC == "-0.432"
    assert "PBVC_BASE" not in wide.columns


def test_what_failed_its_checks_is_missing_also_as_baseline(wide):
    # Subject 02 fails SNR at the baseline: 2.0, at least 5.
    assert wide.loc["TRIAL-02", "Baseline"].BPV == ""
    month6 = wide.loc["TRIAL-02", "Month 6"]
    assert (month6.BPV, month6.BPV_BASE) == ("990.000", "")
    # OD passes, OS has a signal of 12 dB.
    baseline = wide.loc["TRIAL-01", "Baseline"]
    assert (baseline.RNFL_G_OD, baseline.RNFL_G_OS) == ("95.13", "")
    assert baseline.RNFL_G_OD_BASE == "95.13"


def test_columns_do_not_depend_on_what_was_measured(wide):
    regions = [name for name in wide.columns if name.startswith("T2LV") and "BASE" not in name]
    assert regions == ["T2LV", "T2LV_PV", "T2LV_JC", "T2LV_IT", "T2LV_DWM"]
    assert (wide["TMV_OD"] == "").all()
