"""However the endpoint table is parted, its files are those of the whole."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyreadstat
import pytest

from smartms_img.config import default_study
from smartms_img.tables import SubjectEvidence, TableError, assemble
from smartms_img.tables.cdisc import contents_of, datasets_of
from smartms_img.tables.cdisc.xpt import padding, xpt_head, xpt_rows
from smartms_img.tables.export import arrow_table, write_parquet
from smartms_img.tables.parts import Part, write_endpoint_files

# Numbers at the edges of what a transport file holds, and of its powers of 16.
EDGES = (np.nan, 0.0, -0.1, 1 / 3, 16.0, 0.0625, 4.9e74, -1e76, 1e300, 5e-79, 1e-80, -1e-300)
REASONS = ("short", "x" * 450, "5 µm", "ends with a blank " * 40, "")


def table(*labels: str) -> pd.DataFrame:
    """Return the rows of subjects that differ in the length of their texts."""
    found = assemble([SubjectEvidence(label, {}) for label in labels], default_study())
    for place, label in enumerate(labels):
        first = found.index[found["USUBJID"].str.endswith(f"-{label}")][0]
        found.loc[first, "QCREAS"] = REASONS[place % 4]
        found.loc[first + 1, "METHODVR"] = f"{int(label) / 7:.15f}"
    return found


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def parts_of(whole: pd.DataFrame, sizes: list[int]) -> list[Part]:
    labels = list(whole["USUBJID"].unique())
    found = []
    for size in sizes:
        own, labels = labels[:size], labels[size:]
        rows = whole[whole["USUBJID"].isin(own)].reset_index(drop=True)
        found.append(partial(rows.copy))
    return found


@pytest.mark.parametrize(
    ("sizes", "workers"), [([1, 1, 1, 1, 1], 1), ([4, 1], 1), ([2, 0, 3], 1), ([1, 2, 2], 2)]
)
def test_parts_give_the_files_of_the_whole(tmp_path, sizes, workers):
    whole = table("01", "02", "03", "04", "05")
    write_endpoint_files(tmp_path / "one", [lambda: whole], default_study())
    parts = parts_of(whole, sizes)
    write_endpoint_files(tmp_path / "many", parts, default_study(), workers)
    assert len(digests(tmp_path / "one")) == 18
    assert digests(tmp_path / "many") == digests(tmp_path / "one")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_wrong_part_is_named_and_nothing_is_written(tmp_path, workers):
    wrong = table("02")
    wrong.loc[0, "AVALU"] = "furlong"
    parts = [partial(table, "01"), partial(wrong.copy)]
    with pytest.raises(TableError, match="AVALU is the unit of the catalogue"):
        write_endpoint_files(tmp_path, parts, default_study(), workers)
    assert not list(tmp_path.iterdir())


def test_row_groups_do_not_depend_on_the_parts(tmp_path):
    rows = pa.concat_tables([arrow_table(table("01", "02"))] * 130)
    assert len(rows) > 200_000
    write_parquet(tmp_path / "one.parquet", [rows])
    write_parquet(
        tmp_path / "many.parquet", (rows.slice(start, 7919) for start in range(0, len(rows), 7919))
    )
    one, many = (tmp_path / f"{name}.parquet" for name in ("one", "many"))
    assert one.read_bytes() == many.read_bytes()
    assert pq.ParquetFile(one).num_row_groups == 2
    found = pq.read_table(one)
    assert found.equals(rows.cast(found.schema))


def test_transport_file_in_parts_is_what_its_library_writes(tmp_path):
    whole = table("01", "02").assign(METHOD="as it is")
    whole.loc[whole["QCREAS"].str.len() > 200, "QCREAS"] = "y" * 200
    values = (
        np.random.default_rng(3).normal(0, 1, len(whole))
        * 10.0 ** np.arange(-20, 20).repeat(40)[: len(whole)]
    )
    whole = whole.assign(AVAL=np.append(EDGES, values[len(EDGES) :]))
    rows = arrow_table(whole)
    dataset = datasets_of([contents_of(rows)])[0]
    frame = pa.table(dict(dataset.form.rows(rows))).to_pandas()
    numbers = [item.name for item in dataset.variables if item.kind != "text"]
    pyreadstat.write_xport(
        frame.astype(dict.fromkeys(frame, "object") | dict.fromkeys(numbers, "float64")),
        str(tmp_path / "whole.xpt"),
        file_label=dataset.form.label,
        column_labels=[item.label for item in dataset.variables],
        table_name=dataset.name,
        file_format_version=5,
    )
    parts = [dataset.form.rows(part) for part in (rows[:700], rows[700:])]
    body = b"".join(xpt_rows(part, dataset) for part in parts)
    made = xpt_head(dataset) + body + b" " * padding(len(body))
    expected = bytearray((tmp_path / "whole.xpt").read_bytes())
    # The library writes the time of day; the tables say 1970.
    for place in (144, 160, 464, 480):
        expected[place : place + 16] = b"01JAN70:00:00:00"
    assert made == bytes(expected)
