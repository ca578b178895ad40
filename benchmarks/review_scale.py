"""Write the report of a large study of real pictures, and open it and its review in a browser.

Usage: python benchmarks/review_scale.py FOLDER SOURCE [SUBJECTS]

SOURCE is an output directory of ``smartms run``. Its pictures (as links) and its checks
(perturbed) are dealt to the units of SUBJECTS (500 if not given) made patients with 4 visits. Then
the report is written, and its pages and the review are opened in Chromium. A line for each says
how long it took until one could use it: all of the page is there and laid out, and what is in
sight of its pictures is loaded. Checked: no page takes more than 2 s; the report of one subject
takes at most 20 s of CPU and, with its pictures, 15 MB.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import uvicorn
from made_cohort import Source
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.support.ui import WebDriverWait

from smartms_img.config import ClusterConfig, StudyConfig, default_study
from smartms_img.execution.engine import Engine
from smartms_img.execution.idle import write_empty_dataset
from smartms_img.execution.places import check_places
from smartms_img.io.atomic import sha256
from smartms_img.io.layout import figure_stem
from smartms_img.io.measures import QcMetric
from smartms_img.io.plan_table import PlanRow, read_plan
from smartms_img.io.results import UnitResult
from smartms_img.qc.decisions import automatic
from smartms_img.qc.report import write_report
from smartms_img.qc.review.desk import Desk
from smartms_img.qc.review.server import review_app
from smartms_img.qc.review.store import Store
from smartms_img.tables import write_tables

MOST_S, MOST_CPU_S, MOST_MB = 2.0, 20.0, 15.0
PATIENCE_S = 120
IN_SIGHT = """
return document.readyState === "complete" && (document.body.ariaBusy !== "true") &&
  [...document.images].every((image) => {
    const box = image.getBoundingClientRect();
    const seen = box.bottom > 0 && box.top < innerHeight && image.checkVisibility();
    return !seen || (image.complete && image.naturalWidth > 0);
  }) && (arguments[0] === "" || document.querySelectorAll(arguments[0]).length > 0);
"""


def make(folder: Path, source: Path, subjects: int, config: StudyConfig) -> dict[str, UnitResult]:
    """Lay out the pictures of the study; return the results of its units."""
    bids, out = folder / "bids", folder / "out"
    write_empty_dataset(bids, config, subjects)
    places = check_places(bids, out)
    Engine(places, config, ClusterConfig.model_validate({})).prepare()
    real, rng = Source([source], config), np.random.default_rng(1)
    digests: dict[Path, str] = {}
    results = {}
    for row in read_plan(out):
        chosen, measures = real.pick(row, rng), real.measures(row, rng)
        outputs = _link_pictures(source, chosen, out, row, digests)
        made = replace(chosen.attempt, unit=row.unit, outputs=outputs)  # type: ignore[type-var]
        metrics = tuple(_perturbed(metric, rng) for metric in chosen.metrics)
        results[row.unit] = UnitResult(row, "done", "", made, tuple(measures), metrics)
    return results


def _link_pictures(
    source: Path, chosen: UnitResult, out: Path, row: PlanRow, digests: dict[Path, str]
) -> dict[str, str]:
    before, after = figure_stem(chosen.row.stem), figure_stem(row.stem)
    outputs = {}
    for name in chosen.attempt.outputs if chosen.attempt else ():
        if not name.startswith(f"{before}_"):
            continue
        file, new = source / name, name.replace(before, after)
        (out / new).parent.mkdir(parents=True, exist_ok=True)
        if file.suffix == ".json":
            note = json.loads(file.read_text(encoding="utf-8"))
            (out / new).write_text(json.dumps(note | {"unit": row.unit}), encoding="utf-8")
            continue
        os.link(file, out / new)
        if file not in digests:
            digests[file] = sha256(file)
        outputs[new] = digests[file]
    return outputs


def _perturbed(metric: QcMetric, rng: np.random.Generator) -> QcMetric:
    if metric.value is None:
        return metric
    return replace(metric, value=round(metric.value * (1 + 0.1 * rng.standard_normal()), 6))


@contextmanager
def served(out: Path, results: dict[str, UnitResult], store: Store) -> Iterator[str]:
    """Serve the review."""
    desk = Desk(out, results, store, "R1", "reader")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        guard = review_app(desk, listening.getsockname()[1])
        server = uvicorn.Server(uvicorn.Config(guard, log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield guard.address
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def browser() -> Iterator[webdriver.Chrome]:
    """Start Chromium."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.add_argument("--window-size=1400,900")
    service = webdriver.ChromeService(str(shutil.which("chromedriver")))
    found = webdriver.Chrome(options=options, service=service)
    yield found
    found.quit()


def _until_usable(found: webdriver.Chrome, what: str, wanted: str = "") -> float:
    start = time.monotonic()
    WebDriverWait(found, PATIENCE_S, poll_frequency=0.02).until(
        lambda _: found.execute_script(IN_SIGHT, wanted)
    )
    took = time.monotonic() - start
    print(f"{what}\t{took:.2f} s", flush=True)
    return took


def _opened(found: webdriver.Chrome, what: str, address: str, wanted: str = "") -> float:
    start = time.monotonic()
    found.get(address)
    took = time.monotonic() - start
    return took + _until_usable(found, f"{what} (and {took:.2f} s to load)", wanted)


def _pressed(found: webdriver.Chrome, what: str, key: str, wanted: str) -> float:
    ActionChains(found).send_keys(key).perform()
    return _until_usable(found, what, wanted)


def main(folder: Path, source: Path, subjects: int) -> None:
    """Make the study, write the report, open everything."""
    config = default_study()
    results = make(folder, source, subjects, config)
    out = folder / "out"
    decisions = automatic(results)
    write_tables(out, results, config, decisions)
    start = time.process_time()
    write_report(out, results, [], decisions)
    report_s = time.process_time() - start
    first = min(result.row.subject for result in results.values())
    files = [out / f"sub-{first}.html", *(out / f"sub-{first}/figures").iterdir()]
    size_mb = sum(file.stat().st_size for file in files) / 1e6
    cpu_s = report_s / subjects
    print(f"{len(results)} units; report {report_s:.1f} s of CPU; one subject {size_mb:.1f} MB")
    store = Store(f"sqlite:///{folder / 'review.sqlite'}")
    with browser() as found, served(out, results, store) as address:
        pages = [f"{name}.html" for name in ("index", "cohort", f"sub-{first}")]
        slowest = max(_opened(found, page, (out / page).as_uri()) for page in pages)
        review = [
            _opened(found, "review, first time", address, "#pictures img"),
            _opened(found, "review, again", address.partition("?")[0], "#pictures img"),
            _pressed(found, "next item", "\ue014", "#pictures img"),
            _pressed(found, "rating, and the item after it", "p", "#pictures img"),
            _pressed(found, "list of all items", "l", "#thumbnails img"),
        ]
    store.close()
    if max(slowest, *review) > MOST_S or cpu_s > MOST_CPU_S or size_mb > MOST_MB:
        sys.exit("review scale: too slow, or too large")
    print("review scale: all held")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 500)
