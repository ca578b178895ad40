"""Files of the tables: the same table is always the same bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from smartms_img.catalogue import endpoint
from smartms_img.io.atomic import atomic_path, write_text
from smartms_img.io.decisions import ReaderFigure
from smartms_img.io.measures import QcMetric
from smartms_img.io.plan_table import PlanRow
from smartms_img.io.results import UnitResult
from smartms_img.io.tsv import tsv_text
from smartms_img.tables.columns import COLUMNS, PERCENT_DECIMALS, YEAR_DECIMALS, Column
from smartms_img.tables.lines import (
    ENCODED,
    decimals,
    encoded,
    fixed,
    integers,
    lines,
    numbers,
    plain,
)

_ARROW = {"text": pa.string(), "integer": pa.int64(), "number": pa.float64()}
_SCHEMA = pa.schema([(column.name, _ARROW[column.kind]) for column in COLUMNS])
_ENCODED_SCHEMA = pa.schema(
    [
        (column.name, ENCODED if column.kind == "text" else _ARROW[column.kind])
        for column in COLUMNS
    ]
)
_ROW_GROUP = 2**17
_IN_UNIT_OF_ENDPOINT = ("AVAL", "BASE", "CHG")
_DECIMALS = {"PCHG": PERCENT_DECIMALS, "INTERVAL": YEAR_DECIMALS}
QC_COLUMNS = (
    "unit",
    "kind",
    "subject",
    "session",
    "reference",
    "eye",
    "scan",
    "metric",
    "value",
    "threshold",
    "status",
    "reason",
    "scope",
)


def endpoint_header() -> str:
    """Return the first line of ``endpoints.tsv``."""
    return tsv_text([[column.name for column in COLUMNS]])


def endpoint_lines(rows: pa.Table) -> bytes:
    """Return rows, as :func:`arrow_table` gives them, as lines of ``endpoints.tsv``.

    A missing value is an empty cell, AVAL, BASE and CHG have the decimals of the catalogue, and
    lines end with LF.
    """
    return lines(list(text_columns(rows).values()), "\t")


def write_parquet(path: Path, parts: Iterable[pa.Table]) -> None:
    """Write ``endpoints.parquet``.

    Parameters
    ----------
    path : Path
        File.
    parts : iterable of Table
        The rows, as :func:`arrow_table` gives them. How they are parted has no effect.
    """
    options = {"version": "2.6", "compression": "zstd", "compression_level": 3}
    with (
        atomic_path(path) as temporary,
        pq.ParquetWriter(temporary, _SCHEMA, store_schema=False, **options) as writer,
    ):
        for group in _row_groups(parts):
            writer.write_table(group, row_group_size=_ROW_GROUP)


def _row_groups(parts: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Yield tables of the size of a row group; the last is smaller, and there is at least one."""
    rest = _SCHEMA.empty_table()
    for part in parts:
        rest = pa.concat_tables([rest, part.cast(_SCHEMA)])
        while len(rest) > _ROW_GROUP:
            yield rest.slice(0, _ROW_GROUP).combine_chunks()
            rest = rest.slice(_ROW_GROUP)
    yield rest.combine_chunks()


def arrow_table(table: pd.DataFrame) -> pa.Table:
    """Return rows of the endpoint table in Arrow, columns of text with dictionaries."""
    arrays = [
        encoded(table[column.name])
        if column.kind == "text"
        else pa.array(table[column.name], _ARROW[column.kind], from_pandas=True)
        for column in COLUMNS
    ]
    return pa.Table.from_arrays(arrays, schema=_ENCODED_SCHEMA)


def from_arrow(rows: pa.Table) -> pd.DataFrame:
    """Return rows, or some of their columns, with the types of the endpoint table."""
    found: pd.DataFrame = rows.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    return found


def write_qc_table(
    folder: Path, results: Mapping[str, UnitResult], readers: Sequence[ReaderFigure]
) -> None:
    """Write ``qc.tsv``: one row a metric of every unit that has QC metrics, then the readers.

    Subjects are sorted by label, and units of a subject by id. Numbers about the readers have no
    unit, threshold or verdict.
    """
    cells: list[Sequence[str]] = [QC_COLUMNS]
    rows = {(result.row.subject, name): result for name, result in results.items()}
    for _, result in sorted(rows.items()):
        cells += [_qc_line(result.row, metric) for metric in result.metrics]
    cells += [_reader_line(figure) for figure in readers]
    write_text(folder / "qc.tsv", tsv_text(cells))


def text_columns(rows: pa.Table) -> dict[str, pa.Array]:
    """Return each column of :func:`arrow_table` as ``endpoints.tsv`` has it."""
    paramcd = rows["PARAMCD"].combine_chunks()
    known = [endpoint(code).precision for code in paramcd.dictionary.to_pylist()]
    places = np.array(known, np.int64)[paramcd.indices.to_numpy()]
    return {
        column.name: _cells(column, rows[column.name].combine_chunks(), places)
        for column in COLUMNS
    }


def _cells(column: Column, values: pa.Array, places: NDArray[np.int64]) -> pa.Array:
    """Return a column as text; each row's endpoint has so many decimals."""
    if column.kind == "text":
        return plain(values)
    if column.kind == "integer":
        return integers(values)
    if column.name in _IN_UNIT_OF_ENDPOINT:
        return decimals(values, places)
    if column.name in _DECIMALS:
        return fixed(values, _DECIMALS[column.name])
    return numbers(values, "{:.6g}".format)


def _reader_line(figure: ReaderFigure) -> list[str]:
    value = "" if figure.value is None else f"{figure.value:.6f}"
    known = {"kind": "readers", "metric": figure.metric, "value": value, "reason": figure.note}
    return [known.get(column, "") for column in QC_COLUMNS]


def _qc_line(row: PlanRow, metric: QcMetric) -> list[str]:
    cells = [
        row.unit,
        row.kind.value,
        row.subject,
        row.session,
        row.reference,
        row.eye.value if row.eye else "",
        row.scan.value if row.scan else "",
        metric.metric,
        "" if metric.value is None else f"{metric.value:.9g}",
        metric.threshold,
        metric.status.value,
        metric.reason,
        ";".join(metric.scope),
    ]
    return [" ".join(cell.split()) for cell in cells]
