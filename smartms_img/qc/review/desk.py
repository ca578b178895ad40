"""What a reader may see and say: neither subject nor visit, file or other reader."""

from __future__ import annotations

import io
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import SQLAlchemyError

from smartms_img.errors import InputError
from smartms_img.io.lock import refuse_locked
from smartms_img.io.ratings import Judgement, RatedAs, Rating, RatingsLog, Role
from smartms_img.io.results import UnitResult
from smartms_img.qc.readings import (
    Place,
    Reading,
    Readings,
    last_word,
    readings,
    refuse_unfounded,
)
from smartms_img.qc.review.order import reading_order
from smartms_img.qc.review.store import Store, StoredSlot
from smartms_img.qc.review.volumes import LayerFile, layer_bytes, layer_files
from smartms_img.qc.rubric import RUBRIC_VERSION, Element, example_files, pictures_of

_THUMBNAIL_PX = (480, 320)
_MEDIA = {".png": "image/png", ".webp": "image/webp"}


class Draft(BaseModel):
    """What was begun to be said about a slot."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reasons: tuple[str, ...] = Field((), max_length=20)
    comment: str = Field("", max_length=2000)


class Said(Draft):
    """What is said about a slot."""

    verdict: Literal["pass", "borderline", "fail"]
    seconds: float = Field(0.0, ge=0.0, le=86_400.0)
    change_reason: str = Field("", max_length=500)


class Returned(Said):
    """The same with the digest of what was looked at, as pages and packets send it."""

    shown: str = Field(min_length=1, max_length=64)

    @property
    def said(self) -> Said:
        """What was said, without the digest."""
        return Said(**self.model_dump(include=set(Said.model_fields)))


@dataclass(frozen=True)
class QueueEntry:
    """A slot as the reader sees it in the list: its key, what is rated, and the own verdict."""

    key: str
    title: str
    verdict: str


@dataclass(frozen=True)
class Example:
    """A picture to compare with: what it is an example of, and the files of its frames."""

    text: str
    files: tuple[str, ...]


@dataclass(frozen=True)
class SlotView:
    """A slot as the reader sees it opened.

    Attributes
    ----------
    key, title, question : str
        Which one, what is rated, and what is asked.
    reasons : dict of str to str
        The check-list.
    examples : tuple of Example
        What a good one looks like, then bad ones.
    shown : str
        Digest of the pictures and of what they show.
    pictures : tuple of int
        How many frames each picture has. Frames are numbered through, from 1.
    layers : tuple of str
        How each volume is shown in three dimensions, the lowest first; they are numbered from 1.
    said : dict
        The own last rating, empty for none.
    draft : dict
        What was begun to be said.
    others : tuple of dict
        For the adjudicator: what the two readers said, in no order that tells who is who.
    """

    key: str
    title: str
    question: str
    reasons: Mapping[str, str]
    examples: tuple[Example, ...]
    shown: str
    pictures: tuple[int, ...]
    layers: tuple[str, ...]
    said: Mapping[str, Any]
    draft: Mapping[str, Any]
    others: tuple[Mapping[str, Any], ...] = ()


class Desk:
    """One reader's place of work.

    Parameters
    ----------
    out : Path
        Output directory.
    results : mapping of str to UnitResult
        What :func:`smartms_img.io.results.read_results` found there.
    store : Store
        The database of the review.
    reader : str
        Pseudonym of the reader.
    role : {'reader', 'adjudicator'}
        Readers rate everything; the adjudicator what two readers disagree about.
    """

    def __init__(
        self, out: Path, results: Mapping[str, UnitResult], store: Store, reader: str, role: Role
    ) -> None:
        self._out, self._results, self._store = out, results, store
        self.reader, self._role = reader, role
        self._log = RatingsLog(out)
        self._seed = store.enter(reader, role)
        self._readings = Readings(results)
        self._following = threading.Lock()
        self._slots: list[StoredSlot] = store.slots(reader)
        self._by_key = {stored.key: stored for stored in self._slots}
        store.copy_ratings(self._log.read())
        # The first order of a large study takes seconds: not while a reader waits for a page.
        self._extend_order(self._follow())

    @property
    def packet_id(self) -> str:
        """What tells packets of different readers, and of different databases, apart."""
        return sha256(f"{self.reader}/{self._role}/{self._seed}".encode()).hexdigest()[:16]

    def history(self, key: str) -> list[Returned]:
        """Return all that the reader has ever said in a slot, in its order."""
        stored, reading = self._open(key)
        return [
            Returned(
                **{name: getattr(one, name) for name in Said.model_fields},
                shown=_digest(one.shown),
            )
            for one in (rating.judgement for rating in self._readings.said(reading.place))
            if (one.reader, one.repeat) == (self.reader, stored.slot.repeat)
        ]

    def queue(self) -> list[QueueEntry]:
        """Return all that the reader shall rate, in the reader's own order."""
        found = self._follow()
        self._extend_order(found)
        return [
            QueueEntry(stored.key, found[place].element.title, _verdict(own))
            for stored in self._slots
            if (place := stored.slot.place) in found
            for own in [self._own(found[place], stored)]
        ]

    def view(self, key: str) -> SlotView:
        """Return a slot as the reader sees it."""
        stored, reading = self._open(key)
        own = self._own(reading, stored)
        element = reading.element
        return SlotView(
            key=key,
            title=element.title,
            question=element.question,
            reasons=element.reasons,
            examples=_examples(element),
            shown=_digest(reading.shown),
            pictures=tuple(len(frames) for frames in pictures_of(element, reading.shown)),
            layers=tuple(layer.kind.value for layer in self._layers(key, reading)),
            said=_as_said(own.judgement) if own else {},
            draft=self._store.draft(key),
            others=self._others(reading),
        )

    def picture(self, key: str, number: int) -> tuple[bytes, str]:
        """Return a frame of a slot's pictures, by its number, and its media type.

        Raises
        ------
        InputError
            If there is no such picture, or its file is not the one that the unit wrote.
        """
        _, reading = self._open(key)
        names = _frames(key, reading)
        if not 1 <= number <= len(names):
            raise _unknown()
        name = names[number - 1]
        return self._content(name, reading.shown[name]), _MEDIA[Path(name).suffix]

    def thumbnail(self, key: str) -> tuple[bytes, str]:
        """Return the first picture of a slot, made small, and its media type."""
        content, _ = self.picture(key, 1)
        small = io.BytesIO()
        with Image.open(io.BytesIO(content)) as image:
            image.thumbnail(_THUMBNAIL_PX)
            image.convert("RGB").save(small, format="WEBP", quality=80)
        return small.getvalue(), _MEDIA[".webp"]

    def volume(self, key: str, number: int) -> bytes:
        """Return a volume of a slot, by its number, as a NIfTI file.

        Raises
        ------
        InputError
            If there is no such volume, or its file is not the one that the unit wrote.
        """
        _, reading = self._open(key)
        layers, outputs = self._layers(key, reading), self._outputs(reading)
        if not 1 <= number <= len(layers):
            raise _unknown()
        self._content(layers[number - 1].name, outputs[layers[number - 1].name])
        return layer_bytes(self._out, layers[number - 1], outputs)

    def rate(self, key: str, said: Said, shown: str = "") -> Rating:
        """Add a rating; when this returns, it is on disk.

        Parameters
        ----------
        key : str
            The slot.
        said : Said
            What is said about it.
        shown : str, optional
            Digest of what was looked at, where that was elsewhere.

        Raises
        ------
        InputError
            If it must not be added: see :func:`smartms_img.qc.readings.refuse_unfounded`; also
            where the output is locked, or a file is not the one that the unit wrote.
        """
        refuse_locked(self._out)
        stored, reading = self._open(key)
        if shown not in {"", _digest(reading.shown)}:
            raise InputError(
                "the pictures have changed since they were shown", "Look at the new ones"
            )
        for name, digest in reading.shown.items():
            self._content(name, digest)
        own = self._own(reading, stored)
        judgement = Judgement(
            reader=self.reader,
            role=self._role,
            unit=reading.unit,
            element=reading.element.key,
            shown=dict(reading.shown),
            rubric=RUBRIC_VERSION,
            repeat=stored.slot.repeat,
            supersedes=own.sequence if own else 0,
            **said.model_dump(),
        )

        def allowed(all_ratings: list[Rating]) -> None:
            now = readings({reading.unit: self._results[reading.unit]}, all_ratings)
            refuse_unfounded(now[reading.place], judgement, all_ratings)

        rating = self._log.append(judgement, allowed)
        # It counts from here on: that the database cannot be reached must not deny it.
        with suppress(SQLAlchemyError):
            self._store.save_draft(key, {})
            self._store.copy_ratings(self._log.read())
        return rating

    def keep_draft(self, key: str, draft: Draft) -> None:
        """Keep what was begun to be said about a slot."""
        refuse_locked(self._out)
        self._open(key)
        self._store.save_draft(key, draft.model_dump(mode="json"))

    def _follow(self) -> dict[Place, Reading]:
        """Return the readings as they are now."""
        with self._following:
            self._readings.follow(self._log.read())
            return dict(self._readings.found)

    def _extend_order(self, found: Mapping[Place, Reading]) -> None:
        """Put what has come to be rated since behind the order."""
        with self._following:
            known = [stored.slot for stored in self._slots]
            order = reading_order(self._wanted(found), self._seed, known)
            if len(order) > len(known):
                self._store.add_slots(self.reader, order[len(known) :], start=len(known))
                self._slots = self._store.slots(self.reader)
                self._by_key = {stored.key: stored for stored in self._slots}

    def _wanted(self, found: Mapping[Place, Reading]) -> list[Place]:
        if self._role == "reader":
            return list(found)
        return [
            place
            for place, reading in found.items()
            if reading.state == "disagreed" and self.reader not in reading.by_reader
        ]

    def _open(self, key: str) -> tuple[StoredSlot, Reading]:
        found, stored = self._follow(), self._by_key.get(key)
        if stored is None or stored.slot.place not in found:
            raise _unknown()
        return stored, found[stored.slot.place]

    def _own(self, reading: Reading, stored: StoredSlot) -> Rating | None:
        """Return the reader's own last rating in a slot."""
        said = self._readings.said(reading.place)
        return last_word(reading, said, (self.reader, self._role, stored.slot.repeat))

    def _outputs(self, reading: Reading) -> Mapping[str, str]:
        attempt = self._results[reading.unit].attempt
        return attempt.outputs if attempt else {}

    def _layers(self, key: str, reading: Reading) -> list[LayerFile]:
        layers = layer_files(reading.element, self._outputs(reading))
        return layers[::-1] if _is_turned(key, reading.element) else layers

    def _others(self, reading: Reading) -> tuple[Mapping[str, Any], ...]:
        if self._role != "adjudicator":
            return ()
        # By digest, so that the same reader does not always come first.
        given = sorted(reading.by_reader.values(), key=lambda rating: rating.sha256)
        return tuple(_as_said(rating.judgement) for rating in given)

    def _content(self, name: str, digest: str) -> bytes:
        try:
            content = (self._out / name).read_bytes()
        except OSError:
            content = b""
        if sha256(content).hexdigest() != digest:
            raise InputError(
                "a picture, or what it shows, is not the one that was made",
                "Run 'smartms run' again, then start the review anew",
            )
        return content


