"""``smartms run`` and ``smartms tables`` on an output whose units left files already."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from fake_smartms import CONFIG_TEXT, fake_config, make_dataset

from smartms_img.config import unit_digest
from smartms_img.io.atomic import sha256, write_json
from smartms_img.io.layout import eye_stem, layers_file, measures_file, qc_file
from smartms_img.io.ledger import Attempt, write_attempt
from smartms_img.io.measures import Measure, check, write_measures, write_qc
from smartms_img.method import METHOD_VERSION
from smartms_img.naming import Eye, OctScanKind, UnitKind, eye_unit

PERSON = "CANARY7"


def smartms(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "smartms_img", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One person of two planned rings; nothing was measured yet."""
    folder = tmp_path_factory.mktemp("canary-place")
    (folder / "study.yaml").write_text(CONFIG_TEXT)
    make_dataset(folder / "bids", **{f"s{PERSON}": {}})
    smartms(folder, "run", "bids", "out", "group", "--config", "study.yaml")
    return folder


def measure_ring(out: Path) -> None:
    """Leave what a measured ring of M00 leaves."""
    unit = eye_unit(PERSON, "M00", Eye.OD, OctScanKind.RING)
    stem = eye_stem(PERSON, "M00", Eye.OD, OctScanKind.RING)
    rnfl = Measure("RNFL", 95.0, "um", "ring", "1", "M00", LOC="G", LAT="OD")
    write_measures(out / measures_file(stem), [rnfl])
    write_qc(out / qc_file(stem), [check("signal_db", 12.0, at_least=15.0)])
    description = {"pattern": "ring", "device": "Ring-o-scope", "software": "3.2"}
    write_json(out / layers_file(stem), description | {"boundaries": {}})
    files = [measures_file(stem), qc_file(stem), layers_file(stem)]
    write_attempt(
        out,
        Attempt(
            unit=unit, number=1, state="done", cause="", reason="", host="canary-host", pid=1,
            started="1971-11-11T00:00:00+00:00", ended="1971-11-11T00:00:01+00:00", exit_code=0,
            max_rss_mb=1.0, cpu_s=1.0, seed=1, versions={"smartms": "0.1.0"}, row_hash="",
            config_sha256=unit_digest(UnitKind.EYE, fake_config()),
            method_version=METHOD_VERSION[UnitKind.EYE], inputs={},
            outputs={name: sha256(out / name) for name in files},
        ),
    )  # fmt: skip


def test_apostel_report_of_a_run_and_of_the_tables_anew(folder: Path) -> None:
    file = folder / "out/apostel.json"
    before = json.loads(file.read_text())
    assert before["acquisition_device"] == "no OCT was measured"
    assert before["post_acquisition_data_selection"]["scans_not_measured"] == {"not run": 2}

    measure_ring(folder / "out")
    smartms(folder, "run", "bids", "out", "group", "--config", "study.yaml")
    after = file.read_bytes()
    report = json.loads(after)
    device = {"device": "Ring-o-scope", "software": "3.2", "scans": 1}
    assert report["acquisition_device"]["devices"] == [device]
    [line] = report["post_acquisition_data_selection"]["checks"]
    assert (line["reason_of_failure"], line["scans_failed"]) == ("signal is weak", 1)
    for planted in (PERSON, "sub-", "1971", "canary", str(folder), ".vol"):
        assert planted.encode() not in after, planted

    file.unlink()
    smartms(folder, "tables", "out", "--quiet")
    assert file.read_bytes() == after
