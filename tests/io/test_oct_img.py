"""The reader of Zeiss Cirrus cubes: on written files only; no layout was published by Zeiss."""

import json

import numpy as np
import pytest
from oct_damage import CANARY, assert_one_line_or_scan, assert_without_names, damaged_copies

from smartms_img.errors import InputError
from smartms_img.io import oct_img
from smartms_img.io.oct import read_oct
from smartms_img.io.oct_model import ScanPattern
from smartms_img.naming import Eye

NAME = f"{CANARY.decode()}_Macular Cube 6x4_3-20-2019_16-21-23_OD_sn17573_cube_z.img"
SIDECAR = {
    "pattern": "volume", "laterality": "OS", "axial_um": 2.0, "ascan_um": 30.0, "bscan_um": 47.0,
}  # fmt: skip
UPRIGHT = (np.arange(4 * 1024 * 6) % 251).astype(np.uint8).reshape(4, 1024, 6)


@pytest.fixture
def small_cube(monkeypatch):
    """A protocol of 6 A-scans and 4 B-scans."""
    monkeypatch.setattr(oct_img, "CUBES", {4 * 1024 * 6: (4, 6)})


def stored(upright=UPRIGHT):
    """B-scans turned by 180 degrees, one after another, an A-scan after another in a row."""
    return b"".join(bscan[::-1, ::-1].tobytes() for bscan in upright)


def put(folder, name=NAME, data=None, sidecar=None):
    path = folder / name
    path.write_bytes(stored() if data is None else data)
    if sidecar is not None:
        path.with_suffix(".json").write_text(json.dumps(sidecar))
    return path


def test_whole_optic_disc_cube(tmp_path):
    pixels = np.zeros((200, 1024, 200), np.uint8)
    pixels[0, 3, 5] = 255
    path = tmp_path / "A_Optic Disc Cube 200x200_1-2-2003_4-5-6_OS_sn1_cube_z.img"
    path.write_bytes(pixels.tobytes())
    scan = read_oct(path)
    assert (scan.pattern, scan.laterality) == (ScanPattern.VOLUME, Eye.OS)
    assert (scan.axial_um, scan.ascan_um, scan.bscan_um) == pytest.approx((1.953125, 30.0, 30.0))
    # The fourth row from below is the fourth of the file, the sixth A-scan the sixth from right.
    assert np.argwhere(scan.bscans).tolist() == [[0, 1023 - 3, 199 - 5]]
    assert scan.bscans.dtype == np.float32


def test_name_says_protocol_and_eye_alone(tmp_path, small_cube):
    scan = read_oct(put(tmp_path))
    assert (scan.laterality, scan.device) == (Eye.OD, "Zeiss Cirrus")
    np.testing.assert_allclose(scan.bscans, UPRIGHT / 255, atol=1e-6)
    assert (scan.ascan_um, scan.bscan_um) == pytest.approx((1000.0, 1500.0))
    assert_without_names(scan)


def test_sidecar_wins(tmp_path, small_cube):
    scan = read_oct(put(tmp_path, sidecar=SIDECAR))
    assert (scan.laterality, scan.axial_um) == (Eye.OS, 2.0)
    assert (scan.ascan_um, scan.bscan_um) == (30.0, 47.0)
    again = read_oct(put(tmp_path, "sub-01_ses-M00_eye-OS_acq-macula_oct.img", sidecar=SIDECAR))
    np.testing.assert_array_equal(again.bscans, scan.bscans)


@pytest.mark.parametrize(
    ("name", "data", "sidecar", "part"),
    [
        ("scan.img", None, None, "which eye"),
        (NAME.replace("_OD_", "_OU_"), None, None, "which eye"),
        (NAME.replace("cube_z", "cube_raw"), None, None, "which eye"),
        (NAME.replace("6x4", "4x6"), None, None, "another size"),
        (NAME, stored()[:-1], None, "size of a"),
        (NAME, b"", None, "size of a"),
        (NAME, bytes(4 * 1024 * 6), None, "empty"),
        (NAME, None, SIDECAR | {"pattern": "line"}, "holds 4 B-scans"),
        (NAME, None, SIDECAR | {"laterality": "R"}, "laterality"),
        (NAME, None, {"laterality": "OD"}, "lacks pattern"),
        (NAME, None, {**SIDECAR, "bscan_um": None}, "without 'bscan_um'"),
    ],
)
def test_what_is_wrong_is_one_clear_line(tmp_path, small_cube, name, data, sidecar, part):
    with pytest.raises(InputError, match=part) as caught:
        read_oct(put(tmp_path, name, data, sidecar))
    assert "\n" not in str(caught.value)


def test_five_line_raster_is_refused(tmp_path):
    path = tmp_path / NAME.replace("Macular Cube 6x4", "HD 5 Line Raster")
    with path.open("wb") as file:
        file.truncate(5 * 1024 * 1024)
    with pytest.raises(InputError, match="512x128 or 200x200"):
        read_oct(path)


def test_damaged_sidecar_never_escapes_as_another_error(tmp_path, small_cube):
    path = put(tmp_path)
    for copy in damaged_copies(json.dumps(SIDECAR).encode(), first=0, flipped=100):
        path.with_suffix(".json").write_bytes(copy)
        try:
            read_oct(path)
        except InputError as refused:
            assert "\n" not in str(refused)


def test_cut_cube_never_escapes_as_another_error(tmp_path, small_cube):
    path = tmp_path / "Macular Cube 6x4_OD_cube_z.img"
    for copy in damaged_copies(stored(), flipped=0):
        path.write_bytes(copy)
        assert_one_line_or_scan(path)
