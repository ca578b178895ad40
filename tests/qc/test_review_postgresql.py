"""A team on one database: a real PostgreSQL."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from review_output import make_output

from smartms_img.config import default_study
from smartms_img.io.ratings import RatingsLog, ratings_problem
from smartms_img.io.results import read_results
from smartms_img.qc.readings import readings
from smartms_img.qc.review.desk import Desk, Draft, Said
from smartms_img.qc.review.store import Store

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)

pytestmark = pytest.mark.skipif(
    not PROGRAMS or (os.geteuid() == 0 and not shutil.which("runuser")),
    reason="PostgreSQL is not installed",
)


def _as_postgres(*command: str) -> None:
    # It refuses to be run by root.
    prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    subprocess.run([*prefix, *command], check=True, capture_output=True, cwd="/")


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    # Folders of pytest are closed to others, and PostgreSQL runs as one.
    with TemporaryDirectory(prefix="smartms-") as name:
        folder = Path(name)
        folder.chmod(0o777)
        yield from _running(folder)


def _running(folder: Path) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    data, tools = folder / "data", PROGRAMS[0]
    _as_postgres(str(tools / "initdb"), "-D", str(data), "-A", "trust", "-U", "team")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={data}"
    control = str(tools / "pg_ctl")
    _as_postgres(control, "-D", str(data), "-w", "-o", options, "-l", str(folder / "log"), "start")
    yield f"postgresql+psycopg://team@127.0.0.1:{port}/postgres"
    _as_postgres(control, "-D", str(data), "-m", "immediate", "stop")


def rate_all(out: Path, url: str, reader: str) -> None:
    store = Store(url)
    desk = Desk(out, read_results(out, default_study()), store, reader, "reader")
    for entry in desk.queue():
        desk.keep_draft(entry.key, Draft(comment="looking"))
        desk.rate(entry.key, Said(verdict="pass", seconds=1.0))
    store.close()


def test_two_readers_at_once_lose_nothing(database, tmp_path):
    out = tmp_path / "out"
    make_output(out)
    # The tables are there before both come: who makes them is not what is tried here.
    Store(database).close()
    context = get_context("spawn")
    both = [
        context.Process(target=rate_all, args=(out, database, reader)) for reader in ("R1", "R2")
    ]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    ratings = RatingsLog(out).read()
    assert ratings_problem(out) == ""
    assert len(ratings) == 22
    found = readings(read_results(out, default_study()), ratings)
    assert {reading.state for reading in found.values()} == {"agreed"}
    store = Store(database)
    third = Desk(out, read_results(out, default_study()), store, "R3", "adjudicator")
    assert third.queue() == []
    store.close()
