"""Numbers about the readers: agreement, repeats, and drift over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from smartms_img.io.decisions import ReaderFigure
from smartms_img.io.ratings import Rating
from smartms_img.qc.agreement import Agreement, agreements
from smartms_img.qc.readings import standing
from smartms_img.qc.rubric import ELEMENTS, VERDICTS

_NORMAL_95 = 1.959964
_FEWEST_PER_HALF = 5


@dataclass(frozen=True)
class Drift:
    """Whether a reader became stricter: mean level of both halves of the ratings, in time.

    Attributes
    ----------
    reader : str
        Who.
    count : int
        Number of ratings.
    early, late : float
        Mean level of the first and of the second half: 0 pass, 1 borderline, 2 fail.
    low, high : float
        95 % confidence interval of late - early.
    """

    reader: str
    count: int
    early: float
    late: float
    low: float
    high: float


def drifts(ratings: Sequence[Rating]) -> list[Drift]:
    """Return the drift of every reader with ten ratings or more.

    Items come to each reader in an order of their own, drawn by lot, so that without drift both
    halves are alike but for chance. What was corrected counts as it was first said.

    Parameters
    ----------
    ratings : sequence of Rating
        All, in the order in which they were made.
    """
    levels: dict[str, list[int]] = {}
    for said in (rating.judgement for rating in ratings):
        if said.role == "reader" and not said.supersedes:
            levels.setdefault(said.reader, []).append(VERDICTS.index(said.verdict))
    return [
        _drift(reader, own)
        for reader, own in sorted(levels.items())
        if len(own) >= 2 * _FEWEST_PER_HALF
    ]


def _drift(reader: str, levels: Sequence[int]) -> Drift:
    middle = len(levels) // 2
    halves = np.array(levels[:middle], float), np.array(levels[middle:], float)
    early, late = (float(half.mean()) for half in halves)
    error = sqrt(sum(float(half.var(ddof=1)) / len(half) for half in halves))
    spread = _NORMAL_95 * error
    return Drift(reader, len(levels), early, late, late - early - spread, late - early + spread)


def reader_figures(ratings: Sequence[Rating]) -> tuple[ReaderFigure, ...]:
    """Return the numbers about the readers for the table of checks; none without ratings."""
    given = len(standing(ratings))
    if not given:
        return ()
    found = [ReaderFigure("ratings", float(given), "that stand, of all readers")]
    found += [_agreement_figure(item) for item in agreements(ratings)]
    found += [
        ReaderFigure(
            "drift",
            item.late - item.early,
            f"{item.reader}: mean level of the later half of {item.count} ratings less the "
            f"earlier, 95 % CI {item.low:.3f} to {item.high:.3f}",
        )
        for item in drifts(ratings)
    ]
    return tuple(found)


def _agreement_figure(item: Agreement) -> ReaderFigure:
    about = ELEMENTS[item.element].title if item.element else "all elements"
    interval = "all verdicts are one" if item.kappa is None else "no interval from these pairs"
    if item.low is not None and item.high is not None:
        interval = f"95 % CI {item.low:.3f} to {item.high:.3f}"
    equal = "" if item.exact is None else f", {100 * item.exact:.0f} % equal"
    note = f"{item.who}, {about}: {interval}, {item.count} pairs{equal}"
    return ReaderFigure("kappa_linear", item.kappa, note)
