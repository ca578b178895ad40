"""Checks of a scan: each fault that is put into a phantom is seen, a good one passes."""

from dataclasses import replace

import numpy as np
import pytest

from smartms_img.config import default_study
from smartms_img.interfaces.oct_checks import oct_checks
from smartms_img.io.oct import read_oct
from smartms_img.io.oct_model import ScanPattern
from smartms_img.naming import Eye, QcStatus
from smartms_img.oct.boundaries import LayerBoundaries
from smartms_img.oct.columns import Spacing
from smartms_img.oct.macula import macula_grid
from smartms_img.oct.quality import (
    clipped_ascans,
    disc_offset_um,
    illumination,
    macula_laterality_ratio,
    mirrored_ascans,
    missing_ascans,
    ring_laterality_ratio,
    ring_starts_temporal,
)
from smartms_img.oct.scan import locate_macula, segment_scan
from smartms_img.phantoms.oct import macula_phantom, phantom_scan, ring_phantom


@pytest.fixture(scope="module")
def phantom():
    return ring_phantom(seed=1, ascans=384)


def as_scan(phantom, **change):
    return replace(phantom_scan(phantom), **{"quality_db": 30.0, "frames_averaged": 16} | change)


def failures(scan):
    study, layers = default_study(), segment_scan(scan)
    place = locate_macula(scan, layers.rows) if scan.pattern is ScanPattern.VOLUME else None
    metrics = oct_checks(scan, layers, place, None, (study.oct, study.qc.oct))
    return {m.metric: m.reason for m in metrics if m.status is QcStatus.FAIL}


def test_good_ring_passes(phantom):
    assert failures(as_scan(phantom)) == {}


def test_weak_signal(phantom):
    assert "signal is weak" in failures(as_scan(phantom, quality_db=9.0))["signal_db"]


def test_unknown_signal_is_not_run(phantom):
    study = default_study()
    scan = as_scan(phantom, quality_db=None)
    metrics = oct_checks(scan, segment_scan(scan), None, None, (study.oct, study.qc.oct))
    status = {m.metric: m.status for m in metrics}
    assert status["signal_db"] is QcStatus.NOTRUN


def test_mirrored_ring(phantom):
    turned = np.ascontiguousarray(phantom.bscans[:, ::-1])
    spacing = Spacing(phantom.axial_um, phantom.ascan_um, periodic=True)
    assert mirrored_ascans(phantom.bscans, spacing) < 0.01
    assert mirrored_ascans(turned, spacing) > 0.7
    assert "mirrored" in failures(as_scan(phantom, bscans=turned))["mirrored_ascans"]


def test_clipped_ring(phantom):
    top = int(phantom.boundaries["ILM"].min())
    moved = np.concatenate(
        [phantom.bscans[:, top + 12 :], np.full((1, top + 12, 384), 0.16, np.float32)], axis=1
    )
    assert "cut by the edge" in failures(as_scan(phantom, bscans=moved))["clipped_ascans"]


def test_padding_of_zeros_is_no_picture():
    bscans = np.full((1, 100, 4), 0.2, np.float32)
    bscans[:, :30, :2] = 0
    rows = {"ILM": np.full((1, 4), 31.0), "BM": np.full((1, 4), 60.0)}
    layers = LayerBoundaries(rows, {name: np.ones((1, 4)) for name in rows})
    assert clipped_ascans(bscans, layers, 4.0) == 0.5
    assert missing_ascans(bscans, layers) == 0


def test_dark_part(phantom):
    light = np.where(np.arange(384) < 290, 1.0, 0.4).astype(np.float32)
    layers = LayerBoundaries(phantom.boundaries, {})
    assert illumination(phantom.bscans, layers) > 0.85
    assert illumination(phantom.bscans * light, layers) == pytest.approx(0.4, abs=0.04)
    assert "dark" in failures(as_scan(phantom, bscans=phantom.bscans * light))["illumination"]


def test_part_of_a_ring(phantom):
    half = np.ascontiguousarray(phantom.bscans[:, :, :192])
    scan = as_scan(phantom, bscans=half, ring_diameter_mm=1.75)
    assert "circle of 3.5 mm" in failures(scan)["ring_diameter_mm"]


def shuffled(bscans):
    return np.random.default_rng(0).permutation(bscans.ravel()).reshape(bscans.shape)


def lower_half_of_retina(bscans):
    return np.ascontiguousarray(bscans[:, 240:])


def half_of_the_ascans(bscans):
    return np.where(np.arange(bscans.shape[2]) < bscans.shape[2] // 2, bscans, np.float32(0))


@pytest.mark.parametrize("pattern", ["ring", "macula"])
@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (np.zeros_like, "missing_ascans"),
        (lambda bscans: np.full_like(bscans, 0.3), "missing_ascans"),
        (shuffled, "confidence"),
        (lambda bscans: np.ascontiguousarray(bscans[:, ::-1]), "mirrored_ascans"),
        (lower_half_of_retina, "clipped_ascans"),
        (half_of_the_ascans, "missing_ascans"),
    ],
)
def test_what_is_no_scan_is_refused(phantom, pattern, spoil, named):
    scan = as_scan(phantom if pattern == "ring" else macula_phantom(n_bscans=9, ascans=128))
    found = failures(replace(scan, bscans=spoil(scan.bscans)))
    assert named in found
    assert all(found.values())


def test_blank_ascans_are_missing(phantom):
    holed = phantom.bscans.copy()
    holed[:, :, 40:120] = 0
    assert "not visible" in failures(as_scan(phantom, bscans=holed))["missing_ascans"]


def test_wrong_eye_of_a_ring(phantom):
    rnfl = (phantom.boundaries["RNFL_GCL"] - phantom.boundaries["ILM"])[0]
    assert ring_laterality_ratio(rnfl) > 1
    assert ring_laterality_ratio(np.roll(rnfl, 192)) < 0.8  # A-scan 0 is nasal
    start_left = np.array([[1.0, 2.0, 3.0, 2.0]])
    assert ring_starts_temporal(start_left, Eye.OD)
    assert not ring_starts_temporal(start_left, Eye.OS)


def test_wrong_eye_of_a_macula():
    phantom = macula_phantom(laterality=Eye.OS, n_bscans=13, ascans=128)
    rnfl = phantom.boundaries["RNFL_GCL"] - phantom.boundaries["ILM"]
    ratio = {
        eye: macula_laterality_ratio(
            macula_grid((13, 128), phantom.ascan_um, phantom.bscan_um, eye), rnfl, (0.0, 0.0)
        )
        for eye in Eye
    }
    assert ratio[Eye.OS] > 1.2
    assert ratio[Eye.OD] < 0.9


def test_disc_is_found_off_centre():
    y, x = np.mgrid[:400, :400] * 0.015
    fundus = np.full((400, 400), 120, np.uint8)
    fundus[np.hypot(x - 3.3, y - 3.0) < 0.8] = 60
    assert disc_offset_um(fundus, (0.015, 0.015), (3.0, 3.0)) == pytest.approx(300, abs=60)
    assert disc_offset_um(np.full_like(fundus, 120), (0.015, 0.015), (3.0, 3.0)) is None


@pytest.mark.realdata
def test_clipped_mirrored_myopic_ring_is_refused(real_data):
    found = failures(read_oct(real_data / "oct" / "ring_reject.vol"))
    assert {"clipped_ascans", "mirrored_ascans", "missing_ascans"} <= found.keys()


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["ring_OD_1.vol", "ring_OD_2.vol"])
def test_good_real_rings_pass(real_data, name):
    assert failures(read_oct(real_data / "oct" / name)) == {}
