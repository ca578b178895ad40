"""Dataset-JSON 1.1, as one document and as a line a row (NDJSON)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import pandas as pd

from smartms_img import __version__
from smartms_img.io.atomic import atomic_path
from smartms_img.tables.cdisc.dataset import NO_DATE, Dataset, Variable
from smartms_img.tables.cdisc.define import DEFINE_FILE
from smartms_img.tables.cdisc.oid import group_oid, item_oid, study_oid, version_oid

_TYPES = {"text": "string", "integer": "integer", "float": "double"}


def write_dataset_json(folder: Path, dataset: Dataset, study: str) -> None:
    """Write ``<name>.json`` and ``<name>.ndjson``; what is missing is null.

    Parameters
    ----------
    folder : Path
        Where to write.
    dataset : Dataset
        Dataset.
    study : str
        STUDYID.
    """
    about, rows = _about(dataset, study), _rows(dataset)
    name = dataset.name.lower()
    with _text_file(folder / f"{name}.json") as file:
        head = json.dumps(about, ensure_ascii=False, indent=1).removesuffix("\n}")
        file.write(head + ',\n "rows": [\n')
        file.write(",\n".join(rows))
        file.write("\n ]\n}\n")
    with _text_file(folder / f"{name}.ndjson") as file:
        file.writelines(line + "\n" for line in (_line(about), *rows))


@contextmanager
def _text_file(path: Path) -> Iterator[TextIO]:
    with (
        atomic_path(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="\n") as file,
    ):
        yield file


def _about(dataset: Dataset, study: str) -> dict[str, Any]:
    return {
        "datasetJSONCreationDateTime": NO_DATE,
        "datasetJSONVersion": "1.1.0",
        "fileOID": f"{study_oid(study)}.{dataset.name}",
        "originator": "smartms",
        "sourceSystem": {"name": "smartms", "version": __version__},
        "studyOID": study_oid(study),
        "metaDataVersionOID": version_oid(study),
        "metaDataRef": DEFINE_FILE,
        "itemGroupOID": group_oid(dataset),
        "records": len(dataset.frame),
        "name": dataset.name,
        "label": dataset.label,
        "columns": [_column(dataset, variable) for variable in dataset.variables],
    }


def _column(dataset: Dataset, variable: Variable) -> dict[str, Any]:
    content: dict[str, Any] = {
        "itemOID": item_oid(dataset, variable),
        "name": variable.name,
        "label": variable.label,
        "dataType": _TYPES[variable.kind],
    }
    if variable.kind == "text":
        content["length"] = dataset.length(variable)
    if variable.name in dataset.keys:
        content["keySequence"] = dataset.keys.index(variable.name) + 1
    return content


def _rows(dataset: Dataset) -> list[str]:
    """Return the rows as JSON; each distinct text is encoded once."""
    columns = [_encoded(dataset.frame[item.name], item) for item in dataset.variables]
    return [f"[{','.join(cells)}]" for cells in zip(*columns, strict=True)]


def _encoded(column: pd.Series, variable: Variable) -> list[str]:
    if variable.kind == "text":
        known = {text: _line(text) for text in column.unique()}
        return [known[text] for text in column.tolist()]
    write = str if variable.kind == "integer" else repr
    return ["null" if pd.isna(value) else write(value) for value in column.tolist()]


def _line(content: object) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))
