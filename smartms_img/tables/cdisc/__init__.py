"""The endpoint table in CDISC's forms: ADaM and SDTM datasets with their define.xml.

The datasets are ``adimg``, ``adoct``, ``nv`` and ``oe``, each as ``.xpt``, ``.json`` and
``.ndjson``; ``define.xml`` and ``reviewers_guide.md`` describe them. They hold no date of their
own, so that the same table gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from pathlib import Path

import pyarrow as pa

from smartms_img.config import StudyConfig
from smartms_img.tables.cdisc.adam import ADAM
from smartms_img.tables.cdisc.dataset import Contents, Dataset, Rows, contents
from smartms_img.tables.cdisc.dataset_json import (
    JSON_END,
    ROW_SEPARATOR,
    json_head,
    json_rows,
    ndjson_head,
)
from smartms_img.tables.cdisc.define import DEFINE_FILE, write_define
from smartms_img.tables.cdisc.guide import write_guide
from smartms_img.tables.cdisc.long_texts import text_part
from smartms_img.tables.cdisc.sdtm import SDTM
from smartms_img.tables.cdisc.xpt import padding, row_bytes, xpt_head, xpt_rows
from smartms_img.tables.lines import rewritten

__all__ = [
    "Contents",
    "Dataset",
    "End",
    "contents_of",
    "datasets_of",
    "ends",
    "heads",
    "rows_of",
    "write_descriptions",
]

_FORMS = (*ADAM, *SDTM)


def contents_of(table: pa.Table) -> tuple[Contents, ...]:
    """Return what the datasets of rows of the endpoint table hold, in their order."""
    return tuple(contents(form.rows(table), form) for form in _FORMS)


def datasets_of(parts: Iterable[tuple[Contents, ...]]) -> list[Dataset]:
    """Return the datasets of an endpoint table that is in parts."""
    by_form = zip(*parts, strict=True)
    return [
        Dataset(form, reduce(Contents.joined, held))
        for form, held in zip(_FORMS, by_form, strict=True)
    ]


def heads(datasets: Iterable[Dataset], study: str) -> dict[str, bytes]:
    """Return the beginnings of the files of datasets, by name."""
    found = {}
    for dataset in datasets:
        name = dataset.name.lower()
        found[f"{name}.xpt"] = xpt_head(dataset)
        found[f"{name}.json"] = json_head(dataset, study).encode()
        found[f"{name}.ndjson"] = ndjson_head(dataset, study).encode()
    return found


def rows_of(table: pa.Table, datasets: Iterable[Dataset]) -> Iterator[tuple[str, bytes]]:
    """Yield file name and rows, of a part of the endpoint table."""
    for dataset in datasets:
        name, rows = dataset.name.lower(), _split(dataset.form.rows(table), dataset)
        yield f"{name}.xpt", xpt_rows(rows, dataset)
        written = json_rows(rows, dataset)
        yield f"{name}.ndjson", written
        # JSON writes the line ends of texts otherwise.
        yield f"{name}.json", written.replace(b"\n", ROW_SEPARATOR.encode())


@dataclass(frozen=True)
class End:
    """End of a file: so many bytes are cut off, and these come in their place."""

    cut: int = 0
    text: bytes = b""


def ends(datasets: Iterable[Dataset]) -> dict[str, End]:
    """Return the ends of the files of datasets, by name; files without one are absent."""
    found = {}
    for dataset in datasets:
        name, records = dataset.name.lower(), dataset.contents.records
        found[f"{name}.xpt"] = End(text=b" " * padding(records * row_bytes(dataset)))
        found[f"{name}.json"] = End(len(ROW_SEPARATOR) if records else 0, JSON_END.encode())
    return found


def write_descriptions(folder: Path, datasets: Sequence[Dataset], config: StudyConfig) -> None:
    """Write ``define.xml`` and ``reviewers_guide.md``."""
    write_define(folder / DEFINE_FILE, datasets, config.study_id)
    write_guide(folder, datasets, config)


def _split(rows: Rows, dataset: Dataset) -> Rows:
    """Return rows with the columns in which long texts go on."""
    columns: dict[str, pa.Array] = {}
    for variable in dataset.form.variables:
        column, count = rows[variable.name], dataset.parts(variable)
        columns[variable.name] = column
        for position in range(count if count > 1 else 0):
            part = rewritten(column, partial(text_part, position=position))
            columns[variable.continued(position).name] = part
    return columns
