"""A trace says exactly what the ledger says, of every unit on the way to a row."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from fake_smartms import fake_config
from measured_output import FIRST, PAIR, RING, SECOND, brain, make_output, measure

from smartms_img.cli.trace import trace
from smartms_img.config import unit_digest
from smartms_img.errors import InputError
from smartms_img.io.atomic import write_json
from smartms_img.io.ledger import latest_attempt
from smartms_img.io.measures import check
from smartms_img.io.results import read_results
from smartms_img.naming import UnitKind
from smartms_img.qc.decisions import automatic
from smartms_img.tables.trace import Trace, trace_row

MEASURES = "sub-01/ses-M06/anat/sub-01_ses-M06_ref-M00_desc-measures.json"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """An output whose raw dataset is gone."""
    made = make_output(tmp_path)
    shutil.rmtree(tmp_path / "bids")
    return made


def traced(out: Path, row: str) -> Trace:
    results = read_results(out, fake_config())
    return trace_row(out, results, fake_config(), automatic(results), row)


def test_units_files_and_digests_are_those_of_the_ledger(out: Path) -> None:
    found = traced(out, "FAKE-01,Month 6,PBVC")
    assert (found.row["AVAL"], found.row["QCSTAT"], found.unit) == ("-0.432", "pass", PAIR)
    assert [unit.unit for unit in found.units] == [FIRST, SECOND, PAIR]
    for unit in found.units:
        attempt = json.loads((out / "ledger" / unit.unit / "attempt-0001.json").read_text())
        files = {file.file: file for file in unit.files}
        recorded = {name.removeprefix("bids::"): sha for name, sha in attempt["inputs"].items()}
        assert {name: file.sha256 for name, file in files.items()} == (
            recorded | attempt["outputs"]
        )
        raw = {name for name in attempt["inputs"] if not name.startswith("bids::")}
        assert {name for name, file in files.items() if file.role == "raw"} == raw
        assert {file.now for file in files.values() if file.role == "raw"} <= {""}
        assert {file.now for file in files.values() if file.role != "raw"} == {"same"}
        assert (unit.attempt, unit.seed, unit.versions) == (1, 7, {"numpy": "9.9.9"})
        assert (unit.started, unit.ended) == (attempt["started"], attempt["ended"])
        assert unit.config_sha256 == attempt["config_sha256"]
    pair = found.units[-1]
    assert pair.config_sha256 == unit_digest(UnitKind.PAIR, fake_config())
    assert [file.file for file in pair.files if file.role == "measures"] == [MEASURES]
    assert len([file for file in pair.files if file.role == "forerunner"]) == 4


def test_it_names_no_host(out: Path) -> None:
    assert "HOST" not in json.dumps(traced(out, "FAKE-01,Month 6,PBVC").as_dict())


def test_a_changed_file_is_told_from_a_lost_one(out: Path) -> None:
    stem = "sub-01/ses-M00/anat/sub-01_ses-M00"
    (out / f"{stem}_desc-measures.json").write_text("[]")
    (out / f"{stem}_desc-qc.json").unlink()
    [unit] = traced(out, "FAKE-01,Baseline,BPV").units
    now = {file.file: file.now for file in unit.files if file.now}
    assert now == {f"{stem}_desc-measures.json": "changed", f"{stem}_desc-qc.json": "missing"}
    assert unit.standing == "outdated"
    assert "was changed" in unit.problem


def test_the_decision_and_who_made_it(out: Path) -> None:
    measure_again = [check("snr", 2.0, at_least=5.0)]
    (out.parent / "bids/sub-01/ses-M06/anat").mkdir(parents=True)
    for contrast in ("T1w", "FLAIR"):
        name = f"sub-01/ses-M06/anat/sub-01_ses-M06_{contrast}.nii.gz"
        (out.parent / "bids" / name).touch()
    measure(out, SECOND, brain("M06", 1194.5), measure_again)
    found = traced(out, "FAKE-01,Month 6,BPV")
    [decision] = found.decisions
    assert (decision.unit, decision.status, decision.decided_by) == (SECOND, "fail", "automatic")
    assert decision.reason == "snr 2 is below 5"
    # BASE comes from the baseline, and the pair says whether there is a CHG.
    behind = [(unit.unit, unit.attempt) for unit in found.units]
    assert behind == [(FIRST, 1), (PAIR, 1), (SECOND, 2)]
    empty = traced(out, "FAKE-01,Month 6,PBVC")
    assert (empty.row["AVAL"], empty.decisions) == ("", ())
    assert empty.units[-1].standing == "outdated"


def test_a_value_that_was_never_measured(out: Path) -> None:
    found = traced(out, "FAKE-01,Month 6,RNFL,G,OD")
    unit = found.units[-1]
    assert (unit.attempt, unit.files, unit.standing) == (None, (), "not run")
    # It is measured at the place of its baseline, which has been measured.
    assert unit.depends == (RING,)
    assert [unit.unit for unit in found.units] == [RING, found.unit]


def test_who_made_the_output(out: Path) -> None:
    made_by = [{"Name": "smartms", "Version": "0.1.0", "Description": "commit abc"}]
    write_json(out / "dataset_description.json", {"GeneratedBy": made_by})
    assert traced(out, "FAKE-01,Baseline,BPV").made_by == made_by
    (out / "dataset_description.json").write_text("damaged")
    assert traced(out, "FAKE-01,Baseline,BPV").made_by == []


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("FAKE-01", "'FAKE-01' names no row. Give USUBJID,AVISIT,PARAMCD"),
        ("FAKE-01,Baseline,BPV,,,,x", "names no row"),
        ("FAKE-01\n,Baseline,BPV", "'FAKE-01 ,Baseline,BPV' names no row. Give USUBJID"),
        ("", "'' names no row"),
        ("FAKE-1,Baseline,BPV", "USUBJID 'FAKE-1' matches no row. Near are: 'FAKE-01'"),
        ("FAKE-01,Month 7,BPV", "AVISIT 'Month 7' matches no row. Near are: 'Month 6'"),
        ("FAKE-01,Baseline,BPVX", "PARAMCD 'BPVX' matches no row. Near are: 'BPV'"),
        ("FAKE-01,Baseline,RNFL", "LOC '' matches no row. Near are: 'G', 'T', 'TS', 'TI', 'N'"),
        ("FAKE-01,Baseline,RNFL,G,OX", "LAT 'OX' matches no row. Near are: 'OD'"),
        ("FAKE-01,Baseline,BPV,,,M06", "BASETYPE 'M06' matches no row. Near are: 'Baseline'"),
    ],
)
def test_a_bad_row_is_said_with_what_comes_near(out: Path, row: str, message: str) -> None:
    with pytest.raises(InputError) as raised:
        traced(out, row)
    assert message in str(raised.value)


def test_the_command_prints_each_digest_with_its_file(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trace(out, row=" FAKE-01, Month 6, PBVC ", every_file=True)
    text = capsys.readouterr().out
    assert text.startswith("Percentage brain volume change")
    assert f"decision on {PAIR}: pass by automatic: all checks passed\n" in text
    for unit in (FIRST, SECOND, PAIR):
        attempt = latest_attempt(out, unit)
        assert attempt is not None
        for name, digest in (attempt.inputs | attempt.outputs).items():
            file = name.removeprefix("bids::")
            lines = [line for line in text.splitlines() if line.endswith(f"\t{file}")]
            assert any(f"\t{digest}\t" in line for line in lines), name
    trace(out, row="FAKE-01,Month 6,PBVC", as_json=True)
    content = json.loads(capsys.readouterr().out)
    assert content == json.loads(json.dumps(traced(out, "FAKE-01,Month 6,PBVC").as_dict()))


def test_only_what_matters_is_listed_unless_all_is_asked_for(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    attempt = latest_attempt(out, FIRST)
    assert attempt is not None
    other = next(name for name in attempt.outputs if "measures" not in name)
    trace(out, row="FAKE-01,Month 6,PBVC")
    text = capsys.readouterr().out
    assert other not in text
    assert "derivatives as they were; --all lists them" in text
    assert all(name in text for name in attempt.inputs)
    (out / other).write_text("something else")
    trace(out, row="FAKE-01,Month 6,PBVC")
    lines = [line for line in capsys.readouterr().out.splitlines() if line.endswith(other)]
    # As the visit left it, and as the pair read it.
    assert [line.split("\t")[1] for line in lines] == ["derivative", "forerunner"]
    assert all("\tchanged\t" in line for line in lines)


def test_the_basetype_is_asked_for_where_there_are_two(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = fake_config()
    third = config.visits[1].model_copy(
        update={"label": "M12", "name": "Month 12", "number": 12, "window_days": (271, 450)}
    )
    pair = {"reference": "M06", "follow": "M12"}
    content = config.model_dump() | {"visits": (*config.visits, third), "extra_pairs": (pair,)}
    extended = type(config).model_validate(content)
    results = read_results(out, extended)
    with pytest.raises(InputError, match="differ in BASETYPE: Baseline, Month 6"):
        trace_row(out, results, extended, (), "FAKE-01,Month 12,PBVC")
    found = trace_row(out, results, extended, (), "FAKE-01,Month 12,PBVC,,,Month 6")
    assert (found.row["BASETYPE"], found.units) == ("Month 6", ())
