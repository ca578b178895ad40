"""What the review remembers beside the ratings: readers, the order of each, drafts.

The ratings themselves are the lines of ``ratings.jsonl``. The database has a copy of them for
teams to query; it also tells if lines have been taken off the end of the file.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import ForeignKey, create_engine, insert, select
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from smartms_img.errors import InputError
from smartms_img.io.ratings import Rating, Role
from smartms_img.qc.review.order import Slot

_MIGRATIONS = Path(__file__).parent / "migrations"
_SEEDS = 2**31
_KEY_BYTES = 9


class Base(DeclarativeBase):
    """The tables."""


class ReaderRow(Base):
    """A reader, by pseudonym."""

    __tablename__ = "reader"
    name: Mapped[str] = mapped_column(primary_key=True)
    role: Mapped[str]
    seed: Mapped[int]


class SlotRow(Base):
    """One place in the order of a reader; ``key`` is all that the browser knows of it."""

    __tablename__ = "slot"
    reader: Mapped[str] = mapped_column(ForeignKey("reader.name"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    unit: Mapped[str]
    element: Mapped[str]
    repeat: Mapped[bool]


class DraftRow(Base):
    """What a reader has begun to say about a slot."""

    __tablename__ = "draft"
    key: Mapped[str] = mapped_column(ForeignKey("slot.key"), primary_key=True)
    content: Mapped[str]


class RatingRow(Base):
    """Copy of a line of the ratings."""

    __tablename__ = "rating"
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sha256: Mapped[str]
    time: Mapped[str]
    reader: Mapped[str]
    unit: Mapped[str]
    element: Mapped[str]
    verdict: Mapped[str]
    content: Mapped[str]


@dataclass(frozen=True)
class StoredSlot:
    """A slot and the key that it is known by in the browser."""

    slot: Slot
    key: str


class Store:
    """The database of a review.

    Parameters
    ----------
    url : str
        Database as SQLAlchemy names it: ``sqlite:///...`` or ``postgresql+psycopg://...``.

    Raises
    ------
    InputError
        If it cannot be opened.
    """

    def __init__(self, url: str) -> None:
        self._engine = _engine(url)
        self._copied = 0
        try:
            _upgrade(self._engine)
        except SQLAlchemyError as error:
            problem = f"the database cannot be opened ({type(error).__name__})"
            raise InputError(problem, "Check its address, and that it runs") from error

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def enter(self, reader: str, role: Role) -> int:
        """Return the seed of a reader, who is entered the first time.

        Raises
        ------
        InputError
            If the reader has another role.
        """
        with Session(self._engine) as session, session.begin():
            row = session.get(ReaderRow, reader)
            if row is None:
                row = ReaderRow(name=reader, role=role, seed=secrets.randbelow(_SEEDS))
                session.add(row)
            if row.role != role:
                problem = f"{reader} takes part as {row.role}"
                raise InputError(problem, f"Choose another name for the {role}")
            return row.seed

    def slots(self, reader: str) -> list[StoredSlot]:
        """Return the order of a reader."""
        query = select(SlotRow).where(SlotRow.reader == reader).order_by(SlotRow.position)
        with Session(self._engine) as session:
            return [
                StoredSlot(Slot((row.unit, row.element), row.repeat), row.key)
                for row in session.scalars(query)
            ]

    def add_slots(self, reader: str, slots: Sequence[Slot], start: int) -> None:
        """Add slots behind the first ``start`` of a reader.

        Nothing is added where another server of the same reader has added some meanwhile.
        """
        # Either all of them are new, or none is added.
        with suppress(IntegrityError), Session(self._engine) as session, session.begin():
            rows = [
                {
                    "reader": reader,
                    "position": position,
                    "key": secrets.token_urlsafe(_KEY_BYTES),
                    "unit": slot.place[0],
                    "element": slot.place[1],
                    "repeat": slot.repeat,
                }
                for position, slot in enumerate(slots, start=start)
            ]
            session.execute(insert(SlotRow), rows)

    def draft(self, key: str) -> dict[str, Any]:
        """Return what was begun to be said about a slot; nothing if there is none."""
        with Session(self._engine) as session:
            row = session.get(DraftRow, key)
            return json.loads(row.content) if row else {}

    def save_draft(self, key: str, content: dict[str, Any]) -> None:
        """Keep what was begun to be said about a slot; nothing takes it away."""
        with Session(self._engine) as session, session.begin():
            if content:
                session.merge(DraftRow(key=key, content=json.dumps(content)))
            elif row := session.get(DraftRow, key):
                session.delete(row)

    def refuse_lost(self, ratings: Sequence[Rating]) -> set[int]:
        """Return the sequence numbers of the ratings that are there, of those that may be new.

        Raises
        ------
        InputError
            If there is another line, or none, in the place of one that was copied before.
        """
        start = self._first_unsure
        query = select(RatingRow.sequence, RatingRow.sha256).where(RatingRow.sequence > start)
        with Session(self._engine) as session:
            known = {row.sequence: row.sha256 for row in session.execute(query)}
        now = {rating.sequence: rating.sha256 for rating in ratings[start:]}
        changed = sorted(number for number, sha in known.items() if now.get(number) != sha)
        if changed:
            problem = f"the ratings have lost line {changed[0]}, or another stands there"
            raise InputError(problem, "Restore ratings.jsonl from a backup")
        return set(known)

    @property
    def _first_unsure(self) -> int:
        # By its digest, the last line that was copied vouches for all before it.
        return max(self._copied - 1, 0)

    def copy_ratings(self, ratings: Sequence[Rating]) -> None:
        """Copy the ratings that are not there yet; errors as :meth:`refuse_lost`."""
        known = self.refuse_lost(ratings)
        unsure = ratings[self._first_unsure :]
        new = [_row(rating) for rating in unsure if rating.sequence not in known]
        # Another server on the same database may be copying them just now: then next time.
        with suppress(IntegrityError), Session(self._engine) as session:
            with session.begin():
                session.add_all(new)
            self._copied = len(ratings)


def _row(rating: Rating) -> RatingRow:
    said = rating.judgement
    return RatingRow(
        sequence=rating.sequence,
        sha256=rating.sha256,
        time=rating.time,
        reader=said.reader,
        unit=said.unit,
        element=said.element,
        verdict=said.verdict,
        content=json.dumps(asdict(said)),
    )


def _engine(url: str) -> Engine:
    try:
        return create_engine(make_url(url))
    except (SQLAlchemyError, ModuleNotFoundError, ValueError) as error:
        problem = f"no address of a database ({type(error).__name__})"
        raise InputError(problem, "Give one as postgresql+psycopg://user@host/name") from error


def _upgrade(engine: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
