"""What one reader sees and says, without a browser."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import typer
from review_output import make_output
from sqlalchemy.exc import OperationalError

from smartms_img.cli.finish import read_evidence
from smartms_img.cli.lock import verify
from smartms_img.config import default_study
from smartms_img.errors import InputError
from smartms_img.io.ratings import COPY_FILE, RATINGS_FILE, RatingsLog
from smartms_img.io.results import read_results
from smartms_img.qc.readings import readings
from smartms_img.qc.review.desk import Desk, Draft, Said
from smartms_img.qc.review.store import Store


@pytest.fixture
def out(tmp_path) -> Path:
    make_output(tmp_path / "out")
    return tmp_path / "out"


@pytest.fixture
def store(tmp_path):
    found = Store(f"sqlite:///{tmp_path / 'review.sqlite'}")
    yield found
    found.close()


def desk(out: Path, store: Store, reader: str, role: str = "reader") -> Desk:
    return Desk(out, read_results(out, default_study()), store, reader, role)


def rate_all(place: Desk, verdict: str = "pass") -> None:
    for entry in place.queue():
        place.rate(entry.key, Said(verdict=verdict, seconds=1.0))


def test_every_element_is_there_once_and_one_twice(out, store):
    queue = desk(out, store, "R1").queue()
    assert len(queue) == 11
    assert {entry.verdict for entry in queue} == {""}
    assert len({entry.key for entry in queue}) == 11


def test_the_order_stays_and_is_the_readers_own(out, store):
    first = [entry.title for entry in desk(out, store, "R1").queue()]
    assert [entry.title for entry in desk(out, store, "R1").queue()] == first
    keys = {entry.key for reader in ("R1", "R2") for entry in desk(out, store, reader).queue()}
    assert len(keys) == 22


def test_ratings_are_kept_and_repeats_are_marked(out, store):
    rate_all(desk(out, store, "R1"))
    ratings = RatingsLog(out).read()
    assert sum(rating.judgement.repeat for rating in ratings) == 1
    assert len(ratings) == 11
    assert {entry.verdict for entry in desk(out, store, "R1").queue()} == {"pass"}
    assert {entry.verdict for entry in desk(out, store, "R2").queue()} == {""}


def test_a_repeat_looks_as_if_it_were_new(out, store):
    place = desk(out, store, "R1")
    views = []
    for entry in place.queue():
        views.append(place.view(entry.key))
        place.rate(entry.key, Said(verdict="fail"))
    assert all(view.said == {} and view.others == () for view in views)


def test_a_correction_supersedes(out, store):
    place = desk(out, store, "R1")
    key = place.queue()[0].key
    place.rate(key, Said(verdict="pass"))
    with pytest.raises(InputError, match="without its reason"):
        place.rate(key, Said(verdict="fail"))
    place.rate(key, Said(verdict="fail", change_reason="wrong key"))
    place.rate(key, Said(verdict="borderline", change_reason="looked again"))
    said = [rating.judgement for rating in RatingsLog(out).read()]
    assert [(one.verdict, one.supersedes) for one in said] == [
        ("pass", 0),
        ("fail", 1),
        ("borderline", 2),
    ]
    assert place.view(key).said["verdict"] == "borderline"


def test_the_adjudicator_sees_only_what_is_disagreed_about(out, store):
    first, second = desk(out, store, "R1"), desk(out, store, "R2")
    rate_all(first)
    third = desk(out, store, "R3", "adjudicator")
    assert third.queue() == []
    for number, entry in enumerate(second.queue()):
        verdict = "fail" if number == 4 else "pass"
        second.rate(entry.key, Said(verdict=verdict, comment="blurred"))
    results = read_results(out, default_study())
    found = readings(results, RatingsLog(out).read())
    disagreed = [reading for reading in found.values() if reading.state == "disagreed"]
    assert len(third.queue()) == len(disagreed)
    for entry in third.queue():
        view = third.view(entry.key)
        assert sorted(words["verdict"] for words in view.others) == ["fail", "pass"]
        assert not any("R1" in str(words) or "R2" in str(words) for words in view.others)
        third.rate(entry.key, Said(verdict="pass"))
    found = readings(results, RatingsLog(out).read())
    assert {reading.verdict for reading in found.values()} == {"pass"}


def test_a_reader_cannot_be_the_adjudicator(out, store):
    desk(out, store, "R1")
    with pytest.raises(InputError, match="R1 takes part as reader"):
        desk(out, store, "R1", "adjudicator")


def test_drafts_are_kept_until_the_rating(out, store):
    place = desk(out, store, "R1")
    key = place.queue()[3].key
    place.keep_draft(key, Draft(reasons=("noise",), comment="not sure"))
    assert desk(out, store, "R1").view(key).draft["comment"] == "not sure"
    place.rate(key, Said(verdict="pass"))
    assert place.view(key).draft == {}


def test_a_changed_picture_is_neither_shown_nor_rated(out, store):
    place = desk(out, store, "R1")
    key = place.queue()[0].key
    for path in out.glob("sub-*/figures/*.png"):
        path.write_bytes(path.read_bytes() + b"x")
    for path in out.glob("sub-*/figures/*.webp"):
        path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(InputError, match="not the one that was made"):
        place.picture(key, 1)
    with pytest.raises(InputError, match="not the one that was made"):
        place.rate(key, Said(verdict="pass"))
    assert RatingsLog(out).read() == []


@pytest.mark.parametrize("key", ["", "nothing", "../plan.tsv"])
def test_a_key_that_is_not_the_readers_is_refused(out, store, key):
    place, other = desk(out, store, "R1"), desk(out, store, "R2")
    foreign = key or other.queue()[0].key
    place.queue()
    with pytest.raises(InputError, match="no such item"):
        place.view(foreign)


def test_lines_taken_off_the_ratings_are_found(out, store):
    rate_all(desk(out, store, "R1"))
    path = out / RATINGS_FILE
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    with pytest.raises(InputError, match="the ratings have lost line 11"):
        desk(out, store, "R1")


def test_ratings_that_are_gone_are_missed_by_tables_and_verify(out):
    (out / COPY_FILE).parent.mkdir()
    store = Store(f"sqlite:///{out / COPY_FILE}")
    rate_all(desk(out, store, "R1"))
    store.close()
    assert read_evidence(out, default_study()).ratings
    (out / RATINGS_FILE).unlink()
    with pytest.raises(InputError, match="the ratings have lost line 1,"):
        read_evidence(out, default_study())
    with pytest.raises(typer.Exit) as ended:
        verify(out, quiet=True)
    assert ended.value.exit_code == 3


def test_a_locked_output_takes_no_rating(out, store, monkeypatch):
    place = desk(out, store, "R1")
    key = place.queue()[0].key
    monkeypatch.setattr("smartms_img.io.lock.is_locked", lambda _: True)
    for act in (
        lambda: place.rate(key, Said(verdict="pass")),
        lambda: place.keep_draft(key, Draft()),
    ):
        with pytest.raises(InputError, match="is locked"):
            act()
    assert RatingsLog(out).read() == []


def test_two_windows_of_a_reader_share_one_order(out, store):
    first, second = desk(out, store, "R1"), desk(out, store, "R1")
    with ThreadPoolExecutor(8) as pool:
        queues = list(pool.map(lambda place: place.queue(), [first, second] * 8))
    assert {len(queue) for queue in queues} == {11}


def test_a_rating_counts_where_its_copy_cannot_be_made(out, store, monkeypatch):
    place = desk(out, store, "R1")

    def unreachable(*_: object) -> None:
        raise OperationalError("", {}, Exception())

    monkeypatch.setattr(store, "copy_ratings", unreachable)
    place.rate(place.queue()[0].key, Said(verdict="pass"))
    assert [rating.judgement.verdict for rating in RatingsLog(out).read()] == ["pass"]


def test_a_changed_derivative_is_not_rated(out, store):
    place = desk(out, store, "R1")
    key = next(entry.key for entry in place.queue() if entry.title == "Volume change")
    for path in out.rglob("*_desc-logjacobian_map.nii.gz"):
        path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(InputError, match="not the one that was made"):
        place.rate(key, Said(verdict="pass"))


def test_a_new_database_takes_up_the_ratings(out, store, tmp_path):
    rate_all(desk(out, store, "R1"))
    fresh = Store(f"sqlite:///{tmp_path / 'new.sqlite'}")
    queue = desk(out, fresh, "R1").queue()
    # The repeat may be another one.
    assert sum(entry.verdict == "pass" for entry in queue) >= 10
    fresh.close()


@pytest.mark.parametrize("url", ["nonsense", "postgresql+psycopg://127.0.0.1:1/none"])
def test_a_database_that_cannot_be_opened_is_one_line(url):
    with pytest.raises(InputError, match="database"):
        Store(url)
