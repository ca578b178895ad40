"""``smartms bench atrophy``: what cannot be done is one line, and nothing is written."""

import json
from pathlib import Path

import numpy as np
import pytest

from smartms_img.cli.bench import atrophy
from smartms_img.errors import InputError
from smartms_img.io.nifti import save_image
from smartms_img.phantoms.atrophy_benchmark import write_injected
from smartms_img.phantoms.atrophy_expected import WANTED_FILE
from smartms_img.volume import Volume

SHAPE = (20, 22, 18)


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    folder = tmp_path / "scans"
    folder.mkdir()
    for name in ("a", "b", "c"):
        signal = np.random.default_rng(0).uniform(1, 100, SHAPE).astype(np.float32)
        save_image(Volume(signal, np.eye(4)), folder / f"{name}_T1w.nii.gz")
    return folder


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({}, "nothing to do"),
        ({"rescan": ["a"]}, "'a' is no pair"),
        ({"rescan": ["a:a"]}, "a is given twice"),
        ({"rescan": ["a:b", "b:a"]}, "a, b is given twice"),
        ({"rescan": ["a:b", "a:c"]}, "a is given twice"),
        ({"rescan": ["a:x"]}, "x_T1w.nii.gz: does not exist"),
        ({"rescan": ["a:../b"]}, "cannot be a participant label"),
        ({"still": ["b", "b"]}, "b is given twice"),
        ({"inject": ["a"]}, "a_labels.nii.gz: does not exist"),
        ({"drift": [-5]}, "a seed is negative"),
        ({"drift": [3, 3]}, "3 is given twice"),
    ],
)
def test_bad_requests_write_nothing(
    tmp_path: Path, scans: Path, asked: dict[str, list[str]], problem: str
) -> None:
    out = tmp_path / "out"
    with pytest.raises(InputError, match=problem):
        atrophy(out, scans=scans, **asked)
    assert not out.exists()


def test_pairs_need_a_folder_of_scans(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="have no folder"):
        atrophy(tmp_path / "out", rescan=["a:b"])


def test_another_benchmark_is_not_resumed(tmp_path: Path, scans: Path) -> None:
    bids = tmp_path / "out/bids"
    bids.mkdir(parents=True)
    (bids / "participants.tsv").touch()
    with pytest.raises(InputError, match=r"wanted.json: is missing or damaged"):
        atrophy(tmp_path / "out", scans=scans, rescan=["a:b"])
    (bids / WANTED_FILE).write_text(
        json.dumps({"rescan": ["a:c"], "still": [], "inject": [], "drift": []})
    )
    with pytest.raises(InputError, match="holds a benchmark of other scans"):
        atrophy(tmp_path / "out", scans=scans, rescan=["a:b"])


def test_change_is_injected_into_voxels_of_one_millimetre(tmp_path: Path) -> None:
    coarse = Volume(np.random.default_rng(0).uniform(1, 9, SHAPE), np.diag([2.0, 2.0, 2.0, 1.0]))
    save_image(coarse, tmp_path / "a_T1w.nii.gz")
    with pytest.raises(InputError, match=r"a_T1w.nii.gz: has voxels of 2.00 x 2.00 x 2.00 mm"):
        write_injected(tmp_path / "bids", tmp_path, ["a"])


def test_labels_must_lie_on_the_grid_of_the_scan(tmp_path: Path, scans: Path) -> None:
    labels = np.random.default_rng(0).integers(0, 9, (20, 22, 17))
    save_image(Volume(labels, np.eye(4)), scans / "a_labels.nii.gz")
    with pytest.raises(InputError, match=r"has 20 x 22 x 17 voxels, its scan 20 x 22 x 18"):
        write_injected(tmp_path / "bids", scans, ["a"])
