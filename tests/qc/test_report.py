from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from smartms_img.cli.finish import read_evidence
from smartms_img.config import default_study, unit_digest
from smartms_img.errors import InputError
from smartms_img.io.layout import measures_file
from smartms_img.io.ledger import Attempt, write_attempt
from smartms_img.io.measures import Measure, check, write_measures, write_qc
from smartms_img.io.plan_table import read_plan
from smartms_img.io.ratings import Judgement, RatingsLog
from smartms_img.method import METHOD_VERSION
from smartms_img.qc.report import write_report

PLAN = """\
unit\tkind\tsubject\tsession\treference\teye\tscan\tstatus\treason\tinputs\tdepends\tday
sub-01_ses-M06_mri\tsession\t01\tM06\t\t\t\trunnable\t\t\t\t183
sub-01_ses-M00_mri\tsession\t01\tM00\t\t\t\trunnable\t\t\t\t0
sub-01_ses-M12_mri\tsession\t01\tM12\t\t\t\tblocked\tno session M12\t\t\t
sub-01_ses-M06_ref-M00_pair\tpair\t01\tM06\tM00\t\t\trunnable\t\t\tsub-01_ses-M00_mri\t183
sub-01_ses-M00_eye-OD_acq-ring\teye\t01\tM00\t\tOD\tring\trunnable\t\t\t\t0
sub-01_subject\tsubject\t01\t\t\t\t\trunnable\t\t\t\t
sub-02_ses-M00_mri\tsession\t02\tM00\t\t\t\trunnable\t\t\t\t0
"""
UNITS = [line.split("\t")[0] for line in PLAN.splitlines()[1:]]
TIME = "2026-01-01T00:00:00+00:00"
DONE = Attempt(
    unit="", number=1, state="done", cause="", reason="", host="node-7", pid=4, started=TIME,
    ended=TIME, exit_code=0, max_rss_mb=1, cpu_s=1, seed=1, versions={}, row_hash="",
    config_sha256="", method_version="", inputs={}, outputs={},
)  # fmt: skip
STEM = "sub-01/ses-M00/anat/sub-01_ses-M00"
COLUMNS = [
    "STUDYID",
    "USUBJID",
    "AVISIT",
    "AVISITN",
    "PARAMCD",
    "LOC",
    "LAT",
    "AVAL",
    "AVALU",
    "QCSTAT",
    "QCREAS",
    "BASETYPE",
]
ENDPOINTS = [
    ("X-1", "X-1-01", "Baseline", 0, "T2LV", "", "", 1.234, "mL", "fail", "snr 3", "Baseline"),
    ("X-1", "X-1-01", "Month 6", 6, "T2LV", "", "", None, "mL", "notrun", "no FLAIR", "Baseline"),
    ("X-1", "X-1-01", "Baseline", 0, "T2LV", "", "", 1.234, "mL", "fail", "snr 3", "Month 6"),
    ("X-1", "X-1-01", "Baseline", 0, "T2LV", "DWM", "", 0.5, "mL", "pass", "", "Baseline"),
]


class Page(HTMLParser):
    """Collects what a page refers to, and checks that its elements nest."""

    VOID = frozenset({"meta", "img", "link", "br", "input"})

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.images: list[dict[str, str]] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))
        assert not self.open

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.ids += [values["id"]] if "id" in values else []
        self.links += [values["href"]] if "href" in values else []
        if tag == "img":
            self.images.append(values)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_data(self, data):
        self.words.append(" ".join(data.split()))

    @property
    def text(self) -> str:
        return " ".join(word for word in self.words if word)


def show(out: Path) -> None:
    found = read_evidence(out, default_study())
    write_report(out, found.results, found.ratings, found.decisions)


def write_done(out: Path, unit: str, **changes: object) -> None:
    row = next(row for row in read_plan(out) if row.unit == unit)
    digest = unit_digest(row.kind, default_study())
    if not (out / measures_file(row.stem)).is_file():
        write_measures(out / measures_file(row.stem), [])
    own = {
        "unit": unit,
        "config_sha256": digest,
        "method_version": METHOD_VERSION[row.kind],
    }
    write_attempt(out, replace(DONE, **(own | changes)))


