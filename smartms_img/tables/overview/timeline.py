"""Where visits lie on the time axis that all plots share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class Tick:
    """A visit on the time axis."""

    visit: str
    x: float


@dataclass(frozen=True)
class Timeline:
    """The time axis.

    Attributes
    ----------
    ticks : tuple of Tick
        Visits in the order of time, at the median day of their subjects or at their AVISITN.
    low, high : float
        Range of all subjects' visits.
    in_days : bool
        True for ADY, False for AVISITN.
    """

    ticks: tuple[Tick, ...]
    low: float
    high: float
    in_days: bool


def place_in_time(table: pd.DataFrame, visits: Sequence[str]) -> tuple[Timeline, pd.Series]:
    """Return the time axis, and the place of every row on it.

    Days are used if every visit with values has a subject whose day is known; a subject whose
    day is unknown stands at the median day of the visit. Otherwise the axis is AVISITN.

    Parameters
    ----------
    table : DataFrame
        Rows of one BASETYPE.
    visits : sequence of str
        AVISIT in order.

    Returns
    -------
    timeline : Timeline
        The axis.
    places : Series of float
        With the index of the table; NaN where neither day nor value of a visit is known.
    """
    number = table["AVISITN"].astype("float64")
    day = table["ADY"].astype("float64")
    once = table.assign(DAY=day).drop_duplicates(["USUBJID", "AVISIT"])
    median = once.groupby("AVISIT", observed=True)["DAY"].median()
    measured = table.loc[table["AVAL"].notna(), "AVISIT"].unique()
    in_days = bool(len(measured)) and bool(median.reindex(measured).notna().all())
    usual = table["AVISIT"].map(median).astype("float64")
    places = day.fillna(usual) if in_days else number
    at_visit = places.groupby(table["AVISIT"], observed=True).median()
    ticks = [Tick(name, float(at_visit[name])) for name in visits if name in at_visit.index]
    known = tuple(sorted((tick for tick in ticks if pd.notna(tick.x)), key=lambda tick: tick.x))
    low, high = (float(places.min()), float(places.max())) if known else (0.0, 1.0)
    return Timeline(known, low, high, in_days), places
