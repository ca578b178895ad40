"""Two readers and an adjudicator in a real browser, by keyboard alone."""

from __future__ import annotations

import io
import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import uvicorn
from PIL import Image
from review_output import make_output
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from smartms_img.cli.finish import read_evidence
from smartms_img.config import default_study
from smartms_img.io.ratings import RatingsLog, ratings_problem
from smartms_img.io.results import read_results
from smartms_img.qc.readings import readings
from smartms_img.qc.review.desk import Desk
from smartms_img.qc.review.server import review_app
from smartms_img.qc.review.store import Store
from smartms_img.tables import write_tables

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
PATIENCE_S = 20
# The element that both readers do not agree about.
DISPUTED = "Retinal layers"
LEFT, RIGHT = "\ue012", "\ue014"
NIIVUE = Path(os.environ.get("SMARTMS_NIIVUE", "none"))

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="Chromium and its driver are not installed"
)


@contextmanager
def served(
    out: Path, store: Store, reader: str, role: str = "reader", niivue: bytes = b""
) -> Iterator[str]:
    """Serve the review of a reader, and give its address."""
    desk = Desk(out, read_results(out, default_study()), store, reader, role)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        guard = review_app(desk, listening.getsockname()[1], niivue)
        server = uvicorn.Server(uvicorn.Config(guard, log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield guard.address
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture
def browser() -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.add_argument("--window-size=1400,900")
    found = webdriver.Chrome(options=options, service=webdriver.ChromeService(str(DRIVER)))
    yield found
    found.quit()


def text(browser: webdriver.Chrome, name: str) -> str:
    return browser.find_element(By.ID, name).text


def wait_until_idle(browser: webdriver.Chrome) -> None:
    """Wait until the page heeds keys: what is to be seen is there."""
    WebDriverWait(browser, PATIENCE_S).until(
        lambda _: browser.find_elements(By.CSS_SELECTOR, "body[aria-busy=false]")
    )


def press(browser: webdriver.Chrome, keys: str) -> None:
    """Press keys once the page heeds them."""
    wait_until_idle(browser)
    ActionChains(browser).send_keys(keys).perform()


def wait_for(browser: webdriver.Chrome, name: str, content: str) -> None:
    WebDriverWait(browser, PATIENCE_S).until(
        lambda _: text(browser, name).startswith(content), f"{name} is {text(browser, name)!r}"
    )


def rate_all(browser: webdriver.Chrome, address: str, verdicts: dict[str, str]) -> None:
    """Rate everything by keyboard; ``verdicts`` are keys by title, else 'p'."""
    browser.get(address)
    WebDriverWait(browser, PATIENCE_S).until(lambda _: " of " in text(browser, "progress"))
    total = int(text(browser, "progress").split()[2])
    for number in range(total):
        wait_for(browser, "progress", f"{number} of {total}")
        wait_until_idle(browser)
        WebDriverWait(browser, PATIENCE_S).until(
            lambda _: browser.execute_script(
                "return [...document.querySelectorAll('#pictures img')]"
                ".every((image) => image.complete && image.naturalWidth > 0)"
            )
        )
        keys = verdicts.get(text(browser, "title"), "p")
        press(browser, f"2{keys}" if keys == "f" else keys)
        wait_for(browser, "progress", f"{number + 1} of {total}")
    assert text(browser, "problem") == ""
    errors = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert errors == []


def analysed(out: Path) -> dict[str, set[str]]:
    """Return ANL01FL of the values that there are, by PARAMCD."""
    config = default_study()
    found = read_evidence(out, config)
    folder = write_tables(out, found.results, config, found.decisions)
    table = pd.read_csv(folder / "endpoints.tsv", sep="\t", dtype=str, keep_default_na=False)
    valued = table[table["AVAL"] != ""]
    return {str(code): set(rows) for code, rows in valued.groupby("PARAMCD")["ANL01FL"]}


def test_two_readers_disagree_and_a_third_decides(tmp_path, browser):
    out = tmp_path / "out"
    make_output(out)
    store = Store(f"sqlite:///{tmp_path / 'review.sqlite'}")
    codes = ("BPV", "T2LV", "PBVC", "NEWLN", "RNFL")
    assert analysed(out) == {code: {"Y"} for code in codes}
    with served(out, store, "R1") as address:
        rate_all(browser, address, {})
    with served(out, store, "R2") as address:
        rate_all(browser, address, {DISPUTED: "f"})
    assert analysed(out) == {code: {"Y"} for code in codes} | {"RNFL": {""}}
    with served(out, store, "R3", "adjudicator") as address:
        browser.get(address)
        wait_for(browser, "progress", "0 of 1 rated")
        wait_until_idle(browser)
        assert "fail" in text(browser, "others")
        press(browser, "p")
        wait_for(browser, "progress", "1 of 1 rated")
    store.close()
    assert analysed(out) == {code: {"Y"} for code in codes}
    found = readings(read_results(out, default_study()), RatingsLog(out).read())
    assert {reading.verdict for reading in found.values()} == {"pass"}
    assert ratings_problem(out) == ""
    said = [rating.judgement for rating in RatingsLog(out).read()]
    assert any(judgement.reasons == ("S",) for judgement in said)
    assert any(judgement.repeat for judgement in said)


def test_a_verdict_is_corrected_and_a_comment_survives_a_reload(tmp_path, browser):
    out = tmp_path / "out"
    make_output(out)
    store = Store(f"sqlite:///{tmp_path / 'review.sqlite'}")
    with served(out, store, "R1") as address:
        browser.get(address)
        wait_for(browser, "progress", "0 of 11")
        press(browser, "c")
        press(browser, "looks odd")
        time.sleep(2)
        browser.refresh()
        wait_for(browser, "progress", "0 of 11")
        WebDriverWait(browser, PATIENCE_S).until(
            lambda _: browser.find_element(By.ID, "comment").get_property("value") == "looks odd"
        )
        press(browser, "p")
        wait_for(browser, "progress", "1 of 11")
        press(browser, "\ue012")
        WebDriverWait(browser, PATIENCE_S).until(
            lambda _: browser.find_elements(By.CSS_SELECTOR, "#verdicts [aria-pressed=true]")
        )
        press(browser, "b")
        press(browser, "skull on the left\ue007")
        WebDriverWait(browser, PATIENCE_S).until(lambda _: len(RatingsLog(out).read()) == 2)
        press(browser, "l")
        WebDriverWait(browser, PATIENCE_S).until(
            lambda _: len(browser.find_elements(By.CSS_SELECTOR, "#thumbnails button")) == 11
        )
    store.close()
    first, second = (rating.judgement for rating in RatingsLog(out).read())
    assert (first.verdict, first.comment) == ("pass", "looks odd")
    assert (second.verdict, second.supersedes) == ("borderline", 1)
    assert second.change_reason == "skull on the left"


def open_item(browser: webdriver.Chrome, title: str) -> None:
    """Go to an item of a title."""
    for key in (*[LEFT] * 11, *[RIGHT] * 11):
        wait_until_idle(browser)
        if text(browser, "title") == title:
            return
        press(browser, key)
    raise AssertionError(f"there is no {title}")


def test_examples_stand_beside_what_is_rated(tmp_path, browser):
    out = tmp_path / "out"
    make_output(out)
    store = Store(f"sqlite:///{tmp_path / 'review.sqlite'}")
    with served(out, store, "R1") as address:
        browser.get(address)
        for title, captions in (
            ("Lesions", ["good", "lesions missed", "something else taken for a lesion"]),
            ("Registration", ["good", "the whole head moves"]),
        ):
            open_item(browser, title)
            press(browser, "e")
            WebDriverWait(browser, PATIENCE_S).until(
                lambda _: browser.execute_script(
                    "return [...document.querySelectorAll('#examples img')]"
                    ".every((image) => image.complete && image.naturalWidth > 0)"
                )
            )
            found = browser.find_elements(By.CSS_SELECTOR, "#examples figcaption")
            assert [caption.text for caption in found] == captions
            press(browser, "e")
        assert not browser.find_element(By.ID, "look").is_displayed()
    store.close()


@pytest.mark.skipif(not NIIVUE.is_file(), reason="SMARTMS_NIIVUE names no NiiVue")
def test_volumes_are_shown_in_three_dimensions(tmp_path, browser):
    out = tmp_path / "out"
    make_output(out)
    store = Store(f"sqlite:///{tmp_path / 'review.sqlite'}")
    with served(out, store, "R1", niivue=NIIVUE.read_bytes()) as address:
        browser.get(address)
        open_item(browser, "Brain mask")
        press(browser, "v")
        wait_until_idle(browser)
        assert text(browser, "problem") == ""
        assert browser.find_element(By.ID, "canvas").is_displayed()
        shown = Image.open(io.BytesIO(browser.find_element(By.ID, "canvas").screenshot_as_png))
        pixels = np.asarray(shown.convert("RGB")).astype(int)
        # The mask lies over the grey image in yellow; the cross is red.
        yellow = (pixels[..., 1] - pixels[..., 2] > 60) & (pixels[..., 0] > 120)
        assert yellow.sum() > 1000
        press(browser, "p")
        wait_for(browser, "progress", "1 of 11")
        wait_until_idle(browser)
        assert not browser.find_element(By.ID, "canvas").is_displayed()
    refused = [entry["message"] for entry in browser.get_log("browser")]
    assert not any("Content Security Policy" in message for message in refused)
    store.close()
