from __future__ import annotations

import pytest
from said import Chain

from smartms_img.io.decisions import ReaderFigure
from smartms_img.qc.reader_figures import drifts, reader_figures
from smartms_img.tables.export import write_qc_table


def test_without_ratings_there_is_nothing_to_say():
    assert reader_figures([]) == ()


def test_a_reader_who_becomes_stricter_is_seen():
    chain = Chain()
    for number in range(40):
        chain.says("R1", "pass" if number < 20 or number % 2 else "fail")
        chain.says("R2", "borderline" if number % 2 else "pass")
    strict, steady = drifts(chain.ratings)
    assert (strict.early, strict.late, strict.count) == (0.0, 1.0, 40)
    # Half of twenty are 2 and half are 0: sd sqrt(20 / 19), standard error sd / sqrt(20).
    assert strict.low == pytest.approx(1.0 - 1.959964 / 19**0.5)
    assert steady.low < 0.0 < steady.high


def test_few_ratings_tell_nothing_about_drift():
    chain = Chain()
    for _ in range(9):
        chain.says("R1", "pass")
    assert drifts(chain.ratings) == []


def test_numbers_about_readers_stand_in_the_table_of_checks(tmp_path):
    figures = [ReaderFigure("kappa_linear", 0.5, "R1 and R2"), ReaderFigure("drift", None, "x")]
    write_qc_table(tmp_path, {}, figures)
    lines = (tmp_path / "qc.tsv").read_text(encoding="utf-8").splitlines()
    cells = [dict(zip(lines[0].split("\t"), line.split("\t"), strict=True)) for line in lines[1:]]
    assert [(row["kind"], row["metric"], row["value"], row["reason"]) for row in cells] == [
        ("readers", "kappa_linear", "0.500000", "R1 and R2"),
        ("readers", "drift", "", "x"),
    ]
    assert {row["unit"] + row["threshold"] + row["status"] for row in cells} == {""}
