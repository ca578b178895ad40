"""Dataset-JSON 1.1, as one document and as a line a row (NDJSON)."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa

from smartms_img import __version__
from smartms_img.tables.cdisc.dataset import NO_DATE, Dataset, Rows, Variable
from smartms_img.tables.cdisc.define import DEFINE_FILE
from smartms_img.tables.cdisc.oid import group_oid, item_oid, study_oid, version_oid
from smartms_img.tables.lines import integers, lines, numbers, plain, rewritten

ROW_SEPARATOR = ",\n"
JSON_END = "\n ]\n}\n"
_TYPES = {"text": "string", "integer": "integer", "float": "double"}


def json_head(dataset: Dataset, study: str) -> str:
    """Return what a document says before its rows.

    The rows follow, separated by :data:`ROW_SEPARATOR`, then :data:`JSON_END`.
    """
    head = json.dumps(_about(dataset, study), ensure_ascii=False, indent=1).removesuffix("\n}")
    return head + ',\n "rows": [\n'


def ndjson_head(dataset: Dataset, study: str) -> str:
    """Return the first line of NDJSON; a line a row follows."""
    return _text(_about(dataset, study)) + "\n"


def json_rows(rows: Rows, dataset: Dataset) -> bytes:
    """Return rows as JSON, a line each; what is missing is null."""
    return lines([_encoded(rows[item.name], item) for item in dataset.variables], ",", "[", "]\n")


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
        "records": dataset.contents.records,
        "name": dataset.name,
        "label": dataset.form.label,
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
        content["length"] = dataset.lengths[variable.name]
    if variable.name in dataset.form.keys:
        content["keySequence"] = dataset.form.keys.index(variable.name) + 1
    return content


def _encoded(column: pa.Array, variable: Variable) -> pa.Array:
    if variable.kind == "text":
        return plain(rewritten(column, _text))
    if variable.kind == "integer":
        return integers(column, missing="null")
    return numbers(column, repr, missing="null")


def _text(content: object) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))
