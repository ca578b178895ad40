"""The ``smartms`` command line as users meet it, with units that obey their raw files."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import fake_smartms
import pytest
from fake_smartms import CONFIG_TEXT, make_dataset

from smartms_img.cli.finish import rejections
from smartms_img.io.decisions import Decision
from smartms_img.naming import QcStatus

Completed = subprocess.CompletedProcess[str]


def smartms(folder: Path, *arguments: str) -> Completed:
    command = [sys.executable, fake_smartms.__file__, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "study.yaml").write_text(CONFIG_TEXT)
    for launcher in ("inprocess", "dask"):
        (tmp_path / f"{launcher}.yaml").write_text(f"launcher: {launcher}\n")
    return tmp_path


def processes_of(folder: Path) -> list[str]:
    """Command lines of live processes that name the folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_text().replace("\0", " ")
        except OSError:
            continue
        if str(folder) in line:
            found.append(line)
    return found


def wait_until(condition: object, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


@pytest.mark.usefixtures("heeded_interrupt")
@pytest.mark.parametrize("launcher", ["inprocess", "dask"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_survives_an_interrupt(folder: Path, launcher: str, number: int) -> None:
    make_dataset(folder / "bids", s01={"M00_T1w": "print up\nawait doomsday"})
    arguments = ("run", "bids", "out", "participant", "--config", "study.yaml")
    log = folder / "out/logs/sub-01_ses-M00_mri.log"
    run = subprocess.Popen(
        [sys.executable, fake_smartms.__file__, *arguments, "--cluster", f"{launcher}.yaml"],
        cwd=folder,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    wait_until(lambda: log.is_file() and "up" in log.read_text())
    start = time.monotonic()
    os.kill(run.pid, number)
    _, message = run.communicate(timeout=30.0)
    wait_until(lambda: not processes_of(folder), seconds=3.0)
    assert time.monotonic() - start < 3.0
    if number == signal.SIGKILL:
        return
    assert run.returncode == 130
    assert not list((folder / "out/ledger").glob("*/lease.json"))
    assert message == "smartms: interrupted; the same command goes on from here\n"
    counts = json.loads(smartms(folder, "status", "out", "--json").stdout)["counts"]
    assert counts["running"] == counts["failed"] == 0


def test_exit_codes_and_summary(folder: Path) -> None:
    make_dataset(folder / "bids", s01={"M06_T1w": "fail input"})
    arguments = ("run", "bids", "out", "participant", "--config", "study.yaml")
    result = smartms(folder, *arguments, "--stop-after", "pair", "--n-procs", "1")
    assert result.returncode == 3
    lines = result.stdout.splitlines()
    assert lines[0].startswith("[1/3] sub-01_ses-M00_mri done in ")
    assert lines[-1] == "1 of 3 units done (0 of them earlier)"
    assert result.stderr.splitlines() == [
        "failed: sub-01_ses-M06_mri (bad-input): x.nii.gz: is truncated. Copy it again.",
        "blocked: sub-01_ses-M06_ref-M00_pair: needs sub-01_ses-M06_mri, which failed: "
        "x.nii.gz: is truncated. Copy it again.",
    ]
    content = json.loads(smartms(folder, "status", "out", "--json").stdout)
    assert content["counts"]["failed"] == content["counts"]["blocked"] == 1
    assert content["counts"]["pending"] == 3
    text = smartms(folder, "status", "out").stdout
    assert text.splitlines()[-1] == "1 done, 1 failed, 1 blocked, 3 pending"

    (folder / "bids/sub-01/ses-M06/anat/sub-01_ses-M06_T1w.nii.gz").write_text("value x")
    mended = smartms(folder, *arguments, "--stop-after", "pair", "--quiet")
    assert (mended.returncode, mended.stdout, mended.stderr) == (0, "", "")


def test_status_tells_what_changes_and_what_units_took(folder: Path) -> None:
    bids = make_dataset(folder / "bids", s01={"M06_T1w": "await go\nvalue x"})
    arguments = ("run", "bids", "out", "participant", "--config", "study.yaml", "--quiet")
    run = subprocess.Popen([sys.executable, fake_smartms.__file__, *arguments], cwd=folder)
    wait_until((folder / "out/ledger/sub-01_ses-M06_mri/lease.json").is_file)
    command = [sys.executable, fake_smartms.__file__, "status", "out", "--json", "--watch"]
    watch = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
    assert watch.stdout is not None
    first = json.loads(watch.stdout.readline())
    assert first["counts"]["running"] >= 1
    assert first["left_s"] > 0
    (bids / "go").touch()
    *_, last = (json.loads(line) for line in watch.stdout)
    assert (watch.wait(), run.wait()) == (0, 0)
    assert last["counts"]["done"] == 6
    assert last["left_s"] is None
    changed = {unit["unit"]: unit["state"] for unit in last["units"]}
    assert changed["sub-01_subject"] == "done"

    content = json.loads(smartms(folder, "status", "out", "--resources", "--json").stdout)
    assert {kind: entry["done"] for kind, entry in content.items()} == {
        **dict.fromkeys(("session", "eye"), 2),
        **dict.fromkeys(("pair", "subject"), 1),
    }
    assert all(0.05 < entry["memory_gb"] < 1 for entry in content.values())
    lines = smartms(folder, "status", "out", "--resources").stdout.splitlines()
    assert lines[0].split("\t")[:3] == ["kind", "done", "memory_gb"]
    assert "unit_memory_gb:" in lines
    assert lines[-1] == "longest_unit_minutes: 1"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "absent", "out", "participant"), "smartms: absent: is no folder."),
        (("run", "empty", "out", "participant"), "smartms: empty: has no participant."),
        (("run", "bids", "bids/x", "participant"), "smartms: x: lies among the raw data."),
        (
            ("run", "bids", "out", "participant", "--participant-label", "01", "07"),
            "smartms: unknown participant label '07'. Known are: 01.",
        ),
        (
            ("run", "bids", "out", "participant", "--config", "absent.yaml"),
            "smartms: absent.yaml: cannot be read",
        ),
        (("status", "absent"), "smartms: absent: is no folder."),
        (("check", "absent"), "smartms: absent: is no folder."),
    ],
)
def test_wrong_input_is_one_line(folder: Path, arguments: tuple[str, ...], message: str) -> None:
    make_dataset(folder / "bids", s01={})
    (folder / "empty").mkdir()
    result = smartms(folder, *arguments)
    assert result.returncode == 2
    assert result.stderr.startswith(message)
    assert len(result.stderr.splitlines()) == 1


