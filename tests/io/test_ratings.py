"""Ratings are never lost, never changed, and every change of the file is found."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import pytest

from smartms_img.errors import InputError
from smartms_img.io.ratings import (
    RATINGS_FILE,
    Judgement,
    Rating,
    RatingsLog,
    ratings_problem,
)

SAID = Judgement(
    reader="R1",
    role="reader",
    unit="sub-01_ses-M00_mri",
    element="brain_mask",
    shown={"sub-01/figures/sub-01_ses-M00_mask.png": "a" * 64},
    rubric="1",
    verdict="borderline",
    reasons=("skull",),
    comment='a "quoted" word,\na second line, and µ',
    seconds=12.5,
)


def append_rating(out: Path, said: Judgement, *more: object) -> Rating:
    return RatingsLog(out).append(said, *more)


def read_ratings(out: Path) -> list[Rating]:
    return RatingsLog(out).read()


def add(out: Path, count: int, reader: str = "R1") -> None:
    for number in range(count):
        append_rating(out, replace(SAID, reader=reader, comment=f"{reader} {number}"))


def test_what_was_said_is_read_back(tmp_path):
    written = [append_rating(tmp_path, SAID), append_rating(tmp_path, replace(SAID, supersedes=1))]
    read = read_ratings(tmp_path)
    assert [rating.judgement for rating in read] == [SAID, replace(SAID, supersedes=1)]
    assert [rating.sequence for rating in read] == [1, 2]
    assert [rating.sha256 for rating in read] == [rating.sha256 for rating in written]
    assert read[1].previous_sha256 == read[0].sha256
    assert read[0].time.endswith("+00:00")


def test_there_need_be_none(tmp_path):
    assert read_ratings(tmp_path) == []
    assert ratings_problem(tmp_path) == ""


def test_every_flipped_bit_is_found(tmp_path):
    add(tmp_path, 2)
    path = tmp_path / RATINGS_FILE
    whole = path.read_bytes()
    for place in range(len(whole)):
        for bit in (0, 3, 7):
            changed = bytearray(whole)
            changed[place] ^= 1 << bit
            path.write_bytes(changed)
            assert ratings_problem(tmp_path), (place, bit)


@pytest.mark.parametrize("lines", [[0, 2], [1, 2], [1, 0, 2], [0, 0, 1, 2]])
def test_a_line_that_is_gone_or_moved_is_found(tmp_path, lines):
    add(tmp_path, 3)
    path = tmp_path / RATINGS_FILE
    before = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(before[number] for number in lines))
    assert "does not follow" in ratings_problem(tmp_path)


def test_a_line_written_anew_breaks_the_next(tmp_path):
    add(tmp_path, 3)
    ratings = read_ratings(tmp_path)
    forged = tmp_path / "forged"
    forged.mkdir()
    append_rating(forged, replace(ratings[0].judgement, verdict="pass"))
    lines = (tmp_path / RATINGS_FILE).read_bytes().splitlines(keepends=True)
    lines[0] = (forged / RATINGS_FILE).read_bytes()
    (tmp_path / RATINGS_FILE).write_bytes(b"".join(lines))
    assert ratings_problem(tmp_path) == "line 2 does not follow from the line before it"


def test_nothing_is_added_to_a_broken_chain(tmp_path):
    add(tmp_path, 2)
    path = tmp_path / RATINGS_FILE
    broken = path.read_bytes()[:-5]
    path.write_bytes(broken)
    with pytest.raises(InputError, match=r"ratings.jsonl: the end of line 2 is missing"):
        add(tmp_path, 1)
    assert path.read_bytes() == broken


def test_a_refused_rating_leaves_no_trace(tmp_path):
    add(tmp_path, 1)
    before = (tmp_path / RATINGS_FILE).read_bytes()

    def refuse(ratings: list) -> None:
        assert len(ratings) == 1
        raise InputError("no", "No")

    with pytest.raises(InputError):
        append_rating(tmp_path, SAID, refuse)
    assert (tmp_path / RATINGS_FILE).read_bytes() == before


def test_two_who_write_at_once_lose_nothing(tmp_path):
    context = get_context("spawn")
    readers = ("R1", "R2")
    both = [context.Process(target=add, args=(tmp_path, 40, reader)) for reader in readers]
    for process in both:
        process.start()
    for process in both:
        process.join()
    comments = [rating.judgement.comment for rating in read_ratings(tmp_path)]
    for reader in readers:
        own = [comment for comment in comments if comment.startswith(reader)]
        assert own == [f"{reader} {number}" for number in range(40)]


WRITER = """
import sys
from dataclasses import replace
from pathlib import Path
from smartms_img.io.ratings import Judgement, RatingsLog
said = Judgement("R1", "reader", "u", "layers", {}, "1", "pass", comment="x" * 5000)
while True:
    rating = RatingsLog(Path(sys.argv[1])).append(said)
    print(rating.sequence, flush=True)
"""


def test_what_was_confirmed_survives_a_kill(tmp_path):
    confirmed = 0
    for pause in (0.0, 0.003, 0.011, 0.02, 0.05):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        confirmed = int(writer.stdout.readline())
        time.sleep(pause)
        os.kill(writer.pid, signal.SIGKILL)
        for line in writer.stdout:
            confirmed = int(line)
        writer.wait()
        writer.stdout.close()
        assert ratings_problem(tmp_path) == ""
        assert len(read_ratings(tmp_path)) in {confirmed, confirmed + 1}


def test_a_line_is_plain_json(tmp_path):
    add(tmp_path, 1)
    content = json.loads((tmp_path / RATINGS_FILE).read_text(encoding="utf-8"))
    assert list(content)[-1] == "sha256"
    assert content["judgement"]["verdict"] == "borderline"


def test_one_log_sees_what_others_write(tmp_path):
    first, second = RatingsLog(tmp_path), RatingsLog(tmp_path)
    for number in range(4):
        (first, second)[number % 2].append(replace(SAID, comment=str(number)))
        assert len(first.read()) == len(second.read()) == number + 1
    path = tmp_path / RATINGS_FILE
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:2]))
    with pytest.raises(InputError, match="lines are gone"):
        first.read()
