"""Outputs that several commands are tried on."""

from __future__ import annotations

from pathlib import Path

import pytest
from measured_output import make_output


@pytest.fixture
def out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    made = make_output(tmp_path)
    capsys.readouterr()
    return made
