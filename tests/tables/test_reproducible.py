"""The tables are the same bytes wherever, whenever and in whatever order they are made."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from write_all import write_all

PROGRAM = """
import sys
from pathlib import Path
from smartms_img.config import load_study
from write_all import write_all
write_all(Path(sys.argv[1]), load_study(Path(sys.argv[2])), int(sys.argv[3]))
"""


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.iterdir() if path.is_file())
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize(
    ("environment", "partitions"),
    [
        ({"TZ": "Pacific/Kiritimati", "LC_ALL": "C", "PYTHONHASHSEED": "1"}, "1"),
        ({"TZ": "America/Caracas", "LC_ALL": "de_DE.UTF-8", "PYTHONHASHSEED": "77"}, "8"),
    ],
)
def test_elsewhere(out, config, tmp_path, environment, partitions):
    expected = digests(write_all(out, config))
    assert {"adimg.xpt", "define.xml", "oe.ndjson", "wide.tsv", "endpoints.parquet"} <= set(
        expected
    )
    study = tmp_path / "study.yaml"
    study.write_text(config.model_dump_json(), encoding="utf-8")
    variables = os.environ | environment | {"PYTHONPATH": str(Path(__file__).parent)}
    command = [sys.executable, "-c", PROGRAM, str(out), str(study), partitions]
    subprocess.run(command, check=True, env=variables)
    assert digests(out / "tables") == expected


def test_order_of_the_ledger_and_of_subjects_in_the_plan(out, config):
    expected = digests(write_all(out, config))
    head, *lines = (out / "plan.tsv").read_text().splitlines()
    # Subject 02 first: within a subject a unit comes after those it depends on.
    moved = sorted(lines, key=lambda line: line.split("\t")[2] != "02")
    assert moved != lines
    (out / "plan.tsv").write_text("\n".join([head, *moved]) + "\n")
    found = digests(write_all(out, config))
    # The table of metrics follows the plan.
    del expected["qc.tsv"], found["qc.tsv"]
    assert found == expected