def _digest(shown: Mapping[str, str]) -> str:
    """Return the digest of what is shown of an element; it names no file."""
    files = "".join(f"{name}\t{digest}\n" for name, digest in sorted(shown.items()))
    return sha256(files.encode()).hexdigest()


def _examples(element: Element) -> tuple[Example, ...]:
    bad = [
        Example(element.reasons[reason], tuple(example_files(element, reason)))
        for reason in element.examples
    ]
    return (Example("good", tuple(example_files(element))), *bad)


def _frames(key: str, reading: Reading) -> list[str]:
    """Return all frames; which visit comes first is drawn by lot, where it can be hidden."""
    turned = _is_turned(key, reading.element)
    pictures = pictures_of(reading.element, reading.shown)
    return [name for frames in pictures for name in (frames[::-1] if turned else frames)]


def _is_turned(key: str, element: Element) -> bool:
    return element.either_way and sha256(key.encode()).digest()[0] % 2 == 1


def _verdict(rating: Rating | None) -> RatedAs | Literal[""]:
    return rating.judgement.verdict if rating else ""


def _as_said(said: Judgement) -> dict[str, Any]:
    return {"verdict": said.verdict, "reasons": list(said.reasons), "comment": said.comment}


def _unknown() -> InputError:
    return InputError("there is no such item", "Go back to the list")
