"""``lock-diff`` as users meet it: which rows moved between two locks, and why."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from fake_smartms import fake_config
from measured_output import (
    FIRST,
    PAIR,
    RING,
    SECOND,
    brain,
    change,
    measure,
    reconfigure,
)

from smartms_img.cli.finish import write_results
from smartms_img.cli.lock import lock, lock_diff, unlock
from smartms_img.errors import InputError
from smartms_img.io.measures import check
from smartms_img.method import METHOD_VERSION
from smartms_img.naming import UnitKind


def lock_anew(out: Path, config: object = None) -> None:
    write_results(out, config or fake_config())  # type: ignore[arg-type]
    lock(out, quiet=True)


def moved(
    out: Path, capsys: pytest.CaptureFixture[str], *numbers: int
) -> tuple[dict[tuple[str, str], dict[str, str]], str]:
    """Return the rows of ``lock-diff`` by visit and endpoint, and its summary."""
    capsys.readouterr()
    lock_diff(out, *numbers)
    header, *lines, summary = capsys.readouterr().out.splitlines()
    rows = [dict(zip(header.split("\t"), line.split("\t"), strict=True)) for line in lines]
    return {(row["AVISIT"], row["PARAMCD"]): row for row in rows}, summary


@pytest.fixture
def opened(out: Path) -> Path:
    """An output that was locked once."""
    lock(out, quiet=True)
    unlock(out, reason="test", quiet=True)
    return out


def edit_scan(out: Path, visit: str) -> None:
    stem = f"sub-01/ses-{visit}/anat/sub-01_ses-{visit}_T1w.nii.gz"
    (out.parent / "bids" / stem).write_text("another scan")


def test_nothing_moved(opened: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lock_anew(opened)
    rows, summary = moved(opened, capsys)
    assert rows == {}
    assert "0 of " in summary
    assert summary.endswith("rows moved; 0 others have the same value from another provenance")


def test_a_changed_input(opened: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit_scan(opened, "M00")
    measure(opened, FIRST, brain("M00", 1190.25))
    measure(opened, PAIR, change(-0.432))
    lock_anew(opened)
    rows, summary = moved(opened, capsys)
    first, second = rows["Baseline", "BPV"], rows["Month 6", "BPV"]
    assert (first["before"], first["after"], first["AVALU"]) == ("1200.000", "1190.250", "mL")
    assert (first["difference"], first["why"]) == ("-9.750", "input")
    assert (second["difference"], second["why"]) == ("+0.000", "baseline")
    assert second["columns"] == "BASE CHG PCHG"
    assert (second["CHG before"], second["CHG after"]) == ("-5.500", "4.250")
    assert set(rows) == {("Baseline", "BPV"), ("Month 6", "BPV")}
    assert "(1 input, 1 baseline)" in summary


def test_a_changed_configuration(opened: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = fake_config()
    config = config.model_copy(update={"mri": config.mri.model_copy(update={"seed": 12})})
    reconfigure(opened, config)
    measure(opened, FIRST, brain("M00", 1200.0), config=config)
    measure(opened, SECOND, brain("M06", 1195.0), config=config)
    measure(opened, PAIR, change(-0.432), config=config)
    lock_anew(opened, config)
    rows, summary = moved(opened, capsys)
    assert list(rows) == [("Month 6", "BPV")]
    row = rows["Month 6", "BPV"]
    assert (row["difference"], row["why"]) == ("+0.500", "configuration")
    # Brain volume of the baseline, and the change between the visits.
    assert "(1 configuration); 2 others have the same value" in summary


def test_a_changed_method(
    opened: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(METHOD_VERSION, UnitKind.PAIR, "next")
    measure(opened, PAIR, change(-0.5))
    lock_anew(opened)
    rows, summary = moved(opened, capsys)
    row = rows["Month 6", "PBVC"]
    assert (row["before"], row["after"], row["difference"]) == ("-0.432", "-0.500", "-0.068")
    assert (row["why"], list(rows)) == ("method", [("Month 6", "PBVC")])
    assert "1 of " in summary


def test_a_changed_decision(opened: Path, capsys: pytest.CaptureFixture[str]) -> None:
    measure(opened, SECOND, brain("M06", 1194.5), [check("snr", 2.0, at_least=5.0)])
    measure(opened, PAIR, change(-0.432))
    lock_anew(opened)
    rows, _ = moved(opened, capsys)
    row = rows["Month 6", "BPV"]
    assert (row["difference"], row["why"]) == ("+0.000", "QC decision")
    assert row["columns"] == "ANL01FL QCSTAT QCREAS ANL02FL"
    assert row["QCREAS"] == "snr 2 is below 5 (automatic)"


def test_several_causes(
    opened: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(METHOD_VERSION, UnitKind.SESSION, "next")
    edit_scan(opened, "M06")
    measure(opened, FIRST, brain("M00", 1200.0))
    measure(opened, SECOND, brain("M06", 1180.0))
    measure(opened, PAIR, change(-0.432))
    lock_anew(opened)
    rows, _ = moved(opened, capsys)
    assert rows["Month 6", "BPV"]["why"] == "input; method"
    # The other visit has a new METHODVR and its old value.
    assert ("Baseline", "BPV") not in rows


def test_a_value_that_nothing_explains(opened: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ring = replace(brain("M00", 96.0), PARAMCD="RNFL", LOC="G", LAT="OD", unit="um", source=())
    measure(opened, RING, replace(ring, method="ring"))
    lock_anew(opened)
    row = moved(opened, capsys)[0]["Baseline", "RNFL"]
    assert (row["difference"], row["why"]) == ("+1.00", "other")


def test_a_value_that_is_lost(opened: Path, capsys: pytest.CaptureFixture[str]) -> None:
    next(opened.glob("**/*ref-M00_desc-measures.json")).unlink()
    lock_anew(opened)
    row = moved(opened, capsys)[0]["Month 6", "PBVC"]
    assert (row["before"], row["after"], row["difference"]) == ("-0.432", "", "")
    assert row["why"] == "not measured"
    assert row["QCREAS"].startswith("the measures file is gone")


def test_rows_that_appear_and_vanish(opened: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = fake_config()
    visits = (config.visits[0], config.visits[1].model_copy(update={"name": "Half a year"}))
    config = config.model_copy(update={"visits": visits})
    reconfigure(opened, config)
    lock_anew(opened, config)
    rows, summary = moved(opened, capsys)
    new, gone = rows["Half a year", "BPV"], rows["Month 6", "BPV"]
    assert (new["before"], new["after"], new["why"]) == ("", "1194.500", "new row")
    assert (gone["before"], gone["after"], gone["why"]) == ("1194.500", "", "row is gone")
    assert "row is gone" in summary


def test_any_two_locks_are_compared(opened: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match="1 of two locks there"):
        lock_diff(opened)
    for value in (-0.5, -0.6):
        measure(opened, PAIR, change(value))
        lock_anew(opened)
        unlock(opened, reason="test", quiet=True)
    assert moved(opened, capsys)[0]["Month 6", "PBVC"]["difference"] == "-0.100"
    assert moved(opened, capsys, 3, 1)[0]["Month 6", "PBVC"]["difference"] == "+0.168"
    with pytest.raises(InputError, match=r"there is no lock 7\. Known are: 1, 2, 3"):
        lock_diff(opened, 1, 7)