def add_figure(out: Path, name: str, unit: str, order: int, *, picture: bool = True) -> None:
    folder = out / "sub-01" / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    text = {"title": f"title of {name}", "alt": f"what {name} shows", "unit": unit, "order": order}
    (folder / f"{name}.json").write_text(json.dumps(text), encoding="utf-8")
    if picture:
        Image.fromarray(np.zeros((30, 40), dtype=np.uint8)).save(folder / f"{name}.png")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "plan.tsv").write_text(PLAN, encoding="utf-8")
    for unit in (UNITS[1], UNITS[4], UNITS[6]):
        write_done(tmp_path, unit)
    failed = replace(DONE, state="failed", cause="bad-input", reason="01 M06: T1w <is> 4-D")
    write_attempt(tmp_path, replace(failed, unit=UNITS[0]))
    note = tmp_path / "ledger" / UNITS[0] / "failure.md"
    note.write_text("how to run it again", encoding="utf-8")
    write_qc(tmp_path / f"{STEM}_desc-qc.json", [check("snr", 3.2, at_least=5)])
    measures = [
        Measure("T2LV", 1.23456, "mL", "m", "1", "M00"),
        Measure("T2LV", None, "mL", "m", "1", "M00", LOC="DWM", reason="no FLAIR"),
    ]
    write_measures(tmp_path / f"{STEM}_desc-measures.json", measures)
    add_figure(tmp_path, "b_tissue", UNITS[1], 2)
    add_figure(tmp_path, "c_mask", UNITS[1], 1)
    add_figure(tmp_path, "a_lesions", UNITS[1], 3, picture=False)
    (tmp_path / "tables").mkdir()
    table = pd.DataFrame(ENDPOINTS, columns=COLUMNS)
    table.to_parquet(tmp_path / "tables" / "endpoints.parquet")
    show(tmp_path)
    return tmp_path


def test_every_unit_of_the_plan_is_on_its_page_and_linked_from_the_overview(out: Path):
    index = Page(out / "index.html")
    for unit in UNITS:
        page = unit[:6] + ".html"
        assert f"{page}#{unit}" in index.links
        assert unit in Page(out / page).ids


def test_states_are_told_with_their_reasons(out: Path):
    text = Page(out / "sub-01.html").text
    for words in (
        "bad-input: 01 M06: T1w <is> 4-D",
        "no session M12",
        "snr 3.2 is below 5",
        "not run",
        "missing picture title of a_lesions",
        "T2LV DWM missing mL no FLAIR",
        "no automatic check gave a verdict",
    ):
        assert words in text
    assert f"ledger/{UNITS[0]}/failure.md" in Page(out / "sub-01.html").links


def test_values_have_the_decimals_of_the_catalogue_and_metrics_their_threshold(out: Path):
    text = Page(out / "sub-01.html").text
    assert "T2LV 1.235 mL" in text
    assert "snr 3.2 >= 5 fail" in text


def test_endpoints_are_shown_by_visit_with_flags(out: Path):
    text = Page(out / "sub-01.html").text
    assert "Endpoint Baseline Month 6 Unit T2LV 1.234 fail missing notrun mL" in text
    assert "T2LV (against Month 6) 1.234 fail mL" in text
    assert "0.500" not in text


def test_what_is_missing_is_counted_by_endpoint_and_by_subject(out: Path):
    text = Page(out / "cohort.html").text
    assert "Endpoint Baseline Month 6 T2LV 1/1 0/1" in text
    assert "Subject Baseline Month 6 01 1/1 0/1" in text


def test_frames_of_both_visits_stand_side_by_side_and_in_turn(out: Path):
    pair = UNITS[3]
    add_figure(out, "d_flicker", pair, 4, picture=False)
    for number in (1, 2):
        picture = Image.fromarray(np.zeros((30, 40, 3), dtype=np.uint8))
        picture.save(out / f"sub-01/figures/d_flicker{number}.webp")
    show(out)
    shown = [i for i in Page(out / "sub-01.html").images if "d_flicker" in i["src"]]
    assert [image["src"][-6] for image in shown] == ["1", "2", "1", "2"]
    assert "Baseline M00" in shown[0]["alt"] and "Follow-up M06" in shown[1]["alt"]


