"""Files of the tables: the same table is always the same bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isnan
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from smartms_img.catalogue import endpoint
from smartms_img.io.atomic import atomic_path, write_json, write_text
from smartms_img.io.measures import QcMetric
from smartms_img.io.plan_table import PlanRow
from smartms_img.io.results import UnitResult
from smartms_img.io.tsv import tsv_text
from smartms_img.tables.columns import COLUMNS, PERCENT_DECIMALS, YEAR_DECIMALS
from smartms_img.tables.dictionary import data_dictionary

_ARROW = {"text": pa.string(), "integer": pa.int64(), "number": pa.float64()}
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


def write_endpoints(folder: Path, table: pd.DataFrame) -> None:
    """Write ``endpoints.tsv``, its data dictionary, and ``endpoints.parquet``.

    In the text table a missing value is an empty cell, AVAL, BASE and CHG have the decimals of
    the catalogue, and lines end with LF.
    """
    columns = text_columns(table)
    lines = [list(columns), *zip(*columns.values(), strict=True)]
    write_text(folder / "endpoints.tsv", tsv_text(lines))
    write_json(folder / "endpoints.json", data_dictionary())
    _write_parquet(folder / "endpoints.parquet", table)


def write_qc_table(folder: Path, results: Mapping[str, UnitResult]) -> None:
    """Write ``qc.tsv``: one row a metric of every unit that has QC metrics.

    Subjects are sorted by label, and units of a subject by id.
    """
    lines: list[Sequence[str]] = [QC_COLUMNS]
    rows = {(result.row.subject, name): result for name, result in results.items()}
    for _, result in sorted(rows.items()):
        lines += [_qc_line(result.row, metric) for metric in result.metrics]
    write_text(folder / "qc.tsv", tsv_text(lines))


def text_columns(table: pd.DataFrame) -> dict[str, list[str]]:
    """Return each column of the endpoint table as ``endpoints.tsv`` has it."""
    return {column.name: _cells(table, column.name) for column in COLUMNS}


def _cells(table: pd.DataFrame, name: str) -> list[str]:
    """Return a column as text."""
    column = table[name]
    if column.dtype != "float64":
        return ["" if pd.isna(value) else str(value) for value in column.tolist()]
    if name not in _IN_UNIT_OF_ENDPOINT:
        form = f".{_DECIMALS[name]}f" if name in _DECIMALS else ".6g"
        return ["" if isnan(value) else format(value, form) for value in column.tolist()]
    forms = {code: f".{endpoint(code).precision}f" for code in table["PARAMCD"].unique()}
    pairs = zip(column.tolist(), table["PARAMCD"].tolist(), strict=True)
    return ["" if isnan(value) else format(value, forms[code]) for value, code in pairs]


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


def _write_parquet(path: Path, table: pd.DataFrame) -> None:
    schema = pa.schema([(column.name, _ARROW[column.kind]) for column in COLUMNS])
    arrays = [pa.array(table[field.name], type=field.type, from_pandas=True) for field in schema]
    with atomic_path(path) as temporary:
        pq.write_table(
            pa.Table.from_arrays(arrays, schema=schema),
            temporary,
            version="2.6",
            compression="zstd",
            compression_level=3,
            store_schema=False,
        )
