"""The endpoint table as the report shows it: values by subject, and what is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from smartms_img.catalogue import endpoint

ENDPOINTS_FILE = "tables/endpoints.parquet"
# LOC of the measures that stand in the open; the others are folded away.
KEY_LOCATIONS = ("", "G", "M6")
_COLUMNS = [
    *("STUDYID", "USUBJID", "AVISIT", "AVISITN", "PARAMCD", "LOC", "LAT"),
    *("AVAL", "AVALU", "QCSTAT", "QCREAS", "BASETYPE"),
]

Row = Mapping[str, Any]


@dataclass(frozen=True)
class EndpointCell:
    """One value of the endpoint table as it is shown: text, QC status, reason."""

    text: str
    status: str
    reason: str


@dataclass(frozen=True)
class EndpointTable:
    """Endpoints by visit of one subject; rows are (name, unit, a cell for every visit)."""

    visits: tuple[str, ...]
    rows: tuple[tuple[str, str, tuple[EndpointCell, ...]], ...]


@dataclass(frozen=True)
class Share:
    """How many of the planned values are there."""

    there: int
    planned: int

    @property
    def css(self) -> str:
        """Fullness as the name of a CSS class."""
        return "all" if self.there == self.planned else "some" if self.there else "none"


@dataclass(frozen=True)
class Completeness:
    """Values that are there, by visit; rows are (name, a share for every visit or None)."""

    visits: tuple[str, ...]
    by_endpoint: tuple[tuple[str, tuple[Share | None, ...]], ...]
    by_subject: tuple[tuple[str, tuple[Share | None, ...]], ...]


def read_main_endpoints(out: Path) -> list[dict[str, Any]]:
    """Return the rows of the main endpoints, in the order of the table; none without a table."""
    path = out / ENDPOINTS_FILE
    if not path.is_file():
        return []
    rows = pq.read_table(path, columns=_COLUMNS, filters=[("LOC", "in", set(KEY_LOCATIONS))])
    found: list[dict[str, Any]] = rows.to_pylist()
    return found


def subject_of(row: Row) -> str:
    """Return the label of the subject of a row."""
    return str(row["USUBJID"]).removeprefix(f"{row['STUDYID']}-")


def endpoint_tables(rows: Sequence[Row]) -> dict[str, EndpointTable]:
    """Return the main endpoints by subject label."""
    by_subject: dict[str, list[Row]] = {}
    for row in rows:
        by_subject.setdefault(subject_of(row), []).append(row)
    return {label: _endpoint_table(own) for label, own in by_subject.items()}


def _endpoint_table(rows: Sequence[Row]) -> EndpointTable:
    visits = _visits(rows)
    lines: dict[tuple[str, str], dict[str, EndpointCell]] = {}
    usual = rows[0]["BASETYPE"]
    for row in rows:
        against = "" if row["BASETYPE"] == usual else f"(against {row['BASETYPE']})"
        name = " ".join(part for part in (_name(row), against) if part)
        cell = EndpointCell(_value(row), row["QCSTAT"], row["QCREAS"] or "")
        lines.setdefault((name, row["AVALU"]), {})[row["AVISIT"]] = cell
    none = EndpointCell("", "", "")
    table = [
        (name, unit, tuple(cells.get(visit, none) for visit in visits))
        for (name, unit), cells in lines.items()
    ]
    return EndpointTable(visits, tuple(table))


def completeness(rows: Sequence[Row]) -> Completeness:
    """Count the main endpoints that have a value, by endpoint and by subject.

    Where there are several baselines, the first counts: the values of the others are the same.
    """
    usual = rows[0]["BASETYPE"] if rows else ""
    own = [row for row in rows if row["BASETYPE"] == usual]
    visits = _visits(own)
    return Completeness(
        visits,
        _shares([(_name(row), row) for row in own], visits),
        _shares([(subject_of(row), row) for row in own], visits),
    )


def _shares(
    rows: Sequence[tuple[str, Row]], visits: Sequence[str]
) -> tuple[tuple[str, tuple[Share | None, ...]], ...]:
    counts: dict[str, dict[str, list[bool]]] = {}
    for name, row in rows:
        of_visit = counts.setdefault(name, {}).setdefault(row["AVISIT"], [])
        of_visit.append(row["AVAL"] is not None)
    return tuple(
        (
            name,
            tuple(
                Share(sum(found[visit]), len(found[visit])) if visit in found else None
                for visit in visits
            ),
        )
        for name, found in counts.items()
    )


def _visits(rows: Sequence[Row]) -> tuple[str, ...]:
    numbers = {row["AVISIT"]: int(row["AVISITN"]) for row in rows}
    return tuple(sorted(numbers, key=lambda visit: numbers[visit]))


def _name(row: Row) -> str:
    return " ".join(part for part in (row["PARAMCD"], row["LOC"], row["LAT"]) if part)


def _value(row: Row) -> str:
    if row["AVAL"] is None:
        return "missing"
    return f"{row['AVAL']:.{endpoint(row['PARAMCD']).precision}f}"
