from __future__ import annotations

import re

import pytest

from smartms_img.catalogue import (
    CATALOGUE,
    PRECISION,
    Worse,
    endpoint,
    known_errors,
    location_levels,
    readme_table,
)
from smartms_img.catalogue.error_of_measurement import KNOWN_ERROR_FILE
from smartms_img.naming import OctScanKind, UnitKind

# The endpoint list of the study, by unit of measurement.
STUDY = {
    "mL": "T2LV BHLV BPV GMV WMV CSFV TIV CGMV DGMV THALV VENTV BSTV CBLV NBV "
    "NEWLV ENLLV ATLV SELLV",
    "count": "T2LN BHLN NEWLN ENLLN SHRLN RESLN SELLN",
    "ratio": "BPF",
    "%": "PBVC PGMVC PDGMVC PTHALVC PCGMVC PWMVC PVENTVC",
    "%/year": "PBVCY",
    "um": "RNFL GCIPL MRNFL INL OPL ONL RETT GCIPLMN IEDRNFL IEDGCIP",
    "mm3": "TMV GCIPLV",
}
GRID = ["C", "IS", "IN", "II", "IT", "OS", "ON", "OI", "OT", "M3", "M6"]


def test_the_catalogue_is_the_endpoint_list_with_its_units():
    expected = {code: unit for unit, codes in STUDY.items() for code in codes.split()}
    assert {code: item.unit for code, item in CATALOGUE.items()} == expected


@pytest.mark.parametrize("item", CATALOGUE.values(), ids=list(CATALOGUE))
def test_laws_of_an_endpoint(item):
    assert re.fullmatch(r"[A-Z0-9]{1,8}", item.paramcd)
    assert endpoint(item.paramcd) is item
    assert item.name in item.param
    assert f"({item.unit})" in item.param
    assert item.method in item.param
    assert len(item.param) <= 200  # a text of XPT version 5
    assert item.unit in PRECISION
    assert len(set(item.places)) == len(item.places)
    assert {loc for loc, _ in item.places} <= set(location_levels())
    assert (item.scan is not None) == (item.kind in (UnitKind.EYE, UnitKind.SUBJECT))


def test_param_and_paramcd_are_one_to_one():
    assert len({item.param for item in CATALOGUE.values()}) == len(CATALOGUE)


def test_places_of_the_endpoint_list():
    assert endpoint("T2LV").places == (("", ""), ("PV", ""), ("JC", ""), ("IT", ""), ("DWM", ""))
    ring = ["G", "T", "TS", "TI", "N", "NS", "NI", "PMB"]
    assert endpoint("RNFL").places == (
        *((loc, lat) for loc in ring for lat in ("OD", "OS")),
        ("G", "BOTH"),
    )
    for code in ("GCIPL", "MRNFL", "INL", "OPL", "ONL", "RETT"):
        single = tuple((loc, lat) for loc in GRID for lat in ("OD", "OS"))
        assert endpoint(code).places[: len(single)] == single
    both = {item.paramcd: item.both_eyes_at for item in CATALOGUE.values() if item.both_eyes_at}
    assert both == {"RNFL": ("G",), "GCIPL": ("M6",), "INL": ("M6",), "TMV": ("",)}


def test_mean_of_both_eyes_is_the_work_of_the_subject_unit():
    assert endpoint("RNFL").measured_by("OD") is UnitKind.EYE
    assert endpoint("RNFL").measured_by("BOTH") is UnitKind.SUBJECT
    assert endpoint("RNFL").scan is OctScanKind.RING


def test_direction_is_the_loss_of_tissue():
    assert endpoint("PBVC").worse is Worse.DECREASE
    assert endpoint("VENTV").worse is Worse.INCREASE
    assert endpoint("NEWLN").worse is Worse.INCREASE
    assert endpoint("GCIPL").worse is Worse.DECREASE


@pytest.mark.parametrize(
    ("code", "test", "location", "method", "unit"),
    [
        ("THALV", "C74720", "C12459", "C16809", "C28254"),
        ("CGMV", "C74720", "C12443", "C16809", "C28254"),
        ("VENTV", "C74720", "C12834", "C16809", "C28254"),
        ("RNFL", "", "C32953", "C20828", "C48510"),
        ("INL", "", "C26464", "C20828", "C48510"),
        ("T2LV", "", "C12439", "C82392", "C28254"),
        ("PBVC", "", "C12439", "C16809", "C25613"),
    ],
)
def test_cdisc_codes(code, test, location, method, unit):
    terms = endpoint(code).cdisc
    codes = (terms.test.code, terms.location.code, terms.method.code, terms.unit.code)
    assert codes == (test, location, method, unit)


def test_what_has_no_official_term_is_a_sponsor_extension():
    for code in ("PBVC", "BPF", "T2LV", "BHLV", "NEWLV", "TMV"):
        assert endpoint(code).cdisc.test.code == ""
        assert endpoint(code).cdisc.test.text == code
    assert endpoint("GCIPL").cdisc.location.code == ""


def test_known_errors_speak_of_the_catalogue():
    header = KNOWN_ERROR_FILE.read_text(encoding="utf-8").splitlines()[0]
    assert header == "PARAMCD\tLOC\tsd\tunit\tdata"
    for (paramcd, loc), error in known_errors().items():
        assert loc in {place for place, _ in endpoint(paramcd).places}
        assert error.unit == endpoint(paramcd).unit
        assert error.sd > 0
        assert error.data


def test_readme_table_names_every_endpoint_once():
    lines = readme_table().splitlines()
    codes = [line.split("|")[1].strip() for line in lines[2:]]
    assert codes == list(CATALOGUE)
    assert {line.count("|") for line in lines} == {8}
