"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# ITK reads its thread count once, when a test imports ants.
os.environ.setdefault("ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS", "1")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real scans (environment variable SMARTMS_TEST_DATA), or skip."""
    default = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("SMARTMS_TEST_DATA", default))
    if not (folder / "bids").is_dir():
        pytest.skip("skipped: no data")
    return folder


@pytest.fixture
def write(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[..., Path]:
    """Write bytes as an export, under the module's ``EXPORT`` or another name."""

    def _write(data: bytes, name: str | None = None) -> Path:
        path = tmp_path / (name or request.module.EXPORT)
        path.write_bytes(data)
        return path

    return _write


@pytest.fixture
def heeded_interrupt() -> Iterator[None]:
    """Children heed SIGINT even where a background shell made these tests ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
