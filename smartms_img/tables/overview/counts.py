"""How complete the table is: numbers of passed, failed, pending and missing rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from smartms_img.catalogue import Category, Endpoint
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
    by_category = table.groupby("PARCAT1", observed=True)["QCSTAT"]
    found = {str(name): count(own) for name, own in by_category}
    known = [(item.value, found[item.value]) for item in Category if item in found]
    return (("All", count(table["QCSTAT"])), *known)


def matrix_rows(item: Endpoint, places: Places, visits: Sequence[str]) -> list[MatrixRow]:
    """Return the completeness of an endpoint at its main location.

    Parameters
    ----------
    item : Endpoint
        Which one.
    places : Places
        Its rows of one BASETYPE.
    visits : sequence of str
        AVISIT of the columns.
    """
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
