"""The APOSTEL report of hand-made scans."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from write_all import write_all

from smartms_img.config import StudyConfig, default_study
from smartms_img.errors import InputError
from smartms_img.io.atomic import write_json
from smartms_img.io.ledger import latest_attempt, write_attempt
from smartms_img.io.measures import check
from smartms_img.naming import Eye, OctScanKind, QcStatus
from smartms_img.oct.boundaries import BOUNDARIES
from smartms_img.tables.apostel import apostel_report
from smartms_img.tables.apostel_scans import INVESTIGATORS, NO_OCT, NOT_STATED, ScanRecord

POINTS = [
    "study_protocol",
    "acquisition_device",
    "acquisition_settings",
    "scanning_protocol",
    "funduscopic_imaging",
    "post_acquisition_data_selection",
    "post_acquisition_data_analysis",
    "nomenclature_and_abbreviations",
    "statistical_analysis",
]
RING = {
    "pattern": "ring",
    "device": "Heidelberg Spectralis",
    "software": "6.9",
    "quality_db": 30.0,
    "frames_averaged": 100,
    "axial_um": 3.87,
    "ascan_um": 14.0,
    "bscan_um": None,
    "ring_diameter_mm": 3.5,
    "bscans": 1,
    "ascans": 768,
    "rows": 496,
    "fundus": {"rows": 768, "columns": 1000, "row_mm": 0.01, "column_mm": 0.02},
    "positions_known": True,
    "mean_thickness_um": {"smartms": {"RNFL": 95.0}, "device": {"RNFL": 96.0, "INL": None}},
    "alignment": None,
}
VOLUME = RING | {
    "pattern": "volume",
    "software": "",
    "quality_db": None,
    "frames_averaged": None,
    "ascan_um": 11.0,
    "bscan_um": 240.0,
    "ring_diameter_mm": None,
    "bscans": 26,
    "ascans": 513,
    "fundus": None,
    "positions_known": False,
    "mean_thickness_um": {"smartms": {"RNFL": 30.0}, "device": {"RNFL": None}},
}
ALIGNED = {"method": "fundus and B-scan", "shift_um": 40.0, "rotation_deg": -1.0}


def record(subject, visit, eye, description, *metrics, **parts) -> ScanRecord:
    kind = OctScanKind.MACULA if description is VOLUME else OctScanKind.RING
    known = {"method_versions": ("1",), "smartms_version": "0.1.0", "status": QcStatus.PASS}
    return ScanRecord(
        subject, visit, eye, kind, description=description, metrics=metrics, **(known | parts)
    )


def signal(value):
    return check("signal_db", value, at_least=15)


FOLLOW = RING | {"software": "7.0", "quality_db": 12.0, "ascan_um": 13.0, "alignment": ALIGNED}
SCANS = [
    record("01", "M00", Eye.OD, RING, signal(30)),
    record("01", "M06", Eye.OD, FOLLOW, signal(12), status=QcStatus.FAIL),
    record("01", "M00", Eye.OS, RING, signal(20)),
    record("02", "M00", Eye.OD, VOLUME),
    ScanRecord("02", "M00", Eye.OD, OctScanKind.RING, "failed"),
    ScanRecord("02", "M06", Eye.OD, OctScanKind.RING, "blocked"),
]


@pytest.fixture(scope="module")
def report():
    return apostel_report(SCANS, default_study())


def test_there_are_nine_points(report):
    assert list(report)[2:] == POINTS


def test_people_and_eyes_measured(report):
    study = report["study_protocol"]
    assert (study["subjects_measured"], study["eyes_measured"]) == (2, 3)
    assert study["scans_measured"]["M00"] == {"macula": 1, "ring": 2}
    assert study["scans_measured"]["M06"] == {"ring": 1}
    assert study["scans_measured"]["M12"] == {}
    assert study["ethics_approval_and_consent"] == INVESTIGATORS


def test_devices_and_their_software(report):
    point = report["acquisition_device"]
    found = {(line["device"], line["software"]): line["scans"] for line in point["devices"]}
    assert found == {
        ("Heidelberg Spectralis", "6.9"): 2,
        ("Heidelberg Spectralis", "7.0"): 1,
        ("Heidelberg Spectralis", NOT_STATED): 1,
    }
    assert point["series"] == point["series_with_several_software_versions"] == 1
    assert point["series_with_several_devices"] == 0


def test_settings(report):
    quality = report["acquisition_settings"]["signal_quality_db"]
    rings = {"known_for": 3, "not_known_for": 0, "min": 12.0, "median": 30.0, "max": 30.0}
    assert quality == {"ring": rings, "macula": NOT_STATED}
    assert report["acquisition_settings"]["pupil_dilation"] == INVESTIGATORS


def test_patterns(report):
    ring, volume = report["scanning_protocol"]["patterns"]
    assert (ring["scan"], ring["scans"], ring["bscans"], ring["ascans"]) == ("ring", 3, 1, 768)
    assert (ring["ascan_um"]["min"], ring["ascan_um"]["max"]) == (13.0, 14.0)
    assert ring["ring_diameter_mm"]["median"] == 3.5
    assert ring["frames_averaged"]["median"] == 100
    # 512 steps of 11 um, 25 steps of 240 um
    assert volume["width_mm"]["max"] == 5.632
    assert volume["height_mm"]["max"] == 6.0
    assert volume["frames_averaged"] == NOT_STATED


def test_other_counts_are_another_pattern():
    counts = {Eye.OD: 1536, Eye.OS: 768}
    scans = [record("01", "M00", eye, RING | {"ascans": n}) for eye, n in counts.items()]
    patterns = apostel_report(scans, default_study())["scanning_protocol"]["patterns"]
    assert [(pattern["ascans"], pattern["scans"]) for pattern in patterns] == [(768, 1), (1536, 1)]


def test_fundus_pictures(report):
    point = report["funduscopic_imaging"]
    assert (point["scans_with_a_fundus_picture"], point["scans_without"]) == (3, 1)
    assert point["scans_with_known_position_of_the_b_scans"] == 3
    # 768 rows of 0.01 mm, 1000 columns of 0.02 mm
    assert point["picture_height_mm"]["median"] == 7.68
    assert point["picture_width_mm"]["median"] == 20.0


def test_selection(report):
    point = report["post_acquisition_data_selection"]
    assert (point["scans_planned"], point["scans_measured"]) == (6, 4)
    assert point["scans_not_measured"] == {"blocked": 1, "failed": 1}
    assert point["verdicts"] == {"ring": {"fail": 1, "pass": 2}, "macula": {"pass": 1}}
    [line] = point["checks"]
    assert (line["scan"], line["check"], line["threshold"]) == ("ring", "signal_db", ">= 15")
    assert line["reason_of_failure"] == "signal is weak"
    counts = [line[f"scans_{what}"] for what in ("passed", "failed", "not_checked")]
    assert counts == [2, 1, 0]


def test_analysis(report):
    point = report["post_acquisition_data_analysis"]
    segmentation = point["segmentation"]
    assert segmentation["layers_of"] == "smartms"
    assert segmentation["smartms_version"] == {"0.1.0": 4}
    assert segmentation["method_version"] == {"1": 4}
    assert segmentation["scans_with_layers_of_the_device"] == 3
    assert point["endpoints"]["ring"] == ["RNFL"]
    assert point["sectors"]["ring"]["angles_deg_from_temporal_over_superior"]["TS"] == [45, 85]
    [follow_up] = point["follow_ups"]
    assert follow_up["aligned_with_the_baseline_by"] == {"fundus and B-scan": 1}
    assert (follow_up["shift_um"]["max"], follow_up["rotation_deg"]["max"]) == (40.0, -1.0)


def test_nomenclature(report):
    point = report["nomenclature_and_abbreviations"]
    assert point["endpoints"]["TMV"].startswith("Total macular volume (mm3), ")
    assert point["locations"]["ring"]["PMB"] == "papillomacular bundle"
    assert tuple(point["boundaries"]) == BOUNDARIES


def test_statistics(report):
    point = report["statistical_analysis"]
    assert point["both_eyes"]["means_of_both_eyes"] == ["RNFL G", "GCIPL M6", "INL M6", "TMV"]
    flagged = point["inter_eye_differences"]
    assert flagged["threshold_set"] == "McDonald-2024"
    assert flagged["flagged_from_um"] == {"RNFL": 6.0, "GCIPL": 4.0}
    assert point["correlation_of_the_eyes_of_a_person"] == INVESTIGATORS


def test_the_configuration_is_followed():
    content = default_study().model_dump(mode="json")
    content["oct"] |= {"eyes": ["OD"], "scans": ["ring"], "layer_source": "device"}
    report = apostel_report(SCANS[:1], StudyConfig.model_validate(content))
    segmentation = report["post_acquisition_data_analysis"]["segmentation"]
    assert (segmentation["layers_of"], segmentation["manual_correction"]) == ("device", NOT_STATED)
    assert set(report["nomenclature_and_abbreviations"]["endpoints"]) == {"RNFL"}
    statistics = report["statistical_analysis"]
    assert statistics["inter_eye_differences"] == "not planned"
    assert statistics["both_eyes"]["means_of_both_eyes"] == "not planned"


def test_order_of_the_scans_does_not_matter(report):
    again = apostel_report(SCANS[::-1], default_study())
    assert json.dumps(again) == json.dumps(report)


def test_without_a_measured_scan():
    report = apostel_report(SCANS[4:], default_study())
    assert list(report)[2:] == POINTS
    assert [name for name in POINTS if report[name] != NO_OCT] == [POINTS[0], POINTS[5]]
    point = report["post_acquisition_data_selection"]
    assert (point["scans_planned"], point["scans_measured"]) == (2, 0)


def test_a_scan_whose_description_is_lost_is_counted():
    report = apostel_report([record("01", "M06", Eye.OD, {})], default_study())
    assert report["acquisition_device"]["devices"][0]["device"] == NOT_STATED
    [pattern] = report["scanning_protocol"]["patterns"]
    assert pattern["scans"] == 1
    assert {pattern[name] for name in ("pattern", "bscans", "ascans", "rows")} == {NOT_STATED}
    assert report["funduscopic_imaging"]["scans_of_which_it_is_not_known"] == 1
    [follow_up] = report["post_acquisition_data_analysis"]["follow_ups"]
    assert follow_up["aligned_with_the_baseline_by"] == {NOT_STATED: 1}


UNIT = "sub-01_ses-M00_eye-OD_acq-ring"
LAYERS_FILE = f"sub-01/ses-M00/oct/{UNIT}_desc-layers.json"


def _written(out: Path, config: StudyConfig) -> dict:
    write_all(out, config)
    return json.loads((out / "apostel.json").read_text(encoding="utf-8"))


def _plant(out: Path, **more: str) -> None:
    document = RING | more | {"boundaries": {"ILM": {"px": [[1.0]]}}}
    write_json(out / LAYERS_FILE, document)
    digest = hashlib.sha256((out / LAYERS_FILE).read_bytes()).hexdigest()
    last = latest_attempt(out, UNIT)
    assert last is not None
    changed = {"outputs": {LAYERS_FILE: digest}, "host": "CANARY-HOST"}
    write_attempt(out, replace(last, number=2, **changed))


def test_file_counts_what_the_tables_count(out, config):
    _plant(out)
    report = _written(out, config)
    # Two rings of month 0; of month 6 one failed and one was not run.
    point = report["post_acquisition_data_selection"]
    assert point["verdicts"] == {"ring": {"fail": 1, "pass": 1}}
    assert point["scans_not_measured"] == {"failed": 1, "not run": 1}
    devices = report["acquisition_device"]["devices"]
    assert [line["device"] for line in devices] == ["Heidelberg Spectralis", NOT_STATED]


def test_changed_layers_are_not_believed(out, config):
    _plant(out)
    text = (out / LAYERS_FILE).read_text()
    (out / LAYERS_FILE).write_text(text.replace("Heidelberg", "Changed"))
    [line] = _written(out, config)["acquisition_device"]["devices"]
    assert (line["device"], line["scans"]) == (NOT_STATED, 2)


def test_outdated_scans_are_not_counted(out, config):
    _plant(out)
    laxer = config.oct.model_copy(update={"min_sector_coverage": 0.5})
    other = config.model_copy(update={"oct": laxer})
    report = _written(out, other)
    assert report["study_protocol"]["scans_measured"]["M00"] == {}
    assert report["acquisition_device"] == NO_OCT


def test_unreadable_layers_are_named(out, config):
    (out / LAYERS_FILE).write_text("{")
    with pytest.raises(InputError, match=f"{LAYERS_FILE}: is not what smartms writes"):
        write_all(out, config)


def test_nobody_is_named(out, config):
    _plant(out, patient="CANARY-NAME", visit_date="1971-11-11", file="/CANARY/scan.vol")
    write_all(out, config)
    text = (out / "apostel.json").read_text(encoding="utf-8")
    for planted in ("CANARY", "1971", "2020-01-01", "sub-", "OD.vol", "a/", str(out)):
        assert planted not in text, planted
