"""``lock``, ``verify`` and ``unlock`` as users meet them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from fake_smartms import fake_config
from measured_output import (
    FIRST,
    SECOND,
    brain,
    make_output,
    measure,
)

from smartms_img.cli.lock import lock, lock_diff, unlock, verify
from smartms_img.cli.run import Level, RunRequest, run_dataset
from smartms_img.cli.status import status
from smartms_img.cli.tables import tables
from smartms_img.cli.trace import trace
from smartms_img.errors import InputError
from smartms_img.execution.dataset import config_text
from smartms_img.execution.lease import lease
from smartms_img.io.ratings import RATINGS_FILE, Judgement, RatingsLog
from smartms_img.method import METHOD_VERSION
from smartms_img.naming import UnitKind


def smartms(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "smartms_img", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def request(out: Path) -> RunRequest:
    level = Level.GROUP
    return RunRequest(out.parent / "bids", out, level, config=fake_config(), quiet=True)


def snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Time of change of each file and folder, and what is in it."""
    paths = [folder, *folder.rglob("*")]
    return {
        str(path): (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in paths
    }


def test_the_life_of_a_locked_output(out: Path, tmp_path: Path) -> None:
    locked = smartms(tmp_path, "lock", "out")
    assert (locked.returncode, locked.stderr) == (0, "")
    digest = json.loads((out / "lock.json").read_text())["sha256"]
    assert locked.stdout.startswith("lock 1: ")
    assert locked.stdout.endswith(f"digest {digest}\n")
    verified = smartms(tmp_path, "verify", "out")
    assert (verified.returncode, len(verified.stdout.splitlines())) == (0, 1)
    assert digest in verified.stdout

    before = snapshot(out)
    refused = [
        smartms(tmp_path, "run", "bids", "out", "participant"),
        smartms(tmp_path, "tables", "out"),
        smartms(tmp_path, "lock", "out"),
        smartms(tmp_path, "run-unit", "bids", "out", "--unit", FIRST, "--row-hash", "", "-w", "w"),
    ]
    line = "smartms: out: is locked. Open it with: smartms unlock out --reason '...'.\n"
    assert [(done.returncode, done.stdout, done.stderr) for done in refused] == [(2, "", line)] * 4
    assert snapshot(out) == before

    (out / "index.html").write_text("edited")
    changed = smartms(tmp_path, "verify", "out", "--quiet")
    assert changed.returncode == 3
    header, *lines = changed.stdout.splitlines()
    assert header == "what\tfile\tdetail"
    assert [line.split("\t")[:2] for line in lines] == [["changed", "index.html"]]


def test_status_and_trace_work_while_locked(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lock(out, quiet=True)
    before = snapshot(out)
    status(out, quiet=True)
    trace(out, row="FAKE-01,Baseline,BPV")
    assert "1200.000 mL" in capsys.readouterr().out
    assert snapshot(out) == before


def test_after_unlocking_it_runs_and_locks_again(out: Path) -> None:
    lock(out, quiet=True)
    with pytest.raises(InputError, match="is locked"):
        run_dataset(request(out))
    unlock(out, reason="late scans", quiet=True)
    run_dataset(request(out))
    tables(out, quiet=True)
    lock(out, quiet=True)
    verify(out, quiet=True)
    history = (out / "lock_history.jsonl").read_text()
    assert [json.loads(line)["number"] for line in history.splitlines()] == [1, 1, 2]
    assert str(Path.home()) not in history


@pytest.mark.parametrize(
    "name",
    [
        "tables/endpoints.tsv",
        "tables/endpoints.parquet",
        "tables/qc.tsv",
        "methods.md",
        "index.html",
        "cohort.html",
        "sub-01.html",
    ],
)
def test_tables_and_report_that_are_not_up_to_date_are_not_locked(out: Path, name: str) -> None:
    (out / name).write_bytes(b"x")
    with pytest.raises(InputError, match=f"give now: {name}. Run 'smartms tables out'"):
        lock(out)
    assert not (out / "lock.json").exists()
    assert not (out / "lock_history.jsonl").exists()
    tables(out, quiet=True)
    lock(out, quiet=True)


def test_derivatives_that_are_newer_than_the_tables_are_not_locked(out: Path) -> None:
    measure(out, FIRST, brain("M00", 1201.0))
    with pytest.raises(InputError, match=r"tables/endpoints\.parquet, tables/endpoints\.tsv"):
        lock(out)


def test_a_derivative_that_is_not_what_its_unit_wrote_is_not_locked(out: Path) -> None:
    name = next(path for path in out.rglob("*_desc-measures.json"))
    unit = next(
        attempt
        for attempt in out.glob("ledger/*/attempt-*.json")
        if name.name in attempt.read_text()
    )
    record = json.loads(unit.read_text())
    extra = out / "sub-01" / "extra.nii.gz"
    record["outputs"]["sub-01/extra.nii.gz"] = "0" * 64
    unit.write_text(json.dumps(record))
    for content in (None, b"another"):
        if content:
            extra.write_bytes(content)
        with pytest.raises(InputError, match="is not as the unit wrote it"):
            lock(out, quiet=True)


def test_a_plan_that_was_cut_is_found(out: Path) -> None:
    run_dataset(request(out))
    tables(out, quiet=True)
    plan = out / "plan.tsv"
    lines = plan.read_text().splitlines(keepends=True)
    plan.write_text("".join(lines[:-1]))
    for command in (tables, lock):
        with pytest.raises(InputError, match="not as 'smartms run' wrote it"):
            command(out, quiet=True)
    run_dataset(request(out))
    assert plan.read_text() == "".join(lines)


def test_tables_of_another_configuration_can_be_traced_and_locked(out: Path) -> None:
    run_dataset(request(out))
    study = out.parent / "other.yaml"
    study.write_text(config_text(fake_config().model_copy(update={"study_id": "OTHER"})))
    tables(out, config=study, quiet=True)
    assert "study_id: OTHER" in (out / "smartms_config.yaml").read_text()
    digest = json.loads((out / "run.json").read_text())["config_sha256"]
    assert digest in (out / "methods.md").read_text()
    lock(out, quiet=True)
    verify(out, quiet=True)


def test_a_file_where_the_tables_belong_is_one_line(tmp_path: Path) -> None:
    made = make_output(tmp_path)
    shutil.rmtree(made / "tables")
    (made / "tables").write_text("x")
    with pytest.raises(InputError, match="is no folder"):
        tables(made, quiet=True)


def test_a_configuration_is_not_taken_before_its_tables_are_there(out: Path) -> None:
    run_dataset(request(out))
    before = (out / "smartms_config.yaml").read_text()
    study = out.parent / "other.yaml"
    study.write_text(config_text(fake_config().model_copy(update={"study_id": "OTHER"})))
    shutil.rmtree(out / "tables")
    (out / "tables").write_text("x")
    with pytest.raises(InputError, match="is no folder"):
        tables(out, config=study, quiet=True)
    assert (out / "smartms_config.yaml").read_text() == before


@pytest.mark.parametrize("name", ["tables/mine.csv", "sub-99.html"])
def test_a_file_that_is_no_table_or_page_of_smartms_is_not_locked(out: Path, name: str) -> None:
    (out / name).write_text("x")
    with pytest.raises(InputError, match=rf"{name}.*remove what it does not write"):
        lock(out)


def test_a_running_unit_is_waited_for(out: Path) -> None:
    with lease(out, FIRST), pytest.raises(InputError, match=f"out: {FIRST} is running. Wait"):
        lock(out)
    lock(out, quiet=True)


@pytest.mark.parametrize("command", [lock, verify, lock_diff])
def test_a_folder_that_is_no_output_is_refused(tmp_path: Path, command: object) -> None:
    with pytest.raises(InputError, match=r"has no smartms_config\.yaml"):
        command(tmp_path)  # type: ignore[operator]


def test_a_broken_chain_of_ratings_is_named(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = RatingsLog(out)
    for verdict in ("pass", "fail"):
        log.append(Judgement("R1", "reader", "u", "layers", {}, "1", verdict))
    with pytest.raises(InputError, match="not locked"):
        verify(out)
    assert "2 ratings, each follows from the one before it" in capsys.readouterr().out
    path = out / RATINGS_FILE
    path.write_bytes(path.read_bytes().replace(b'"pass"', b'"fail"', 1))
    with pytest.raises(typer.Exit) as ended:
        verify(out)
    assert ended.value.exit_code == 3
    assert "changed\tratings.jsonl\tline 1 is damaged" in capsys.readouterr().out


def test_what_is_not_locked_is_not_verified(out: Path, tmp_path: Path) -> None:
    result = smartms(tmp_path, "verify", "out")
    line = "smartms: out: is not locked. Run: smartms lock out.\n"
    assert (result.returncode, result.stderr) == (2, line)


def test_values_that_do_not_count_are_said(
    out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(METHOD_VERSION, UnitKind.SESSION, "next")
    left_out = "2 units are left out, made by another version of the method: run again: "
    with pytest.raises(InputError, match=f"{left_out}{FIRST}, {SECOND}.*Run 'smartms run' again"):
        lock(out)
    tables(out, quiet=True)
    assert f"warning: {left_out}{FIRST}, {SECOND}\n" in capsys.readouterr().err
    # The table says so as well, and may be locked.
    lock(out, quiet=True)


@pytest.mark.parametrize("name", ["", "within/it"])
def test_nothing_is_measured_into_a_locked_output(out: Path, tmp_path: Path, name: str) -> None:
    lock(out, quiet=True)
    before = snapshot(out)
    refused = smartms(tmp_path, "measure", "oct", "ring.vol", f"out/{name}")
    line = "smartms: out: is locked. Open it with: smartms unlock out --reason '...'.\n"
    assert (refused.returncode, refused.stderr) == (2, line)
    assert snapshot(out) == before


@pytest.mark.parametrize("command", ["lock", "verify", "unlock", "lock-diff", "trace"])
def test_help_has_an_example(tmp_path: Path, command: str) -> None:
    assert f"Example: smartms {command}" in smartms(tmp_path, command, "--help").stdout
