"""Where a command may write."""

from pathlib import Path

import pytest

from smartms_img.cli.console import check_folder
from smartms_img.errors import InputError


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    for path in (tmp_path / "out", tmp_path / "out/below/it"):
        with pytest.raises(InputError, match=r"^out: is a file"):
            check_folder(path)


def test_a_folder_that_cannot_be_written_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_folder(tmp_path / "new/folder")
    assert not (tmp_path / "new").exists()
    # Whoever runs the tests may write everywhere.
    monkeypatch.setattr("os.access", lambda path, _: Path(path) != tmp_path)
    with pytest.raises(InputError, match="folder: cannot be written"):
        check_folder(tmp_path / "new/folder")
