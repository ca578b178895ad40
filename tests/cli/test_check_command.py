import json
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest

CONFIG = """
study_id: CHECK
baseline: M00
visits:
  - {label: M00, name: Baseline, number: 0, window_days: [-60, 30]}
  - {label: M06, name: Month 6, number: 6, window_days: [120, 270]}
"""


@pytest.fixture
def bids(tmp_path: Path) -> Path:
    """One visit with whole images; the other visit, and OCT, are absent."""
    folder = tmp_path / "bids" / "sub-01" / "ses-M00" / "anat"
    folder.mkdir(parents=True)
    voxels = np.random.default_rng(0).random((20, 20, 20), dtype=np.float32)
    for contrast in ("T1w", "FLAIR"):
        image = nibabel.Nifti1Image(voxels, np.diag([1.0, 1.0, 1.0, 1.0]))
        nibabel.save(image, folder / f"sub-01_ses-M00_{contrast}.nii.gz")
    (tmp_path / "bids/dataset_description.json").write_text("{}")
    (tmp_path / "bids/participants.tsv").write_text("participant_id\nsub-01\n")
    (tmp_path / "bids/sub-01/sub-01_sessions.tsv").write_text("session_id\tday\nses-M00\t0\n")
    (tmp_path / "study.yaml").write_text(CONFIG)
    return tmp_path / "bids"


def check(bids: Path) -> tuple[int, list[tuple[str, str, str]]]:
    command = [sys.executable, "-m", "smartms_img", "check", str(bids), "--json"]
    command += ["--config", str(bids.parent / "study.yaml")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    findings = json.loads(result.stdout)["findings"]
    return result.returncode, [(f["level"], f["problem"], f["file"]) for f in findings]


def test_holes_alone_are_no_error(bids: Path) -> None:
    code, findings = check(bids)
    assert code == 0
    assert {level for level, _, _ in findings} == {"missing"}
    assert ("missing", "no session M06", "") in findings


def test_truncated_image_is_wrong(bids: Path) -> None:
    path = bids / "sub-01/ses-M00/anat/sub-01_ses-M00_FLAIR.nii.gz"
    path.write_bytes(path.read_bytes()[:2000])
    code, findings = check(bids)
    assert code == 2
    assert [file for level, _, file in findings if level == "wrong"] == [
        "sub-01/ses-M00/anat/sub-01_ses-M00_FLAIR.nii.gz"
    ]


def test_unknown_eye_is_wrong(bids: Path) -> None:
    scan = bids / "sub-01/ses-M00/oct/sub-01_ses-M00_eye-L_acq-ring_oct.vol"
    scan.parent.mkdir()
    scan.touch()
    (bids / ".bidsignore").write_text("**/oct\n")
    code, findings = check(bids)
    assert code == 2
    assert [problem for level, problem, _ in findings if level == "wrong"] == ["unknown eye 'L'"]


@pytest.mark.realdata
def test_real_dataset_has_holes_only(real_data: Path) -> None:
    command = [sys.executable, "-m", "smartms_img", "check", str(real_data / "bids"), "--quiet"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, "")


@pytest.mark.realdata
def test_wrong_eye_and_scan_in_the_name_are_found(bids: Path, real_data: Path) -> None:
    source = real_data / "oct" / "ring_OD_1.vol"
    folder = bids / "sub-01/ses-M00/oct"
    folder.mkdir()
    (bids / ".bidsignore").write_text("**/oct\n")
    (folder / "sub-01_ses-M00_eye-OS_acq-ring_oct.vol").symlink_to(source)
    (folder / "sub-01_ses-M00_eye-OD_acq-macula_oct.vol").symlink_to(source)
    _, findings = check(bids)
    assert [problem for level, problem, _ in findings if level == "wrong"] == [
        "the file holds a ring scan, its name says macula",
        "the file says OD, its name says OS",
    ]


def test_a_column_of_the_treatment_is_a_warning(bids: Path) -> None:
    before = check(bids)
    (bids / "participants.tsv").write_text("participant_id\tarm\nsub-01\tSECRET\n")
    code, findings = check(bids)
    assert code == before[0]
    problem = "column 'arm' may tell the treatment; it is not read"
    assert ("warning", problem, "participants.tsv") in findings
    assert "SECRET" not in str(findings)
