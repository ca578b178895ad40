from __future__ import annotations

import hashlib
from dataclasses import replace

import pandas as pd
import pyarrow.parquet as pq
import pytest
from write_all import write_all

from smartms_img.config import PairConfig, content_digest, study_digest, unit_digest
from smartms_img.errors import InputError
from smartms_img.io.ledger import latest_attempt, write_attempt
from smartms_img.io.measures import Measure, check, write_measures, write_qc
from smartms_img.io.results import read_results
from smartms_img.naming import UnitKind
from smartms_img.tables.columns import KEY

CONTRACT = """
STUDYID USUBJID AVISIT AVISITN ADY PARCAT1 PARAMCD PARAM LOC LAT AVAL AVALU AVALERR BASE
CHG PCHG ABLFL ANL01FL QCSTAT QCREAS METHOD METHODVR INTERVAL SRCFILE SRCSHA256 CFGSHA256
""".split()  # noqa: SIM905 - as the contract prints it

PASSED = "all checks passed (automatic)"


def row(table: pd.DataFrame, subject: str, visit: str, code: str, loc="", lat="") -> pd.Series:
    chosen = table[
        (f"TRIAL-{subject}" == table.USUBJID)
        & (visit == table.AVISIT)
        & (code == table.PARAMCD)
        & (loc == table.LOC)
        & (lat == table.LAT)
    ]
    assert len(chosen) == 1
    return chosen.iloc[0]


def test_columns_are_the_contract_and_what_was_appended(table):
    assert list(table.columns) == [*CONTRACT, "BASETYPE", "AWLO", "AWHI", "ANL02FL"]


def test_keys_are_unique_and_every_subject_has_every_planned_row(table):
    assert not table.duplicated(["USUBJID", "AVISIT", "PARAMCD", "LOC", "LAT"]).any()
    counts = table.groupby("USUBJID").size()
    assert counts["TRIAL-01"] == counts["TRIAL-02"]
    # 17 codes of a visit, two of them at four more places, at three visits;
    # 17 codes of a pair at two follow-ups.
    mri = table[(table.USUBJID == "TRIAL-01") & (table.PARCAT1 != "OCT")]
    assert len(mri) == 3 * (17 + 2 * 4) + 2 * 17


def test_baseline_row(table, config):
    found = row(table, "01", "Baseline", "BPV")
    assert found.AVAL == found.BASE == "1200.123"
    assert (found.CHG, found.PCHG, found.ABLFL, found.ANL01FL) == ("", "", "Y", "Y")
    assert (found.ADY, found.INTERVAL, found.AVISITN) == ("1", "0.0000", "0")
    assert (found.SRCFILE, found.SRCSHA256) == ("a/T1w.nii.gz", "a1")
    assert unit_digest(UnitKind.SESSION, config) == found.CFGSHA256
    assert found.QCREAS == "all checks passed (automatic)"
    assert (found.METHOD, found.METHODVR, found.AVALU) == ("tissue", "1", "mL")
    assert found.AVALERR == ""


def test_follow_up_row(table):
    found = row(table, "01", "Month 6", "BPV")
    # 1194.500 - 1200.123 = -5.623; 100 * -5.623 / 1200.123 = -0.46854
    assert (found.AVAL, found.BASE) == ("1194.500", "1200.123")
    assert (found.CHG, found.PCHG) == ("-5.623", "-0.469")
    # day 213 - day 10 = 203; 203 / 365.25 = 0.55578
    assert (found.ADY, found.INTERVAL) == ("204", "0.5558")
    assert (found.ABLFL, found.ANL01FL, found.BASETYPE) == ("", "Y", "Baseline")


def test_what_the_pair_refuses_to_compare_has_no_change(table):
    # A check of lesion change failed: lesions of the two visits are no difference either.
    found = row(table, "01", "Month 6", "T2LN")
    assert (found.AVAL, found.BASE, found.CHG, found.PCHG) == ("2", "0", "", "")
    reason = "no change: sub-01_ses-M06_ref-M00_pair: flair_gain 9 is above 1"
    assert f"{PASSED}; {reason}" == found.QCREAS
    assert row(table, "01", "Month 6", "BPV").CHG == "-5.623"


