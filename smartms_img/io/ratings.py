"""Ratings of readers: an append-only file, each line of which holds the digest of the one before.

A line is JSON; its last member is the SHA-256 of the line without that member, and
``previous_sha256`` is that of the line before. A rating counts once its line is on disk. Nothing
is ever changed: a correction is a further line that names the one that it supersedes.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Literal

from pydantic import TypeAdapter

from smartms_img.errors import InputError

RATINGS_FILE = "ratings.jsonl"
COPY_FILE = "review/review.sqlite"
"""Database of the review, which holds a copy of the ratings."""

RatedAs = Literal["pass", "borderline", "fail"]
Role = Literal["reader", "adjudicator"]


@dataclass(frozen=True)
class Judgement:
    """What a reader says about one element of one unit.

    Attributes
    ----------
    reader, role : str
        Pseudonym of the reader, and whether it is one of the two readers or the adjudicator.
    unit, element : str
        What was rated: unit id, and a key of :data:`smartms_img.qc.rubric.ELEMENTS`.
    shown : dict of str to str
        SHA-256 of the pictures that were looked at and of the derivatives that they show, by path
        relative to the output directory.
    rubric : str
        Version of the rubric.
    verdict : {'pass', 'borderline', 'fail'}
        Verdict.
    reasons : tuple of str
        Keys of the check-list.
    comment : str
        Free text.
    seconds : float
        How long the pictures were looked at.
    repeat : bool
        Whether the reader had rated it before and was shown it again unawares.
    supersedes : int
        Sequence number of the reader's earlier judgement that this one corrects; 0 for none.
    change_reason : str
        Why it was corrected.
    """

    reader: str
    role: Role
    unit: str
    element: str
    shown: Mapping[str, str]
    rubric: str
    verdict: RatedAs
    reasons: tuple[str, ...] = ()
    comment: str = ""
    seconds: float = 0.0
    repeat: bool = False
    supersedes: int = 0
    change_reason: str = ""


@dataclass(frozen=True)
class Rating:
    """One line: a judgement and its place in the chain.

    Attributes
    ----------
    sequence : int
        Number of the line, from 1.
    previous_sha256 : str
        Digest of the line before, empty for the first.
    time : str
        UTC, ISO 8601.
    judgement : Judgement
        What was said.
    sha256 : str
        Digest of this line.
    """

    sequence: int
    previous_sha256: str
    time: str
    judgement: Judgement
    sha256: str = field(default="", compare=False)


_RATING = TypeAdapter(Rating)


class RatingsLog:
    """The ratings of an output directory.

    What was read once is not read again. One object may be used by several threads, and several
    processes may write at once.

    Parameters
    ----------
    out : Path
        Output directory.
    """

    def __init__(self, out: Path) -> None:
        self._path = out / RATINGS_FILE
        self._known: list[Rating] = []
        self._size = 0
        self._own_threads = threading.Lock()

    def read(self) -> list[Rating]:
        """Return all ratings in their order; none where there is no file.

        Raises
        ------
        InputError
            If the chain is broken.
        """
        if not self._path.exists():
            return []
        with self._own_threads, self._path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            return list(self._follow(file))

    def append(
        self, judgement: Judgement, allowed: Callable[[list[Rating]], None] | None = None
    ) -> Rating:
        """Add a line; when this returns, it is on disk.

        Parameters
        ----------
        judgement : Judgement
            What was said.
        allowed : callable, optional
            Is given all ratings so far while nobody else can add one, and raises to refuse this
            one.

        Raises
        ------
        InputError
            If the chain is broken: nothing is added to it then.
        """
        with self._own_threads, self._opened() as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            known = self._follow(file)
            if allowed is not None:
                allowed(list(known))
            rating = Rating(
                sequence=len(known) + 1,
                previous_sha256=known[-1].sha256 if known else "",
                time=datetime.now(UTC).isoformat(timespec="milliseconds"),
                judgement=judgement,
            )
            line, _ = _line(rating)
            try:
                _write_behind(file.fileno(), self._size, line)
            except OSError as error:
                raise _unwritable(error) from error
            return self._follow(file)[-1]

    def _opened(self) -> BinaryIO:
        try:
            return self._path.open("a+b")
        except OSError as error:
            raise _unwritable(error) from error

    def _follow(self, file: BinaryIO) -> list[Rating]:
        """Read what is new in the file, and return all ratings."""
        if os.fstat(file.fileno()).st_size < self._size:
            raise _broken("lines are gone from its end")
        file.seek(self._size)
        content = file.read()
        self._known += _following(content, self._known)
        self._size += len(content)
        return self._known


def ratings_problem(out: Path) -> str:
    """Say where the chain of ratings breaks first; empty if it holds."""
    try:
        RatingsLog(out).read()
    except InputError as error:
        return error.problem
    return ""


def _following(content: bytes, known: Sequence[Rating]) -> list[Rating]:
    """Return the ratings of lines that follow known ones."""
    found: list[Rating] = []
    last = known[-1] if known else None
    for number, line in enumerate(content.splitlines(keepends=True), start=len(known) + 1):
        if not line.endswith(b"\n"):
            raise _broken(f"the end of line {number} is missing")
        rating = _parse(line)
        if rating is None or _line(rating) != (line, rating.sha256):
            raise _broken(f"line {number} is damaged")
        before = last.sha256 if last else ""
        if rating.previous_sha256 != before or rating.sequence != number:
            raise _broken(f"line {number} does not follow from the line before it")
        found.append(rating)
        last = rating
    return found


def _unwritable(error: OSError) -> InputError:
    problem = f"nothing can be added ({error.strerror})"
    return InputError(problem, "Ask who owns the file, or make room", file=RATINGS_FILE)


def _broken(problem: str) -> InputError:
    return InputError(
        problem, "Restore it from a backup: ratings are never edited", file=RATINGS_FILE
    )


def _line(rating: Rating) -> tuple[bytes, str]:
    """Return the line of a rating, and its digest."""
    content = asdict(rating)
    del content["sha256"]
    body = json.dumps(content, ensure_ascii=False)
    digest = hashlib.sha256(body.encode()).hexdigest()
    return f'{body[:-1]}, "sha256": "{digest}"}}\n'.encode(), digest


def _parse(line: bytes) -> Rating | None:
    try:
        return _RATING.validate_json(line)
    except ValueError:
        return None


def _write_behind(descriptor: int, size: int, line: bytes) -> None:
    """Write a line behind the first ``size`` bytes, wholly or not at all."""
    try:
        view = memoryview(line)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, size)
        raise
