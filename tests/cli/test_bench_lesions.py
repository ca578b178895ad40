"""``smartms bench lesions``: what cannot be done is one line, and nothing is written."""

import json
from pathlib import Path

import pytest

from smartms_img.cli.bench_lesions import lesions
from smartms_img.errors import InputError
from smartms_img.phantoms.lesion_benchmark import TRUTH_FILE


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    for name in ("a", "b"):
        folder = tmp_path / "cases" / name
        folder.mkdir(parents=True)
        for file in ("T1w", "FLAIR", "lesions"):
            (folder / f"{file}.nii.gz").touch()
    (tmp_path / "cases/b/FLAIR.nii.gz").unlink()
    return tmp_path / "cases"


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({}, "nothing to do"),
        ({"case": ["a", "a"]}, "a is given twice"),
        ({"case": ["b"]}, "b/FLAIR.nii.gz: does not exist"),
        ({"case": ["../a"]}, "cannot be a participant label"),
        ({"change_bids": Path("bids")}, "a change without its dataset"),
        ({"change_truth": Path("truth"), "case": ["a"]}, "a change without its dataset"),
        ({"change_bids": Path("nowhere"), "change_truth": Path("truth")}, "nowhere: is no folder"),
    ],
)
def test_bad_requests_write_nothing(
    tmp_path: Path, cases: Path, asked: dict[str, object], problem: str
) -> None:
    with pytest.raises(InputError, match=problem):
        lesions(tmp_path / "out", cases=cases, **asked)
    assert not (tmp_path / "out").exists()


def test_another_benchmark_is_not_resumed(tmp_path: Path, cases: Path) -> None:
    bids = tmp_path / "out/bids"
    bids.mkdir(parents=True)
    (bids / "participants.tsv").touch()
    with pytest.raises(InputError, match=r"truth.json: is missing or damaged"):
        lesions(tmp_path / "out", cases=cases, case=["a"])
    (bids / TRUTH_FILE).write_text("[]")
    with pytest.raises(InputError, match=r"truth.json: is of another benchmark"):
        lesions(tmp_path / "out")
    wanted = {"cases": ["a"], "stable": True, "injected": False}
    (bids / TRUTH_FILE).write_text(json.dumps({"wanted": wanted, "follow": []}))
    with pytest.raises(InputError, match="holds a benchmark of other scans"):
        lesions(tmp_path / "out", cases=cases, case=["a"])
