"""Follow-up alignment: known shifts and rotations are recovered and undone."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import affine_transform, gaussian_filter

from smartms_img.interfaces.oct_checks import LEAST_RING_SIMILARITY
from smartms_img.io.oct_model import Fundus, OctScan, ScanPattern
from smartms_img.naming import Eye
from smartms_img.oct.align import enface_motion, ring_rotation
from smartms_img.oct.follow import Landmarks, align, landmarks
from smartms_img.oct.measure import measure_ring
from smartms_img.oct.scan import segment_scan
from smartms_img.phantoms.oct import macula_phantom, phantom_scan, ring_phantom


def texture(shape, seed=0):
    noise = np.random.default_rng(seed).standard_normal(shape)
    return gaussian_filter(noise, 2)


def moved(picture, degrees, row, column):
    """Turn the content about the middle, then move it; both as the pixels count."""
    angle = np.radians(degrees)
    back = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = (np.array(picture.shape) - 1) / 2
    return affine_transform(
        picture, back, middle - back @ (middle + np.array([row, column])), order=3
    )


@pytest.mark.parametrize("degrees", [0.0, 5.3, -8.7])
def test_enface_motion_has_the_sign_of_the_content(degrees):
    base = texture((250, 280))
    later = moved(base, degrees, 6.4, -9.7)[10:240, 7:261]
    found = enface_motion(base, later, 0.04)
    # The cut leaves the middle of rows where it was, and moves that of columns by 6.
    assert found.y_mm == pytest.approx(6.4 * 0.04, abs=0.008)
    assert found.x_mm == pytest.approx((-9.7 + 6) * 0.04, abs=0.008)
    assert found.rotation_deg == pytest.approx(degrees, abs=0.1)
    assert found.similarity > 0.9


def test_pictures_of_other_eyes_do_not_match():
    assert enface_motion(texture((150, 180)), texture((150, 180), 9), 0.04).similarity < 0.3


@pytest.fixture(scope="module")
def ring_marks():
    phantoms = ring_phantom(seed=1), ring_phantom(seed=2, rotation_deg=2.0)
    return [landmarks(phantom_scan(p), p.boundaries, None) for p in phantoms]


def test_ring_rotation_is_recovered_and_undone():
    first, second = ring_phantom(seed=1), ring_phantom(seed=2, rotation_deg=6.0)
    layers = [segment_scan(phantom_scan(phantom)) for phantom in (first, second)]
    marks = [
        landmarks(phantom_scan(phantom), found.rows, None)
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
@pytest.mark.parametrize("n_bscans", [49, 97])
def test_shift_and_rotation_of_a_volume_are_recovered(eye, n_bscans):
    place = {"n_bscans": n_bscans, "ascans": 384, "size_mm": 6.6, "laterality": eye}
    first = macula_phantom(fovea_mm=(0.1, 0.0), seed=1, **place)
    second = macula_phantom(fovea_mm=(0.35, -0.2), rotation_deg=4.0, seed=2, **place)
    marks = [landmarks(phantom_scan(p), p.boundaries, None) for p in (first, second)]
    alignment = align(*marks, eye)
    assert alignment is not None
    assert alignment.rotation_deg == pytest.approx(4.0, abs=0.4)
    matrix, turn = alignment.onto_baseline, np.exp(1j * np.radians(4.0))
    for x, y in ((0.0, 0.0), (1.5, 0.0), (0.0, 1.5), (-1.5, -1.5)):
        there = (x + 1j * y) * turn + (0.35 - 0.2j)
        back = matrix @ (there.real, there.imag, 1.0)
        assert np.hypot(*(back - (x + 0.1, y))) < 0.02
    centre = -(0.35 - 0.2j) / turn + 0.1
    assert alignment.shift_um == pytest.approx(1000 * abs(centre), abs=20)


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


def test_another_device_is_told(ring_marks):
    first, second = ring_marks
    same = align(first, second, Eye.OD)
    assert same.similarity > LEAST_RING_SIMILARITY
    assert same.same_device
    named = replace(first, device="A"), replace(second, device="B")
    assert not align(*named, Eye.OD).same_device


def test_nothing_in_common_is_no_alignment():
    empty = Landmarks(None, (0.0, 0.0), False, None, (0.0, 0.0), None)
    assert align(empty, empty, Eye.OD) is None
