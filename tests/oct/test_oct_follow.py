"""Follow-up alignment: known shifts and rotations are recovered and undone."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift

from smartms_img.io.oct_model import Fundus, OctScan, ScanPattern
from smartms_img.naming import Eye
from smartms_img.oct.align import enface_shift, ring_rotation
from smartms_img.oct.follow import Landmarks, align, landmarks
from smartms_img.oct.measure import measure_ring
from smartms_img.oct.scan import locate_macula, segment_scan
from smartms_img.phantoms.oct import macula_phantom, ring_phantom


def texture(shape, seed=0):
    noise = np.random.default_rng(seed).standard_normal(shape)
    return gaussian_filter(noise, 2)


def test_enface_shift_has_the_sign_of_the_content():
    base = texture((150, 180))
    moved = shift(base, (6.4, -9.7), order=3, mode="wrap")
    found = enface_shift(base, moved, (0.04, 0.03))
    assert found.y_mm == pytest.approx(6.4 * 0.04, abs=0.01)
    assert found.x_mm == pytest.approx(-9.7 * 0.03, abs=0.01)
    assert found.similarity > 0.9


def test_pictures_of_other_eyes_do_not_match():
    assert enface_shift(texture((150, 180)), texture((150, 180), 9), (0.04, 0.04)).similarity < 0.3


def test_ring_rotation_is_recovered_and_undone():
    first, second = ring_phantom(seed=1), ring_phantom(seed=2, rotation_deg=6.0)
    layers = [segment_scan(as_scan(phantom)) for phantom in (first, second)]
    marks = [
        landmarks(as_scan(phantom), found.rows, None)
        for phantom, found in zip((first, second), layers, strict=True)
    ]
    alignment = align(*marks, Eye.OD)
    assert alignment is not None
    assert alignment.rotation_deg == pytest.approx(6.0, abs=0.4)
    assert alignment.shift_um is None
    values = [
        measure_ring(found.rows, 3.87, 0.9, rotation)
        for found, rotation in zip(layers, (0.0, alignment.rotation_deg), strict=True)
    ]
    for key, value in values[0].items():
        assert values[1][key].value == pytest.approx(value.value, abs=1.5), key


def test_rotation_of_equal_rings_is_zero():
    profile = texture((360, 64)).astype(np.float32)
    assert ring_rotation(profile, profile)[0] == pytest.approx(0, abs=1e-6)
    assert ring_rotation(profile, np.roll(profile, 5, axis=0))[0] == pytest.approx(-5, abs=0.05)


@pytest.mark.parametrize("eye", list(Eye))
def test_fovea_of_the_baseline_is_carried_to_the_follow_up(eye):
    place = {"n_bscans": 41, "ascans": 200, "size_mm": 6.4, "laterality": eye}
    first = macula_phantom(fovea_mm=(0.1, 0.0), seed=1, **place)
    second = macula_phantom(fovea_mm=(0.1, 0.0), seed=2, **place)
    # The follow-up looks 20 A-scans further to the observer's right.
    moved = as_scan(second, bscans=np.ascontiguousarray(second.bscans[:, :, 20:]))
    scans = as_scan(first, bscans=np.ascontiguousarray(first.bscans[:, :, :-20])), moved
    marks = []
    for scan in scans:
        rows = segment_scan(scan).rows
        marks.append(landmarks(scan, rows, locate_macula(scan, rows)))
    alignment = align(*marks, eye)
    assert alignment is not None
    assert alignment.shift_um == pytest.approx(20 * 32.0, abs=60)
    assert alignment.fovea_mm == pytest.approx(marks[1].fovea_mm, abs=0.08)


def test_fundus_position_tells_the_shift():
    picture = np.clip(texture((300, 300)) * 400 + 120, 0, 255).astype(np.uint8)
    scans = [
        OctScan(
            ScanPattern.RING,
            Eye.OD,
            np.zeros((1, 100, 90), np.float32) + 0.1,
            4.0,
            120.0,
            ring_diameter_mm=3.5,
            positions_mm=np.array([[x - 1.75, 5.0, x, 5.0]]),
            fundus=Fundus(picture, (0.03, 0.03)),
        )
        for x in (5.0, 5.2)
    ]
    rows = {"BM": np.full((1, 90), 80.0)}
    alignment = align(*(landmarks(scan, rows, None) for scan in scans), Eye.OD)
    assert alignment is not None
    assert alignment.shift_um == pytest.approx(200, abs=5)


def test_nothing_in_common_is_no_alignment():
    empty = Landmarks(None, False, None, None, None)
    assert align(empty, empty, Eye.OD) is None


def as_scan(phantom, **change):
    fields = {
        "bscans": phantom.bscans,
        "axial_um": phantom.axial_um,
        "ascan_um": phantom.ascan_um,
        "bscan_um": phantom.bscan_um,
        "ring_diameter_mm": phantom.ring_diameter_mm,
    }
    return OctScan(phantom.pattern, phantom.laterality, **(fields | change))
