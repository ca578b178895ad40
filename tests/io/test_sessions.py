from pathlib import Path

import pytest

from smartms_img.io.sessions import session_days


def days_of(tmp_path: Path, text: str) -> tuple[dict[str, int], list[str]]:
    (tmp_path / "sub-01").mkdir()
    (tmp_path / "sub-01" / "sub-01_sessions.tsv").write_text(text)
    known = session_days(tmp_path, "01", "M00")
    return known.days, [finding.problem for finding in known.findings]


def test_day_column(tmp_path: Path) -> None:
    text = "session_id\tday\nses-M00\t-3\nses-M06\t203\nses-M12\tn/a\n"
    assert days_of(tmp_path, text) == ({"M00": -3, "M06": 203}, [])


def test_acquisition_times_become_calendar_days(tmp_path: Path) -> None:
    text = (
        "session_id\tacq_time\n"
        "ses-M00\t1867-12-31T23:50:00\nses-M06\t1868-01-01T00:10:00\nses-M12\t1868-03-01\n"
    )
    # 1868 is a leap year: 31 December to 1 March are 61 days.
    assert days_of(tmp_path, text) == ({"M00": 0, "M06": 1, "M12": 61}, [])


def test_no_dates_leave_in_findings(tmp_path: Path) -> None:
    text = "session_id\tacq_time\nses-M00\t1971-11-11\nses-M06\t11.11.1972\n"
    days, problems = days_of(tmp_path, text)
    assert days == {"M00": 0}
    assert problems == ["acq_time is not an ISO 8601 date"]


def test_contradiction_is_a_finding(tmp_path: Path) -> None:
    text = "session_id\tday\tacq_time\nses-M00\t0\t2000-01-01\nses-M06\t100\t2000-01-31\n"
    _, problems = days_of(tmp_path, text)
    assert problems == ["day 100 contradicts acq_time (30 days from baseline)"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("session_id,day\nses-M00,0\n", "has no column 'session_id'"),
        ("session_id\tday\nses-M00\n", "row 2 has 1 columns instead of 2"),
        ("session_id\tday\nses-M00\t1.5\n", "day is not a whole number"),
        ("session_id\tday\nses-M00\t1e20\n", "day is more than a century away"),
        ("session_id\tday\nses-M00\t-inf\n", "day is not a whole number"),
        ("session_id\tday\nses-M00\t0\nses-M00\t0\n", "is listed twice"),
        ("", "has no column 'session_id'"),
    ],
)
def test_wrong_tables(tmp_path: Path, text: str, problem: str) -> None:
    assert days_of(tmp_path, text)[1] == [problem]


def test_of_two_rows_for_one_visit_neither_is_used(tmp_path: Path) -> None:
    text = "session_id\tday\nses-M00\t0\nses-M06\t180\nses-M06\t160\n"
    assert days_of(tmp_path, text) == ({"M00": 0}, ["is listed twice"])


def test_absent_table_is_missing_not_wrong(tmp_path: Path) -> None:
    (finding,) = session_days(tmp_path, "01", "M00").findings
    assert finding.level == "missing"


def test_dates_go_on_from_a_stated_day_of_the_baseline(tmp_path: Path) -> None:
    text = "session_id\tday\tacq_time\nses-M00\t10\t2020-01-01\nses-M06\tn/a\t2020-07-01\n"
    assert days_of(tmp_path, text) == ({"M00": 10, "M06": 192}, [])


def test_a_day_contradicts_dates_also_where_the_baseline_states_none(tmp_path: Path) -> None:
    text = "session_id\tday\tacq_time\nses-M00\tn/a\t2020-01-01\nses-M06\t999\t2020-07-01\n"
    days, problems = days_of(tmp_path, text)
    assert days == {"M00": 0, "M06": 999}
    assert problems == ["day 999 contradicts acq_time (182 days from baseline)"]


def test_a_column_of_the_treatment_is_a_warning(tmp_path: Path) -> None:
    days, problems = days_of(tmp_path, "session_id\tday\tperiod\nses-M00\t0\tSECRET\n")
    assert days == {"M00": 0}
    assert problems == ["column 'period' may tell the treatment; it is not read"]
