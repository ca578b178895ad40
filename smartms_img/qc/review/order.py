"""The order in which a reader sees what is to be rated: shuffled, some of it twice."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from smartms_img.qc.readings import Place

REPEAT_SHARE = 0.05
_NEAREST_REPEAT = 10


@dataclass(frozen=True)
class Slot:
    """One place in the order of a reader.

    Attributes
    ----------
    place : Place
        What is to be rated.
    repeat : bool
        Whether the reader has rated it before, and is not told so.
    """

    place: Place
    repeat: bool = False


def reading_order(places: Iterable[Place], seed: int, known: Sequence[Slot] = ()) -> list[Slot]:
    """Return the order in which a reader sees what is to be rated.

    The same places and seed give the same order, whatever the order of the places. A twentieth,
    at least one from ten on, comes a second time, ten places or more behind the first. What is
    new to a reader comes behind what is known.

    Parameters
    ----------
    places : iterable of Place
        All that is to be rated.
    seed : int
        The reader's own.
    known : sequence of Slot
        The order so far; it stays as it is.
    """
    rng = random.Random(f"{seed}/{len(known)}")  # noqa: S311 - an order, not a secret
    there = {slot.place for slot in known}
    new = sorted(set(places) - there)
    rng.shuffle(new)
    slots = [Slot(place) for place in new]
    for place in rng.sample(new, _repeats(len(new))):
        first = slots.index(Slot(place))
        earliest = min(first + _NEAREST_REPEAT, len(slots))
        slots.insert(rng.randint(earliest, len(slots)), Slot(place, repeat=True))
    return [*known, *slots]


def _repeats(count: int) -> int:
    return max(round(REPEAT_SHARE * count), 1) if count >= _NEAREST_REPEAT else 0
