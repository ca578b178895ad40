from pathlib import Path

import pytest

from smartms_img.errors import InputError
from smartms_img.execution.places import check_places


@pytest.fixture
def bids(tmp_path: Path) -> Path:
    folder = tmp_path / "bids"
    folder.mkdir()
    return folder


def test_scratch_lies_below_the_output(bids: Path) -> None:
    places = check_places(bids, bids / "derivatives" / "smartms")
    assert places.work == places.out / "work"
    assert places.out.is_dir()


@pytest.mark.parametrize(
    ("out", "problem"),
    [
        ("bids", "holds the dataset"),
        (".", "holds the dataset"),
        ("bids/sub-01", "lies among the raw data"),
        ("bids/derivatives", "lies among the raw data"),
    ],
)
def test_raw_data_are_never_written_to(bids: Path, out: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        check_places(bids, bids.parent / out)
    assert list(bids.iterdir()) == []


def test_other_datasets_are_never_written_to(bids: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "dataset_description.json").write_text('{"Name": "another"}')
    with pytest.raises(InputError, match="holds another dataset"):
        check_places(bids, tmp_path / "out")


def test_missing_dataset_and_file_as_output(bids: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no folder"):
        check_places(tmp_path / "absent", tmp_path / "out")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        check_places(bids, tmp_path / "file")