def test_change_from_zero_has_no_percentage(out, config, make_table):
    stem = out / "sub-01/ses-M06/anat/sub-01_ses-M06_ref-M00"
    passed = check("correlation", 0.98, at_least=0.9)
    write_qc(stem.with_name(f"{stem.name}_desc-qc.json"), [passed])
    found = row(make_table(out, config), "01", "Month 6", "T2LN")
    assert (found.AVAL, found.BASE, found.CHG, found.PCHG) == ("2", "0", "2", "")
    assert found.SRCFILE == "b/T1w.nii.gz;b/FLAIR.nii.gz"
    assert found.SRCSHA256 == "b1;b2"


def test_region_has_its_own_row(table):
    assert row(table, "01", "Baseline", "T2LN", "PV").AVAL == "1"
    assert row(table, "01", "Baseline", "T2LN", "JC").AVAL == ""


def test_pair_endpoint_has_no_base(table):
    found = row(table, "01", "Month 6", "PBVC")
    assert (found.AVAL, found.BASE, found.CHG, found.ABLFL) == ("-0.432", "", "", "")
    assert found.PARCAT1 == "MRI change"
    assert found.SRCSHA256 == "a1;b1"
    assert table[(table.PARAMCD == "PBVC") & (table.AVISIT == "Baseline")].empty


def test_metric_fails_only_the_endpoints_of_its_scope(table):
    failed = row(table, "01", "Month 6", "NEWLN")
    assert (failed.AVAL, failed.QCSTAT, failed.ANL01FL) == ("1", "fail", "")
    assert failed.QCREAS == "flair_gain 9 is above 1 (automatic)"
    assert row(table, "01", "Month 6", "PBVC").QCSTAT == "pass"


def test_slowly_expanding_lesions_of_two_visits_are_candidates(table):
    assert "candidate" in row(table, "01", "Month 6", "SELLN").METHOD


@pytest.mark.parametrize(
    ("visit", "code", "loc", "lat", "reason"),
    [
        ("Month 12", "BPV", "", "", "no session M12"),
        ("Month 12", "PBVC", "", "", "no session M12"),
        ("Month 6", "RNFL", "G", "OD", "file is truncated"),
        ("Month 6", "RNFL", "G", "OS", "not run yet"),
        ("Month 6", "RNFL", "G", "BOTH", "OD: file is truncated; OS: not run yet"),
        ("Baseline", "DGMV", "", "", "no deep grey matter found"),
        ("Baseline", "TIV", "", "", "not measured by this version"),
        ("Baseline", "TMV", "", "OD", "not in the plan: run again with this configuration"),
    ],
)
def test_missing_value_is_a_row_with_a_reason(table, visit, code, loc, lat, reason):
    found = row(table, "01", visit, code, loc, lat)
    assert ("", "notrun", reason) == (found.AVAL, found.QCSTAT, found.QCREAS)
    assert found.ANL01FL == ""


def test_row_never_run_carries_the_whole_configuration(table, config):
    assert study_digest(config) == row(table, "01", "Month 12", "BPV").CFGSHA256


def test_failed_baseline_gives_base_but_no_change(table):
    baseline, follow = (row(table, "02", visit, "BPV") for visit in ("Baseline", "Month 6"))
    assert (baseline.AVAL, baseline.QCSTAT, baseline.ANL01FL) == ("1000.000", "fail", "")
    assert baseline.QCREAS == "snr 2 is below 5 (automatic)"
    assert (follow.QCSTAT, follow.ANL01FL, follow.BASE) == ("pass", "Y", "1000.000")
    assert (follow.CHG, follow.PCHG) == ("", "")
    assert follow.QCREAS.endswith("no change: QC of the baseline is fail")


def test_a_baseline_without_a_value_is_why_there_is_no_change(out, config, make_table):
    (out / "sub-01/ses-M00/anat/sub-01_ses-M00_desc-measures.json").unlink()
    found = row(make_table(out, config), "01", "Month 6", "BPV")
    assert (found.QCSTAT, found.BASE, found.CHG) == ("pass", "", "")
    assert found.QCREAS.endswith("no change: the baseline has no value")


