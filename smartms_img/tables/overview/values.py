"""The rows of the table as plain values, by endpoint and place.

Python's own lists: grouping by pandas at every place takes most of the time of a small table.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pandas as pd


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


def values_by_place(table: pd.DataFrame) -> dict[str, Places]:
    """Return the rows by PARAMCD, then by LOC and LAT, in the order of the table.

    Parameters
    ----------
    table : DataFrame
        The endpoint table, with the place of each row in time as column X.
    """
    # Text of a DataFrame is read one by one from Arrow unless it becomes objects first.
    keys, texts = (
        [table[name].to_numpy(dtype=object) for name in names]
        for names in (("PARAMCD", "LOC", "LAT"), ("USUBJID", "AVISIT", "QCSTAT"))
    )
    numbers = [table[name].tolist() for name in ("X", "AVAL", "CHG", "AVALERR")]
    analysed = (table["ANL01FL"] == "Y").tolist()
    found: dict[str, Places] = {}
    for paramcd, loc, lat, subject, visit, status, x, aval, chg, error, flag in zip(
        *keys, *texts, *numbers, analysed, strict=True
    ):
        value = Value(subject, visit, x, aval, chg, error, status, flag)
        found.setdefault(paramcd, {}).setdefault((loc, lat), []).append(value)
    return found


def by_visit(values: Iterable[Value]) -> dict[str, list[Value]]:
    """Return values by AVISIT."""
    found: dict[str, list[Value]] = {}
    for value in values:
        found.setdefault(value.visit, []).append(value)
    return found
