"""How complete the table is: numbers of passed, failed, pending and missing rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from smartms_img.catalogue import CATALOGUE, Category, Endpoint
from smartms_img.naming import QcStatus
from smartms_img.tables.overview.places import main_location
from smartms_img.tables.overview.values import Places, by_visit


@dataclass(frozen=True)
class Counts:
    """Numbers of planned rows by QCSTAT."""

    passed: int
    failed: int
    pending: int
    missing: int

    @property
    def total(self) -> int:
        """All planned rows."""
        return self.passed + self.failed + self.pending + self.missing

    @property
    def valued(self) -> int:
        """Rows with a value, whatever its quality."""
        return self.total - self.missing

    @property
    def words(self) -> str:
        """The numbers in words."""
        return (
            f"{self.passed} passed, {self.failed} failed, {self.pending} pending, "
            f"{self.missing} missing"
        )


@dataclass(frozen=True)
class MatrixRow:
    """One endpoint at one place: counts of subjects by visit, None where it is not planned."""

    paramcd: str
    place: str
    cells: tuple[Counts | None, ...]


@dataclass(frozen=True)
class MatrixGroup:
    """Endpoints of one PARCAT1."""

    title: str
    rows: tuple[MatrixRow, ...]


def count(statuses: Iterable[str]) -> Counts:
    """Return the numbers of rows from the QCSTAT of each."""
    found = Counter(statuses)
    order = (QcStatus.PASS, QcStatus.FAIL, QcStatus.PENDING, QcStatus.NOTRUN)
    return Counts(*(found[status.value] for status in order))


def share(part: int, whole: int) -> str:
    """Return a share in per cent; rounding makes neither none nor all of what is not.

    >>> share(1, 3), share(1999, 2000), share(1, 4000), share(0, 0)
    ('33.3 %', '99.9 %', '0.1 %', 'none planned')
    """
    if not whole:
        return "none planned"
    per_mille = round(1000 * part / whole)
    if 0 < part < whole:
        per_mille = min(max(per_mille, 1), 999)
    return f"{per_mille / 10:.1f} %"


def shares(table: pd.DataFrame) -> tuple[tuple[str, Counts], ...]:
    """Return the counts of all rows, then those of each PARCAT1 that is planned."""
    found = {str(name): count(own) for name, own in table.groupby("PARCAT1")["QCSTAT"]}
    known = [(item.value, found[item.value]) for item in Category if item in found]
    return (("All", count(table["QCSTAT"])), *known)


def matrix(
    values: Mapping[str, Places], visits: Sequence[str], note: str = ""
) -> tuple[MatrixGroup, ...]:
    """Return the completeness of every endpoint at its main location, by PARCAT1.

    Parameters
    ----------
    values : mapping of str to Places
        Rows of one BASETYPE.
    visits : sequence of str
        AVISIT of the columns.
    note : str, optional
        Follows PARCAT1 in the title of a group.
    """
    rows: dict[Category, list[MatrixRow]] = {}
    for item in CATALOGUE.values():
        if item.paramcd in values:
            own = _rows(item, values[item.paramcd], visits)
            rows.setdefault(item.category, []).extend(own)
    return tuple(
        MatrixGroup(f"{category.value} {note}".strip(), tuple(rows[category]))
        for category in Category
        if category in rows
    )


def _rows(item: Endpoint, places: Places, visits: Sequence[str]) -> list[MatrixRow]:
    lines = []
    for (loc, lat), values in places.items():
        if loc == main_location(item):
            found = by_visit(values)
            cells = (
                count(value.status for value in found[visit]) if visit in found else None
                for visit in visits
            )
            place = " ".join(part for part in (loc, lat) if part)
            lines.append(MatrixRow(item.paramcd, place, tuple(cells)))
    return lines
