from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from smartms_img.qc.review.order import Slot, reading_order

PLACES = [(f"unit{number:03d}", "layers") for number in range(200)]


@given(count=st.integers(0, 60), seed=st.integers(0, 2**31))
def test_everything_comes_once_and_a_twentieth_twice(count, seed):
    order = reading_order(PLACES[:count], seed)
    once = [slot.place for slot in order if not slot.repeat]
    twice = [slot.place for slot in order if slot.repeat]
    assert sorted(once) == PLACES[:count]
    assert len(twice) == len(set(twice)) == (0 if count < 10 else max(round(count / 20), 1))
    for place in twice:
        first, second = order.index(Slot(place)), order.index(Slot(place, repeat=True))
        assert second >= min(first + 10, len(order) - len(twice))
        assert second > first


def test_the_order_is_the_readers_own_and_always_the_same():
    order = reading_order(PLACES, 1)
    assert order == reading_order(reversed(PLACES), 1)
    assert order != reading_order(PLACES, 2)
    assert [slot.place for slot in order if not slot.repeat] != PLACES


def test_what_is_new_comes_behind_what_is_known():
    known = reading_order(PLACES[:50], 1)
    order = reading_order(PLACES, 1, known)
    assert order[: len(known)] == known
    assert sorted(slot.place for slot in order if not slot.repeat) == PLACES
    assert reading_order(PLACES[:50], 1, known) == known
