"""What readers have said about each element of each unit, and whether they agree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from smartms_img.errors import InputError
from smartms_img.io.ratings import Judgement, Rating
from smartms_img.io.results import UnitResult
from smartms_img.qc.rubric import Element, elements_of, shown_files

READERS = 2
"""Readers who rate an element independently of each other."""
State = Literal["unread", "agreed", "disagreed", "adjudicated", "stale"]
Place = tuple[str, str]
"""Unit id and key of an element."""


@dataclass(frozen=True)
class Reading:
    """One element of one unit and what was said about it.

    Attributes
    ----------
    unit : str
        Unit id.
    element : Element
        What is rated.
    shown : dict of str to str
        SHA-256 of the pictures and of the derivatives that they show, as they are now.
    by_reader : dict of str to Rating
        What each reader says now about these files, without repeats.
    adjudication : Rating or None
        What the adjudicator says about them.
    outdated : int
        Number of ratings of other files, which have been replaced since.
    """

    unit: str
    element: Element
    shown: Mapping[str, str]
    by_reader: Mapping[str, Rating]
    adjudication: Rating | None
    outdated: int

    @property
    def place(self) -> Place:
        """Unit id and key of the element."""
        return self.unit, self.element.key

    @property
    def state(self) -> State:
        """Return how far the element is read.

        'unread': by none, or by fewer than two, readers; 'stale': so, but files that are gone had
        been rated.
        """
        if self.adjudication is not None:
            return "adjudicated"
        if len(self.by_reader) < READERS:
            return "stale" if self.outdated else "unread"
        return "agreed" if len(self._verdicts) == 1 else "disagreed"

    @property
    def verdict(self) -> str:
        """The verdict that counts; empty where there is none."""
        if self.adjudication is not None:
            return self.adjudication.judgement.verdict
        return next(iter(self._verdicts)) if self.state == "agreed" else ""

    @property
    def deciding(self) -> tuple[Rating, ...]:
        """The ratings that the verdict is from."""
        if self.adjudication is not None:
            return (self.adjudication,)
        return tuple(self.by_reader.values()) if self.state == "agreed" else ()

    @property
    def _verdicts(self) -> set[str]:
        return {rating.judgement.verdict for rating in self.by_reader.values()}


class Readings:
    """Every element that can be rated, kept up with ratings that are added.

    Parameters
    ----------
    results : mapping of str to UnitResult
        By unit id. Only units that are done have elements.
    """

    def __init__(self, results: Mapping[str, UnitResult]) -> None:
        self._shown: dict[Place, tuple[Element, Mapping[str, str]]] = {}
        for unit, result in results.items():
            if result.standing != "done" or result.attempt is None:
                continue
            for element in elements_of(result.row.kind):
                if shown := shown_files(element, result.attempt.outputs):
                    self._shown[unit, element.key] = element, shown
        self._said: dict[Place, list[Rating]] = {}
        self._count = 0
        self.found = {place: self._reading(place) for place in self._shown}

    def follow(self, ratings: Sequence[Rating]) -> None:
        """Take in what was added: ``ratings`` are all, in the order in which they were made."""
        added = ratings[self._count :]
        self._count = len(ratings)
        places = {(said.unit, said.element) for said in (rating.judgement for rating in added)}
        for rating in added:
            place = rating.judgement.unit, rating.judgement.element
            self._said.setdefault(place, []).append(rating)
        self.found |= {place: self._reading(place) for place in places if place in self._shown}

    def said(self, place: Place) -> Sequence[Rating]:
        """Return all that was ever said about an element."""
        return self._said.get(place, ())

    def _reading(self, place: Place) -> Reading:
        return _reading(place[0], *self._shown[place], standing(self.said(place)))


def readings(results: Mapping[str, UnitResult], ratings: Sequence[Rating]) -> dict[Place, Reading]:
    """Return every element that can be rated, and what was said about it.

    Parameters
    ----------
    results : mapping of str to UnitResult
        By unit id. Only units that are done have elements.
    ratings : sequence of Rating
        In the order in which they were made.
    """
    kept = Readings(results)
    kept.follow(ratings)
    return kept.found


def standing(ratings: Iterable[Rating]) -> list[Rating]:
    """Return the ratings that count: without repeats, and without those that were corrected."""
    known = list(ratings)
    corrected = {rating.judgement.supersedes for rating in known}
    return [
        rating
        for rating in known
        if rating.sequence not in corrected and not rating.judgement.repeat
    ]


def _reading(
    unit: str, element: Element, shown: Mapping[str, str], said: Sequence[Rating]
) -> Reading:
    present = [rating for rating in said if rating.judgement.shown == shown]
    by_reader = {r.judgement.reader: r for r in present if r.judgement.role == "reader"}
    adjudications = [r for r in present if r.judgement.role == "adjudicator"]
    return Reading(
        unit=unit,
        element=element,
        shown=shown,
        by_reader=by_reader,
        adjudication=adjudications[-1] if adjudications else None,
        outdated=len(said) - len(present),
    )


def last_word(
    reading: Reading, ratings: Iterable[Rating], whose: tuple[str, str, bool]
) -> Rating | None:
    """Return what a reader last said about the present files of an element.

    Parameters
    ----------
    reading : Reading
        The element.
    ratings : iterable of Rating
        All.
    whose : tuple of str, str and bool
        Reader, role, and whether the repeat is meant.
    """
    last = None
    for rating in ratings:
        said = rating.judgement
        here = (said.unit, said.element) == reading.place and said.shown == reading.shown
        if here and (said.reader, said.role, said.repeat) == whose:
            last = rating
    return last


def refuse_unfounded(reading: Reading, said: Judgement, ratings: Sequence[Rating]) -> None:
    """Refuse a judgement that must not enter the ratings.

    Parameters
    ----------
    reading : Reading
        The element that it is about, as it is now.
    said : Judgement
        What shall be added.
    ratings : sequence of Rating
        All so far.

    Raises
    ------
    InputError
        If the files have changed since they were shown, an adjudicator rates what needs none or
        what was the adjudicator's own, reasons are not of the check-list, or a correction does not
        name the reader's own last word.
    """
    if said.shown != reading.shown:
        raise InputError("the pictures have changed since they were shown", "Look at the new ones")
    if unknown := [reason for reason in said.reasons if reason not in reading.element.reasons]:
        raise InputError(
            f"no reason of the check-list: {', '.join(unknown)}", "Choose from the list"
        )
    if said.role == "adjudicator":
        if said.reader in reading.by_reader:
            raise InputError("its own reader cannot adjudicate it", "Ask a third reader")
        if reading.state not in {"disagreed", "adjudicated"}:
            raise InputError("the readers do not disagree", "Leave it to them")
    own = last_word(reading, ratings, (said.reader, said.role, said.repeat))
    if said.supersedes != (own.sequence if own else 0):
        raise InputError(
            "rated already, or elsewhere meanwhile", "Correct the last rating instead"
        )
    if said.supersedes and not said.change_reason.strip():
        raise InputError("a correction without its reason", "Say why it is corrected")
