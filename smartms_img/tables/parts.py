"""The files of the endpoint table, made of parts of the subjects that fit in memory.

First every part is assembled, checked and kept: what all of them hold decides how long the texts
of the exports are. Then the rows of each part are written, and put one behind the other in the
order of the parts.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from dask.base import compute
from dask.delayed import Delayed, delayed

from smartms_img.config import StudyConfig
from smartms_img.io.atomic import write_json
from smartms_img.io.processes import process_pool
from smartms_img.tables.cdisc import (
    Contents,
    Dataset,
    End,
    contents_of,
    datasets_of,
    ends,
    heads,
    rows_of,
    write_descriptions,
)
from smartms_img.tables.columns import COLUMNS
from smartms_img.tables.dictionary import data_dictionary
from smartms_img.tables.export import (
    arrow_table,
    endpoint_header,
    endpoint_lines,
    from_arrow,
    write_parquet,
)
from smartms_img.tables.schema import validate
from smartms_img.tables.wide import wide_header, wide_lines

Part = Callable[[], pd.DataFrame]
"""Gives rows of the endpoint table, all of a subject."""
_ENDPOINTS, _WIDE, _PARQUET = "endpoints.tsv", "wide.tsv", "endpoints.parquet"


def write_endpoint_files(
    folder: Path, parts: Sequence[Part], config: StudyConfig, workers: int = 1
) -> None:
    """Write ``endpoints.*``, ``wide.tsv`` and the exports of :mod:`smartms_img.tables.cdisc`.

    Parameters
    ----------
    folder : Path
        Folder of the tables.
    parts : sequence of callable
        Each gives the rows of some subjects, where it is needed: rows do not go from process to
        process. At least one. How the table is parted has no effect on the files.
    config : StudyConfig
        Study and method.
    workers : int
        Processes that share the tasks; with 1 this process does them.

    Raises
    ------
    TableError
        If the table breaks a rule of its schema; nothing is written then.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".tmp-", dir=folder) as name, _computing(workers) as computed:
        scratch = Path(name)
        folders = [scratch / f"{number:06d}" for number in range(len(parts))]
        tasks = [
            delayed(_keep)(delayed(part, traverse=False), own, config)
            for part, own in zip(parts, folders, strict=True)
        ]
        datasets = datasets_of(computed(tasks))
        _begin(scratch, datasets, config)
        appended = _append_all(scratch, folders, datasets)
        computed([appended, delayed(_parquet)(scratch / _PARQUET, folders)])
        for file, end in ends(datasets).items():
            _end(scratch / file, end)
        for own in folders:
            _kept_file(own).unlink()
        for path in sorted(scratch.iterdir()):
            path.replace(folder / path.name)
    write_json(folder / "endpoints.json", data_dictionary())
    write_descriptions(folder, datasets, config)


def read_endpoints(folder: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Return columns of ``endpoints.parquet``: texts as categories, which need little memory."""
    texts = [column.name for column in COLUMNS if column.kind == "text"]
    path = folder / _PARQUET
    return from_arrow(pq.read_table(path, columns=list(columns), read_dictionary=texts))


@contextmanager
def _computing(workers: int) -> Iterator[Callable[[Sequence[Delayed]], tuple[Any, ...]]]:
    """Give what computes tasks, in this process or in several."""
    if workers == 1:
        yield lambda tasks: compute(*tasks, scheduler="sync")  # type: ignore[no-untyped-call]
        return
    with process_pool(workers) as pool:
        yield lambda tasks: compute(*tasks, scheduler="processes", pool=pool)  # type: ignore[no-untyped-call]


def _keep(part: Part, folder: Path, config: StudyConfig) -> tuple[Contents, ...]:
    """Check a part, keep it in a folder, and return what it holds."""
    table = part()
    validate(table)
    rows = arrow_table(table)
    folder.mkdir()
    (folder / _ENDPOINTS).write_bytes(endpoint_lines(rows))
    (folder / _WIDE).write_bytes(wide_lines(rows, config))
    path = str(_kept_file(folder))
    with pa.OSFile(path, "wb") as sink, pa.ipc.new_file(sink, rows.schema) as writer:
        writer.write_table(rows)
    return contents_of(rows)


def _kept_file(folder: Path) -> Path:
    return folder.with_suffix(".arrow")


def _kept(folder: Path) -> pa.Table:
    with pa.memory_map(str(_kept_file(folder))) as source:
        return pa.ipc.open_file(source).read_all()


def _begin(scratch: Path, datasets: Sequence[Dataset], config: StudyConfig) -> None:
    (scratch / _ENDPOINTS).write_bytes(endpoint_header().encode())
    (scratch / _WIDE).write_bytes(wide_header(config).encode())
    for name, head in heads(datasets, config.study_id).items():
        (scratch / name).write_bytes(head)


def _append_all(scratch: Path, folders: Sequence[Path], datasets: Sequence[Dataset]) -> Delayed:
    """Return a task that appends part after part, each as soon as those before it are there."""
    last = delayed(None)
    for folder in folders:
        last = delayed(_append)(delayed(_export)(folder, datasets), scratch, last)
    return last


def _export(folder: Path, datasets: Sequence[Dataset]) -> Path:
    """Write a part's rows of the exports, each file's into one of its own."""
    for name, rows in rows_of(_kept(folder), datasets):
        (folder / name).write_bytes(rows)
    return folder


def _append(part: Path, scratch: Path, before: None) -> None:  # noqa: ARG001 - the order of tasks
    for path in part.iterdir():
        with path.open("rb") as rows, (scratch / path.name).open("r+b") as whole:
            whole.seek(0, os.SEEK_END)
            start = 0
            # The kernel copies: the rows do not pass through this process.
            while sent := os.sendfile(whole.fileno(), rows.fileno(), start, 2**30):
                start += sent
    shutil.rmtree(part)


def _parquet(path: Path, folders: Sequence[Path]) -> None:
    write_parquet(path, map(_kept, folders))


def _end(path: Path, end: End) -> None:
    with path.open("r+b") as file:
        file.seek(-end.cut, os.SEEK_END)
        file.truncate()
        file.write(end.text)