def test_a_unit_that_another_process_works_on_is_left_to_it(folder: Path) -> None:
    make_dataset(folder / "bids", s01={"M00_T1w": "print up\nawait go"})
    arguments = ("run", "bids", "out", "participant", "--config", "study.yaml")
    limit = ("--stop-after", "session", "--session-label", "M00")
    log = folder / "out/logs/sub-01_ses-M00_mri.log"
    first = subprocess.Popen(
        [sys.executable, fake_smartms.__file__, *arguments, *limit],
        cwd=folder,
        stdout=subprocess.DEVNULL,
    )
    wait_until(lambda: log.is_file() and "up" in log.read_text())
    second = smartms(folder, *arguments, "--stop-after", "pair")
    assert second.returncode == 3
    busy, waiting, *others = second.stderr.splitlines()
    assert others == []
    assert busy.startswith("running: sub-01_ses-M00_mri: process ")
    assert waiting == "pending: sub-01_ses-M06_ref-M00_pair: waits for sub-01_ses-M00_mri"
    (folder / "bids/go").touch()
    assert first.wait() == 0
    assert smartms(folder, *arguments, *limit).stdout == "1 of 1 units done (1 of them earlier)\n"


def test_derivative_dataset_names_no_place(folder: Path) -> None:
    make_dataset(folder / "bids", s01={})
    result = smartms(folder, "run", "bids", "out", "group", "--config", "study.yaml")
    assert (result.returncode, result.stderr) == (0, "")
    out = folder / "out"
    description = json.loads((out / "dataset_description.json").read_text())
    assert description["DatasetType"] == "derivative"
    assert description["DatasetLinks"] == {"raw": "../bids"}
    assert not (out / "ledger").exists()
    for path in out.rglob("*"):
        assert path.is_dir() or str(folder) not in path.read_text()


def test_the_treatment_leaves_no_trace(folder: Path) -> None:
    make_dataset(folder / "bids", s01={})
    table = folder / "bids/participants.tsv"
    table.write_text("participant_id\tarm\nsub-01\tSECRET\n")
    result = smartms(folder, "run", "bids", "out", "participant", "--config", "study.yaml")
    assert result.returncode == 0
    assert "warning: participants.tsv: column 'arm' may tell the treatment" in result.stdout
    smartms(folder, "tables", "out")
    files = {path: path.read_bytes() for path in (folder / "out").rglob("*") if path.is_file()}
    assert folder / "out/tables/adimg.xpt" in files
    assert not [path for path, content in files.items() if b"SECRET" in content]
    # Not even as a digest: the treatment can be changed, and nothing runs again.
    table.write_text("participant_id\tarm\nsub-01\tOTHER\n")
    again = smartms(folder, "run", "bids", "out", "participant", "--config", "study.yaml")
    assert again.stdout.splitlines()[-1] == "6 of 6 units done (6 of them earlier)"
    smartms(folder, "tables", "out")
    assert {path: path.read_bytes() for path in files} == files


def test_unexpected_error_is_one_line_and_a_log(folder: Path) -> None:
    make_dataset(folder / "bids", s01={})
    smartms(folder, "run", "bids", "out", "group", "--config", "study.yaml")
    (folder / "out/ledger").write_text("no folder")
    result = smartms(folder, "status", "out")
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    log = Path(line.rpartition(" ")[2])
    assert "Traceback" in log.read_text()
    log.unlink()


def test_version_and_help(folder: Path) -> None:
    assert smartms(folder, "--version").stdout.startswith("smartms ")
    for command in ("run", "check", "status", "tables"):
        assert "Example: smartms" in smartms(folder, command, "--help").stdout


def test_a_reason_of_failure_is_said_once_a_unit() -> None:
    def failed(paramcd: str, reason: str, unit: str = "u") -> Decision:
        return Decision(unit, QcStatus.FAIL, reason, "automatic", paramcd)

    passed = Decision("u", QcStatus.PASS, "all checks passed", "automatic")
    of_endpoints = [failed("PBVC", "asymmetry"), failed("PGMVC", "asymmetry"), failed("T2LV", "x")]
    assert rejections([passed, *of_endpoints]) == [
        "quality: u PBVC, PGMVC: asymmetry",
        "quality: u T2LV: x",
    ]
    whole = [failed("", "snr", "v"), failed("PBVC", "snr; asymmetry", "v")]
    assert rejections(whole) == ["quality: v: snr"]