def test_value_of_both_eyes_has_the_quality_of_the_eyes_it_used(table):
    # The left eye failed its signal check: the mean used the right eye only, the difference both.
    mean = row(table, "01", "Baseline", "RNFL", "G", "BOTH")
    assert (mean.QCSTAT, mean.SRCSHA256) == ("pass", "shaOD")
    difference = row(table, "01", "Baseline", "IEDRNFL")
    assert (difference.QCSTAT, difference.SRCSHA256) == ("fail", "shaOD;shaOS")
    assert difference.QCREAS == "OS: quality 12 is below 15 (automatic); below 6 um"


def test_value_without_a_check_is_pending(out, config, make_table):
    (out / "sub-02/ses-M06/anat/sub-02_ses-M06_desc-qc.json").unlink()
    table = make_table(out, config)
    found = row(table, "02", "Month 6", "BPV")
    assert (found.QCSTAT, found.ANL01FL, found.AVAL) == ("pending", "", "990.000")


def test_changed_measures_file_is_not_used(out, config, make_table):
    unit, name = "sub-02_ses-M06_mri", "sub-02/ses-M06/anat/sub-02_ses-M06_desc-measures.json"
    last = latest_attempt(out, unit)
    assert last is not None
    digest = hashlib.sha256((out / name).read_bytes()).hexdigest()
    write_attempt(out, replace(last, number=2, outputs={name: digest}))
    assert row(make_table(out, config), "02", "Month 6", "BPV").AVAL == "990.000"
    (out / name).write_text((out / name).read_text().replace("990.0", "999.0"))
    found = row(make_table(out, config), "02", "Month 6", "BPV")
    assert (found.AVAL, found.QCSTAT) == ("", "notrun")
    assert found.QCREAS == "the measures file was changed after the unit wrote it: run again"


def test_value_made_from_older_derivatives_is_not_used(out, config, make_table):
    session, pair = "sub-01_ses-M00_mri", "sub-01_ses-M06_ref-M00_pair"
    plan = out / "plan.tsv"
    plan.write_text(plan.read_text().replace("\tX\t", f"\t{session}\t"))
    mask = "sub-01/ses-M00/anat/mask.nii.gz"
    read, made = latest_attempt(out, pair), latest_attempt(out, session)
    assert read is not None
    assert made is not None
    write_attempt(out, replace(read, number=2, inputs=read.inputs | {f"bids::{mask}": "old"}))
    write_attempt(out, replace(made, number=2, outputs={mask: "old"}))
    assert row(make_table(out, config), "01", "Month 6", "PBVC").AVAL == "-0.432"
    write_attempt(out, replace(made, number=3, outputs={mask: "new"}))
    found = row(make_table(out, config), "01", "Month 6", "PBVC")
    assert (found.AVAL, found.QCSTAT) == ("", "notrun")
    assert found.QCREAS == "made from derivatives that have changed since: run again"


def _made_with(out, unit, **changes):
    last = latest_attempt(out, unit)
    assert last is not None
    write_attempt(out, replace(last, number=last.number + 1, **changes))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"config_sha256": "0" * 64}, "made with another configuration: run again"),
        ({"method_version": "0"}, "made by another version of the method: run again"),
    ],
)
def test_value_of_another_method_is_not_used(out, config, make_table, changes, reason):
    _made_with(out, "sub-02_ses-M06_mri", **changes)
    found = row(make_table(out, config), "02", "Month 6", "BPV")
    assert ("", "notrun", reason) == (found.AVAL, found.QCSTAT, found.QCREAS)
    assert found.ANL01FL == ""