def test_a_verdict_of_readers_is_shown_once_it_is_decided(out: Path):
    picture = "sub-01/figures/sub-01_ses-M00_mask.png"
    Image.fromarray(np.zeros((30, 40, 3), dtype=np.uint8)).save(out / picture)
    write_done(out, UNITS[1], number=2, outputs={picture: "1"})
    log = RatingsLog(out)
    for reader in ("R1", "R2"):
        log.append(
            Judgement(reader, "reader", UNITS[1], "brain_mask", {picture: "1"}, "1", "fail")
        )
        show(out)
        text = Page(out / "sub-01.html").text
        assert ("Brain mask agreed fail" in text) == (reader == "R2")
        assert ("Brain mask unread" in text) == (reader == "R1")
    assert "R1 and R2 all 1 100 none: one verdict only" in Page(out / "cohort.html").text
    assert re.search(
        r"ses-M00 mri ! QC fail [^!]*brain mask: fail", Page(out / "sub-01.html").text
    )


def test_pictures_exist_have_alternative_text_and_load_late(out: Path):
    images = Page(out / "sub-01.html").images
    assert [image["alt"] for image in images] == ["what c_mask shows", "what b_tissue shows"]
    for image in images:
        assert (out / unquote(image["src"])).is_file()
        assert (image["loading"], image["width"], image["height"]) == ("lazy", "40", "30")


def test_pages_need_no_network_and_links_lead_somewhere(out: Path):
    for name in ("index.html", "cohort.html", "sub-01.html", "sub-02.html"):
        text = (out / name).read_text(encoding="utf-8")
        assert "http:" not in text and "https:" not in text and "<script" not in text
        for link in Page(out / name).links:
            file, _, anchor = unquote(link).partition("#")
            target = out / (file or name)
            assert target.is_file()
            if anchor:
                assert anchor in Page(target).ids


def test_visits_stand_in_the_order_of_days(out: Path):
    ids = [name for name in Page(out / "sub-01.html").ids if name.startswith("visit-")]
    assert ids == ["visit-M00", "visit-M06", "visit-M12", "visit-all"]


def test_worst_subject_stands_first(out: Path):
    links = [
        link for link in Page(out / "index.html").links if link in {"sub-01.html", "sub-02.html"}
    ]
    assert links == ["sub-01.html", "sub-02.html"]
    write_done(out, UNITS[0], number=2)
    (out / f"{STEM}_desc-qc.json").unlink()
    failed = replace(DONE, unit=UNITS[6], number=2, state="failed", cause="killed")
    write_attempt(out, failed)
    show(out)
    links = [
        link for link in Page(out / "index.html").links if link in {"sub-01.html", "sub-02.html"}
    ]
    assert links == ["sub-02.html", "sub-01.html"]


def test_unit_of_another_configuration_is_not_done(out: Path):
    write_done(out, UNITS[6], number=2, config_sha256="0" * 64)
    show(out)
    text = Page(out / "sub-02.html").text
    assert "outdated made with another configuration: run again" in text


def test_output_that_is_gone_is_not_done(out: Path):
    write_done(out, UNITS[6], number=2, outputs={"sub-02/x.json": "0"})
    show(out)
    assert "gone since the unit ran: sub-02/x.json" in Page(out / "sub-02.html").text


def test_same_input_same_bytes_and_nothing_of_where_or_when(out: Path):
    before = {path.name: path.read_bytes() for path in out.glob("*.html")}
    show(out)
    assert before == {path.name: path.read_bytes() for path in out.glob("*.html")}
    assert not any(b"node-7" in page for page in before.values())
    assert not any(str(out).encode() in page for page in before.values())


def test_folder_without_plan_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match=r"plan\.tsv"):
        show(tmp_path)
