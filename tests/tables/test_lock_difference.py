"""Tables of two locks that differ in what one cannot make by running."""

from __future__ import annotations

from smartms_img.tables.columns import COLUMNS
from smartms_img.tables.lock_difference import compare_tables


def row(**cells: str) -> dict[str, str]:
    known = {"PARAMCD": "BPV", "AVAL": "1.000", "AVALU": "mL", "QCSTAT": "pass", "METHODVR": "1"}
    return {column.name: "" for column in COLUMNS} | known | cells


def test_a_column_that_one_version_does_not_have_moves_nothing() -> None:
    older = row()
    del older["AWLO"]
    assert compare_tables([older], [row(AWLO="-60")]).rows == ()


def test_values_of_other_units_have_no_difference() -> None:
    [found] = compare_tables([row()], [row(AVAL="1000.000", AVALU="mm3", METHODVR="2")]).rows
    assert (found.difference, found.columns, found.causes) == ("", ("AVAL", "AVALU"), ("method",))


def test_the_day_of_a_visit() -> None:
    [found] = compare_tables([row(ADY="10", INTERVAL="0.1")], [row(ADY="11", INTERVAL="0.2")]).rows
    assert (found.difference, found.causes) == ("+0.000", ("visit days",))


def test_small_differences_are_exact() -> None:
    [found] = compare_tables([row(AVAL="0.10000001")], [row(AVAL="0.1")]).rows
    assert found.difference == "-0.00000001"


def test_rows_stay_in_the_order_of_the_later_table() -> None:
    before = [row(AVISIT="a"), row(AVISIT="b"), row(AVISIT="c")]
    after = [row(AVISIT="c", AVAL="2"), row(AVISIT="d"), row(AVISIT="a", AVAL="2")]
    found = compare_tables(before, after)
    assert [(item.key[1], item.causes[0]) for item in found.rows] == [
        ("c", "other"),
        ("d", "new row"),
        ("a", "other"),
        ("b", "row is gone"),
    ]
    assert found.total == 4
