"""``smartms measure``: one JSON object on stdout, one line for bad input."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from smartms_img.phantoms.oct import ring_phantom, write_oct_phantom


def measure(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "smartms_img", "measure", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("kind", ["atrophy", "oct"])
def test_bad_input_is_one_line_and_nothing_on_stdout(tmp_path: Path, kind: str) -> None:
    bad = tmp_path / "scan.nii.gz"
    bad.write_bytes(b"no image")
    files = [bad, bad] if kind == "atrophy" else [bad]
    result = measure(kind, *files, tmp_path / "out", "--quiet")
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert "scan.nii.gz" in result.stderr


def test_masks_of_a_dataset_are_refused(tmp_path: Path) -> None:
    config = tmp_path / "study.yaml"
    visits = "[{label: M00, name: Baseline, number: 0, window_days: [-60, 30]}]"
    config.write_text(
        f"study_id: x\nbaseline: M00\nvisits: {visits}\nmri: {{lesions: {{masks: manual}}}}\n"
    )
    scan = tmp_path / "scan.nii.gz"
    result = measure(
        "lesions", "--t1", scan, "--flair", scan, "--config", config, tmp_path / "out"
    )
    assert result.returncode == 2
    assert "mri.lesions.masks names a folder of a dataset" in result.stderr


def test_an_oct_scan_gives_one_json_object(tmp_path: Path) -> None:
    phantom = ring_phantom(seed=1)
    path = write_oct_phantom(tmp_path, "ring", phantom)
    result = measure("oct", path, tmp_path / "out")
    assert result.returncode == 0
    found = json.loads(result.stdout)
    assert {"thickness", "qc"} <= found.keys()
    assert (tmp_path / "out/layers.npz").is_file()
