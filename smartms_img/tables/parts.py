"""The files of the endpoint table, made of parts of the subjects that fit in memory.

First every part is assembled, checked and kept: what all of them hold decides how long the texts
of the exports are. Then the rows of each part are written, and this process puts them one behind
the other, in the order of the parts, while others write the next.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from dask.base import compute
from dask.delayed import delayed

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
    pool = process_pool(workers) if workers > 1 else None
    with TemporaryDirectory(prefix=".tmp-", dir=folder) as name, pool or nullcontext():
        scratch = Path(name)
        folders = [scratch / f"{number:06d}" for number in range(len(parts))]
        datasets = datasets_of(_keep_all(parts, folders, pool))
        _begin(scratch, datasets, config)
        write = partial(_write_rows, datasets=datasets, config=config)
        # Not a graph of Dask: it would append last, when the parts fill the disk.
        written = pool.map(write, folders) if pool else map(write, folders)
        write_parquet(scratch / _PARQUET, _appended(written, scratch))
        for file, end in ends(datasets).items():
            _end(scratch / file, end)
        for path in sorted(scratch.iterdir()):
            path.replace(folder / path.name)
    write_json(folder / "endpoints.json", data_dictionary())
    write_descriptions(folder, datasets, config)


def read_endpoints(folder: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Return columns of ``endpoints.parquet``: texts as categories, which need little memory."""
    texts = [column.name for column in COLUMNS if column.kind == "text"]
    path = folder / _PARQUET
    return from_arrow(pq.read_table(path, columns=list(columns), read_dictionary=texts))


def _keep_all(
    parts: Sequence[Part],
    folders: Sequence[Path],
    pool: ProcessPoolExecutor | None,
) -> tuple[tuple[Contents, ...], ...]:
    tasks = [
        delayed(_keep)(delayed(part, traverse=False), own)
        for part, own in zip(parts, folders, strict=True)
    ]
    options = {"scheduler": "processes", "pool": pool} if pool else {"scheduler": "sync"}
    return compute(*tasks, **options)  # type: ignore[no-untyped-call]


def _keep(part: Part, folder: Path) -> tuple[Contents, ...]:
    """Check a part, keep it beside a folder for its rows, and return what it holds."""
    table = part()
    validate(table)
    rows = arrow_table(table)
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


def _write_rows(folder: Path, datasets: Sequence[Dataset], config: StudyConfig) -> Path:
    """Write a part's rows, each file's into one of its own."""
    rows = _kept(folder)
    folder.mkdir()
    (folder / _ENDPOINTS).write_bytes(endpoint_lines(rows))
    (folder / _WIDE).write_bytes(wide_lines(rows, config))
    for name, written in rows_of(rows, datasets):
        (folder / name).write_bytes(written)
    return folder


def _appended(folders: Iterable[Path], scratch: Path) -> Iterator[pa.Table]:
    """Put the rows of each part behind those before it, and yield the part."""
    for folder in folders:
        for path in folder.iterdir():
            _append(path, scratch / path.name)
        shutil.rmtree(folder)
        yield _kept(folder)
        _kept_file(folder).unlink()


def _append(rows: Path, whole: Path) -> None:
    with rows.open("rb") as source, whole.open("r+b") as target:
        target.seek(0, os.SEEK_END)
        start = 0
        # The kernel copies: the rows do not pass through this process.
        while sent := os.sendfile(target.fileno(), source.fileno(), start, 2**30):
            start += sent


def _end(path: Path, end: End) -> None:
    with path.open("r+b") as file:
        file.seek(-end.cut, os.SEEK_END)
        file.truncate()
        file.write(end.text)
