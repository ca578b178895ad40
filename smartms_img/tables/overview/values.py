"""The rows of the table as plain values, by endpoint and place.

Python's own lists: grouping by pandas at every place takes most of the time of a small table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import pandas as pd

from smartms_img.catalogue import CATALOGUE, Endpoint


class Value(NamedTuple):
    """A row: what is plotted and counted of it; numbers are NaN where they are missing."""

    subject: str
    visit: str
    x: float
    aval: float
    chg: float
    error: float
    status: str
    analysed: bool


Places = dict[tuple[str, str], list[Value]]


def values_by_endpoint(table: pd.DataFrame) -> Iterator[tuple[Endpoint, Places]]:
    """Yield the rows of each endpoint by LOC and LAT, in the order of the catalogue.

    One by one, so that a table of millions of rows is never in memory as Python's objects.

    Parameters
    ----------
    table : DataFrame
        The endpoint table, with the place of each row in time as column X.
    """
    rows = table.groupby("PARAMCD", observed=True).indices
    for item in CATALOGUE.values():
        if item.paramcd in rows:
            yield item, _values_by_place(table.iloc[rows[item.paramcd]])


def _values_by_place(table: pd.DataFrame) -> Places:
    # Text of a DataFrame is read one by one from Arrow unless it becomes objects first.
    keys, texts = (
        [table[name].to_numpy(dtype=object) for name in names]
        for names in (("LOC", "LAT"), ("USUBJID", "AVISIT", "QCSTAT"))
    )
    numbers = [table[name].tolist() for name in ("X", "AVAL", "CHG", "AVALERR")]
    analysed = (table["ANL01FL"] == "Y").tolist()
    found: Places = {}
    for loc, lat, subject, visit, status, x, aval, chg, error, flag in zip(
        *keys, *texts, *numbers, analysed, strict=True
    ):
        value = Value(subject, visit, x, aval, chg, error, status, flag)
        found.setdefault((loc, lat), []).append(value)
    return found


def by_visit(values: Iterable[Value]) -> dict[str, list[Value]]:
    """Return values by AVISIT."""
    found: dict[str, list[Value]] = {}
    for value in values:
        found.setdefault(value.visit, []).append(value)
    return found
