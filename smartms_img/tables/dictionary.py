"""Data dictionary of the endpoint table, as a BIDS sidecar."""

from __future__ import annotations

from typing import Any

from smartms_img.catalogue import (
    CATALOGUE,
    LATERALITIES,
    Category,
    Endpoint,
    Term,
    location_levels,
)
from smartms_img.tables.columns import COLUMNS

_QC_LEVELS = {
    "pass": "the value passed its checks",
    "fail": "at least one check failed; the value stays in the table and is not analysed",
    "pending": "not decided yet",
    "notrun": "there is no value",
}
_FLAG = {"Y": "yes", "": "no"}


def data_dictionary() -> dict[str, Any]:
    """Return the dictionary: a description of each column, levels of the coded ones.

    ``PARAMCD`` also holds ``Endpoints``: for each code its unit, decimals, direction, places,
    method and CDISC terms; a term without a code is a sponsor's extension.
    """
    levels = {
        "PARCAT1": {category.value: category.value for category in Category},
        "PARAMCD": {item.paramcd: item.param for item in CATALOGUE.values()},
        "LOC": location_levels(),
        "LAT": LATERALITIES,
        "QCSTAT": _QC_LEVELS,
        "ABLFL": _FLAG,
        "ANL01FL": _FLAG,
        "ANL02FL": _FLAG,
    }
    content: dict[str, Any] = {}
    for column in COLUMNS:
        entry: dict[str, Any] = {"Description": column.description, "Format": column.kind}
        if column.name in levels:
            entry["Levels"] = levels[column.name]
        content[column.name] = entry
    content["PARAMCD"]["Endpoints"] = {
        item.paramcd: _endpoint(item) for item in CATALOGUE.values()
    }
    for name in ("ADY", "AWLO", "AWHI"):
        content[name]["Units"] = "day"
    content["INTERVAL"]["Units"] = "year"
    content["PCHG"]["Units"] = "%"
    return content


def _endpoint(item: Endpoint) -> dict[str, Any]:
    return {
        "Name": item.name,
        "Units": item.unit,
        "Decimals": item.precision,
        "Worse": item.worse.value,
        "Category": item.category.value,
        "Scan": item.scan.value if item.scan else "",
        "Places": [{"LOC": loc, "LAT": lat} for loc, lat in item.places],
        "Method": item.method,
        "CDISC": {
            "Test": _term(item.cdisc.test),
            "Location": _term(item.cdisc.location),
            "Method": _term(item.cdisc.method),
            "Unit": _term(item.cdisc.unit),
        },
    }


def _term(term: Term) -> dict[str, str]:
    return {"Term": term.text, "Code": term.code}
