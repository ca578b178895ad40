"""Known errors of measurement: what the project's benchmarks found, with the data's name."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

KNOWN_ERROR_FILE = Path(__file__).with_name("known_error.tsv")


@dataclass(frozen=True)
class KnownError:
    """Standard deviation of repeat measurement of one endpoint at one location.

    Attributes
    ----------
    sd : float
        Standard deviation of a single measurement, in ``unit``.
    unit : str
        The unit of the endpoint.
    data : str
        Data set and benchmark that the figure comes from.
    """

    sd: float
    unit: str
    data: str


@cache
def known_errors() -> dict[tuple[str, str], KnownError]:
    """Return the known errors by (PARAMCD, LOC); an endpoint without a figure is absent."""
    with KNOWN_ERROR_FILE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return {
        (row["PARAMCD"], row["LOC"]): KnownError(float(row["sd"]), row["unit"], row["data"])
        for row in rows
    }