def test_value_of_both_eyes_falls_with_the_file_of_one_eye(out, config, make_table):
    name = "sub-01/ses-M00/oct/sub-01_ses-M00_eye-OS_acq-ring_desc-measures.json"
    digest = hashlib.sha256((out / name).read_bytes()).hexdigest()
    _made_with(out, "sub-01_ses-M00_eye-OS_acq-ring", outputs={name: digest})
    _made_with(out, "sub-01_subject", inputs={f"bids::{name}": digest})
    assert row(make_table(out, config), "01", "Baseline", "IEDRNFL").AVAL == "5.13"
    (out / name).unlink()
    found = row(make_table(out, config), "01", "Baseline", "IEDRNFL")
    reason = "made from derivatives that have changed since: run again"
    assert ("", "notrun", reason) == (found.AVAL, found.QCSTAT, found.QCREAS)


def test_visits_that_the_pair_refuses_to_compare_have_no_change(out, config, make_table):
    checks = [check("correlation", 0.2, at_least=0.9)]
    write_qc(out / "sub-01/ses-M06/anat/sub-01_ses-M06_ref-M00_desc-qc.json", checks)
    found = row(make_table(out, config), "01", "Month 6", "BPV")
    assert (found.AVAL, found.ANL01FL, found.BASE) == ("1194.500", "Y", "1200.123")
    assert (found.CHG, found.PCHG) == ("", "")
    reason = "no change: sub-01_ses-M06_ref-M00_pair: correlation 0.2 is below 0.9"
    assert found.QCREAS.endswith(reason)


def test_pair_that_waits_for_a_failed_visit_says_so(out, config, make_table):
    session, pair = "sub-01_ses-M06_mri", "sub-01_ses-M06_ref-M00_pair"
    plan = out / "plan.tsv"
    plan.write_text(plan.read_text().replace("\tX\t", f"\t{session}\t"))
    last = latest_attempt(out, session)
    assert last is not None
    write_attempt(out, replace(last, number=2, state="failed", cause="killed", reason=""))
    for file in [*(out / "ledger" / pair).iterdir(), *out.glob("**/*ref-M00_desc-measures.json")]:
        file.unlink()
    found = row(make_table(out, config), "01", "Month 6", "PBVC")
    assert ("", f"needs {session}, which failed: killed") == (found.AVAL, found.QCREAS)
    # What the failed visit measured in its earlier attempt is not reported either.
    assert row(make_table(out, config), "01", "Month 6", "BPV").QCREAS == "killed"


def test_folder_of_pictures_has_the_digest_of_its_listing(out, config, make_table):
    unit, folder = "sub-01_ses-M00_eye-OD_acq-ring", "a/OD.vol"
    last = latest_attempt(out, unit)
    assert last is not None
    inputs = {f"{folder}/2.png": "22", f"{folder}/1.png": "11"}
    write_attempt(out, replace(last, number=2, inputs=inputs))
    listing = b"11  a/OD.vol/1.png\n22  a/OD.vol/2.png\n"
    found = row(make_table(out, config), "01", "Baseline", "RNFL", "G", "OD")
    assert hashlib.sha256(listing).hexdigest() == found.SRCSHA256


def test_extra_pair_is_told_apart_by_basetype(out, config, make_table):
    extra = config.model_copy(update={"extra_pairs": (PairConfig(reference="M06", follow="M12"),)})
    folder = write_all(out, extra)
    table = pq.read_table(folder / "endpoints.parquet").to_pandas()
    chosen = table[(table.PARAMCD == "PBVC") & (table.AVISIT == "Month 12")]
    assert set(chosen[chosen.USUBJID == "TRIAL-01"].BASETYPE) == {"Baseline", "Month 6"}


def test_rebaselined_analysis(out, config, make_table):
    rebased = config.model_copy(update={"baseline": "M06"})
    (out / "sub-01/ses-M06/anat/sub-01_ses-M06_ref-M00_desc-measures.json").unlink()
    table = make_table(out, rebased)
    found = row(table, "01", "Baseline", "BPV")
    # 1200.123 - 1194.500; day 10 is 203 days before day 213, and there is no day 0.
    assert (found.BASE, found.CHG, found.ADY, found.INTERVAL) == (
        "1194.500",
        "5.623",
        "-203",
        "-0.5558",
    )
    assert found.BASETYPE == "Month 6"


