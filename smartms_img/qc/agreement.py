"""How well readers agree: with each other, with themselves, and over time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from smartms_img.io.ratings import Rating
from smartms_img.qc.readings import standing
from smartms_img.qc.rubric import VERDICTS

_NORMAL_95 = 1.959964
_LEAST_ERROR = 1e-6

Pairs = list[tuple[str, str]]
"""Two verdicts about the same pictures."""


@dataclass(frozen=True)
class Agreement:
    """Agreement about a set of pictures.

    Attributes
    ----------
    who : str
        Two readers, or one and the repeats.
    element : str
        Key of an element; empty for all.
    count : int
        Number of pairs of verdicts.
    exact : float or None
        Share of pairs that are equal; None without pairs.
    kappa, low, high : float or None
        Linearly weighted kappa and its 95 % confidence interval. All None where all verdicts of
        both are one, so that chance alone would agree as well; the interval where the pairs are
        too few, or too much alike, for one.
    """

    who: str
    element: str
    count: int
    exact: float | None
    kappa: float | None
    low: float | None
    high: float | None


def agreements(ratings: Sequence[Rating]) -> list[Agreement]:
    """Return the agreement of every two readers, and of every reader with the repeats.

    Ratings of other pictures, as before a derivative changed, are compared among themselves.
    Adjudications are no independent ratings, and are left out.

    Parameters
    ----------
    ratings : sequence of Rating
        All, in the order in which they were made.

    Returns
    -------
    list of Agreement
        For every two readers and every reader first all elements, then each.
    """
    first = [r for r in standing(ratings) if r.judgement.role == "reader"]
    readers = sorted({rating.judgement.reader for rating in first})
    found: list[Agreement] = []
    for one, other in combinations(readers, 2):
        found += _by_element(f"{one} and {other}", _of(first, one), _of(first, other))
    again = [rating for rating in ratings if rating.judgement.repeat]
    for reader in readers:
        own = _of(again, reader)
        if own:
            found += _by_element(f"{reader} and repeats", _of(first, reader), own)
    return found


def agreement(pairs: Pairs, who: str = "", element: str = "") -> Agreement:
    """Return the agreement of pairs of verdicts.

    The standard error is that of Fleiss, Cohen and Everitt (1969, doi:10.1037/h0028106).
    """
    if not pairs:
        return Agreement(who, element, 0, None, None, None, None)
    counts = np.zeros((len(VERDICTS), len(VERDICTS)))
    for one, other in pairs:
        counts[VERDICTS.index(one), VERDICTS.index(other)] += 1
    exact = float(np.trace(counts) / len(pairs))
    found = _weighted_kappa(counts)
    if found is None:
        return Agreement(who, element, len(pairs), exact, None, None, None)
    kappa, error = found
    # Of few pairs, or of pairs that all agree, the formula gives an interval without width.
    if error < _LEAST_ERROR:
        return Agreement(who, element, len(pairs), exact, kappa, None, None)
    low, high = max(kappa - _NORMAL_95 * error, -1.0), min(kappa + _NORMAL_95 * error, 1.0)
    return Agreement(who, element, len(pairs), exact, kappa, low, high)


def _weighted_kappa(counts: NDArray[np.float64]) -> tuple[float, float] | None:
    """Return linearly weighted kappa and its standard error."""
    total, last = counts.sum(), len(counts) - 1
    shares = counts / total
    places = np.arange(len(counts))
    weights = 1.0 - np.abs(places[:, None] - places[None, :]) / last
    rows, columns = shares.sum(axis=1), shares.sum(axis=0)
    observed = float((weights * shares).sum())
    chance = float((weights * np.outer(rows, columns)).sum())
    if chance > 1.0 - 1e-12:
        return None
    of_rows, of_columns = weights @ columns, rows @ weights
    spread = weights * (1 - chance) - (of_rows[:, None] + of_columns[None, :]) * (1 - observed)
    middle = observed * chance - 2 * chance + observed
    variance = ((shares * spread**2).sum() - middle**2) / (total * (1 - chance) ** 4)
    return (observed - chance) / (1 - chance), sqrt(max(float(variance), 0.0))


Said = dict[tuple[str, str, str], str]
"""Verdict by unit, element, and the pictures."""


def _of(ratings: Iterable[Rating], reader: str) -> Said:
    return {
        (said.unit, said.element, repr(sorted(said.shown.items()))): said.verdict
        for said in (rating.judgement for rating in ratings)
        if said.reader == reader
    }


def _by_element(who: str, one: Said, other: Said) -> list[Agreement]:
    shared = [key for key in one if key in other]
    elements = ["", *sorted({element for _, element, _ in shared})]
    return [
        agreement(
            [(one[key], other[key]) for key in shared if wanted in {"", key[1]}], who, wanted
        )
        for wanted in elements
    ]
