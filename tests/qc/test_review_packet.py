"""Readers without a server."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest
from review_output import make_output, record
from selenium import webdriver
from test_review_browser import CHROMIUM, DRIVER, press, text, wait_for
from test_review_server import TELLING

from smartms_img.config import default_study
from smartms_img.errors import InputError
from smartms_img.io.ratings import RatingsLog
from smartms_img.io.results import read_results
from smartms_img.qc.review.desk import Desk, Said
from smartms_img.qc.review.packet import Merged, merge_packet, write_packet
from smartms_img.qc.review.store import Store


@pytest.fixture
def out(tmp_path) -> Path:
    make_output(tmp_path / "out")
    return tmp_path / "out"


@pytest.fixture
def desk(out, tmp_path):
    store = Store(f"sqlite:///{tmp_path / 'review.sqlite'}")
    yield Desk(out, read_results(out, default_study()), store, "R1", "reader")
    store.close()


def returned(desk: Desk, folder: Path, ratings: list[dict[str, object]]) -> Path:
    file = folder / "ratings-R1.json"
    keys = {entry.key for entry in desk.queue()}
    for rating in ratings:
        key = str(rating["key"])
        rating.setdefault("shown", desk.view(key).shown if key in keys else "x")
    file.write_text(json.dumps({"packet": desk.packet_id, "ratings": ratings}), encoding="utf-8")
    return file


def test_a_packet_tells_nothing_and_needs_nothing(desk, tmp_path):
    assert write_packet(desk, tmp_path / "packet") == 11
    for path in (tmp_path / "packet").rglob("*"):
        assert not TELLING.search(str(path.relative_to(tmp_path)))
        if path.suffix in {".js", ".html", ".css", ".svg"}:
            content = path.read_text(encoding="utf-8")
            assert not TELLING.search(content), path.name
            addresses = set(re.findall(r"https?://[^\s\"']+", content))
            assert addresses <= {"http://www.w3.org/2000/svg"}
    with pytest.raises(InputError, match="is there already"):
        write_packet(desk, tmp_path / "packet")


def test_what_is_rated_is_not_packed_again(desk, tmp_path):
    desk.rate(desk.queue()[0].key, Said(verdict="pass"))
    assert write_packet(desk, tmp_path / "packet") == 10


def test_what_comes_back_is_merged_once(desk, out, tmp_path):
    first, second, *_ = (entry.key for entry in desk.queue())
    ratings = [
        {"key": first, "verdict": "pass", "seconds": 3.5},
        {"key": second, "verdict": "fail", "reasons": ["nonsense"]},
        {"key": first, "verdict": "fail", "change_reason": "wrong key"},
        {"key": "unknown", "verdict": "fail"},
    ]
    file = returned(desk, tmp_path, ratings)
    merged = merge_packet(desk, file)
    assert (merged.new, merged.known, len(merged.refused)) == (2, 0, 2)
    assert "no reason of the check-list" in merged.refused[0]
    again = merge_packet(desk, file)
    assert again == Merged(0, 2, merged.refused)
    said = [rating.judgement for rating in RatingsLog(out).read()]
    assert [(one.verdict, one.supersedes) for one in said] == [("pass", 0), ("fail", 1)]


def test_corrections_to_and_fro_are_all_merged(desk, out, tmp_path):
    key = desk.queue()[0].key
    again = {"change_reason": "no"}
    ratings = [
        {"key": key, "verdict": "pass"},
        *({"key": key, "verdict": verdict} | again for verdict in ("fail", "pass", "fail")),
    ]
    file = returned(desk, tmp_path, ratings)
    assert merge_packet(desk, file) == Merged(4, 0, ())
    assert merge_packet(desk, file) == Merged(0, 4, ())
    said = [rating.judgement.verdict for rating in RatingsLog(out).read()]
    assert said == ["pass", "fail", "pass", "fail"]


def test_what_was_rated_of_other_pictures_is_refused(desk, out, tmp_path):
    key = next(entry.key for entry in desk.queue() if entry.title == "Brain mask")
    file = returned(desk, tmp_path, [{"key": key, "verdict": "pass"}])
    config = default_study()
    for name in ("mask.png", "mask.json"):
        for path in out.glob(f"sub-A1/figures/*_{name}"):
            path.write_bytes(path.read_bytes() + b" ")
    for unit in ("sub-A1_ses-M00_mri", "sub-A1_ses-M06_mri"):
        record(out, unit, config, number=2)
    store = Store(f"sqlite:///{tmp_path / 'review.sqlite'}")
    later = Desk(out, read_results(out, config), store, "R1", "reader")
    merged = merge_packet(later, file)
    assert (merged.new, merged.known) == (0, 0)
    assert "have changed since they were shown" in merged.refused[0]
    store.close()


def test_a_packet_that_cannot_be_written_leaves_nothing(desk, out, tmp_path):
    for path in out.glob("sub-A1/figures/*_mask.png"):
        path.write_bytes(b"x")
    with pytest.raises(InputError, match="not the one that was made"):
        write_packet(desk, tmp_path / "packet")
    assert [path.name for path in tmp_path.iterdir() if "packet" in path.name] == []
    with pytest.raises(InputError, match="cannot be written"):
        write_packet(desk, out / "plan.tsv" / "packet")


def test_a_file_of_another_reader_is_refused(desk, out, tmp_path):
    store = Store(f"sqlite:///{tmp_path / 'review.sqlite'}")
    other = Desk(out, read_results(out, default_study()), store, "R2", "reader")
    file = returned(other, tmp_path, [])
    with pytest.raises(InputError, match="is not of R1"):
        merge_packet(desk, file)
    store.close()


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"packet": "x", "ratings": [{}]}'])
def test_what_is_no_file_of_ratings_is_refused(desk, tmp_path, content):
    file = tmp_path / "ratings.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match="is no file of ratings"):
        merge_packet(desk, file)


@pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="Chromium and its driver are not installed")
def test_a_packet_is_rated_from_disk(desk, out, tmp_path):
    write_packet(desk, tmp_path / "packet")
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.add_experimental_option("prefs", {"download.default_directory": str(tmp_path)})
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(str(DRIVER)))
    try:
        browser.get((tmp_path / "packet/index.html").as_uri())
        for number in range(11):
            wait_for(browser, "progress", f"{number} of 11")
            press(browser, "p")
        wait_for(browser, "progress", "11 of 11")
        browser.refresh()
        wait_for(browser, "progress", "11 of 11")
        assert text(browser, "problem") == ""
        browser.find_element("id", "save").click()
        file = tmp_path / "ratings-R1.json"
        for _ in range(100):
            if file.exists():
                break
            time.sleep(0.1)
    finally:
        browser.quit()
    assert merge_packet(desk, file) == Merged(11, 0, ())
    assert {entry.verdict for entry in desk.queue()} == {"pass"}