def test_extra_baseline_has_rows_of_its_own(out, config, make_table):
    both = config.model_copy(update={"extra_baselines": ("M06",)})
    table = make_table(out, both)
    assert not table.duplicated([*KEY]).any()
    of_m06 = table[table.BASETYPE == "Month 6"]
    assert set(of_m06.AVISIT) == {"Month 6", "Month 12"}
    found = row(of_m06, "01", "Month 6", "BPV")
    assert (found.AVAL, found.BASE, found.ABLFL, found.CHG) == ("1194.500", "1194.500", "Y", "")
    assert (found.ADY, found.INTERVAL) == ("204", "0.0000")
    # The rows from the first baseline are those of a study without another.
    first = table[table.BASETYPE == "Baseline"].reset_index(drop=True)
    alone = make_table(out, config)
    pd.testing.assert_frame_equal(first.drop(columns="CFGSHA256"), alone.drop(columns="CFGSHA256"))


@pytest.mark.parametrize(
    ("day", "inside", "reason"),
    [
        # Window of month 6: days 120 to 270 of the dataset, whose day 10 is ADY 1.
        (270, "Y", PASSED),
        (120, "Y", PASSED),
        (
            119,
            "",
            "all checks passed (automatic); day 110 is outside the visit window, 111 to 261",
        ),
        (
            271,
            "",
            "all checks passed (automatic); day 262 is outside the visit window, 111 to 261",
        ),
        ("", "", "all checks passed (automatic)"),
    ],
)
def test_a_visit_outside_its_window_is_flagged(out, config, make_table, day, inside, reason):
    plan = out / "plan.tsv"
    plan.write_text(plan.read_text().replace("\t213\n", f"\t{day}\n"))
    found = row(make_table(out, config), "01", "Month 6", "BPV")
    assert ("Y", inside, reason) == (found.ANL01FL, found.ANL02FL, found.QCREAS)
    assert (found.AWLO, found.AWHI) == ("111", "261")


def test_unknown_days_stay_empty(out, config, make_table):
    plan = out / "plan.tsv"
    lines = [line.split("\t")[:-1] for line in plan.read_text().splitlines()]
    plan.write_text("".join("\t".join(line) + "\n" for line in lines))
    table = make_table(out, config)
    assert set(table.ADY) == set(table.INTERVAL) == {""}


def test_unplanned_measure_is_refused(out, config):
    path = out / "sub-02/ses-M06/anat/sub-02_ses-M06_desc-measures.json"
    write_measures(path, [Measure("BPV", 1.0, "mL", "tissue", "1", "M06", LOC="MOON")])
    with pytest.raises(InputError, match="BPV MOON is not a planned endpoint"):
        write_all(out, config)


def test_output_without_a_plan_is_refused(tmp_path, config):
    with pytest.raises(InputError, match=r"no plan\.tsv"):
        read_results(tmp_path, config)


def test_a_value_of_other_days_is_left_out(out, config, make_table):
    unit = "sub-01_ses-M06_ref-M00_pair"
    last = latest_attempt(out, unit)
    assert last is not None
    read = {
        f"sub-01/sub-01_sessions.tsv#ses-{label}": content_digest(day)
        for label, day in (("M00", 10), ("M06", 213))
    }
    write_attempt(out, replace(last, number=2, inputs=last.inputs | read))
    assert row(make_table(out, config), "01", "Month 6", "PBVC").AVAL == "-0.432"
    plan = out / "plan.tsv"
    plan.write_text(plan.read_text().replace("\t213\n", "\t214\n"))
    found = row(make_table(out, config), "01", "Month 6", "PBVC")
    assert found.AVAL == ""
    assert found.QCREAS == "made with other days of the visits: run again"


def test_days_count_from_day_0_where_the_baseline_is_not_listed(out, config, make_table):
    plan = out / "plan.tsv"
    plan.write_text(plan.read_text().replace("\t10\n", "\t\n"))
    found = row(make_table(out, config), "01", "Month 6", "BPV")
    # Day 213 of the dataset, whose day 0 is the day of the baseline.
    assert (found.ADY, found.AWLO, found.AWHI, found.ANL02FL) == ("214", "121", "271", "Y")
