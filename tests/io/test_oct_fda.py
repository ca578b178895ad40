"""The Topcon reader: on written files only, as uocte describes the layout."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from smartms_img.errors import InputError
from smartms_img.io.oct import read_oct
from smartms_img.io.oct_model import ScanPattern
from smartms_img.naming import Eye

EXPORT = "scan.fda"
CANARY = b"CANARYPATIENT0042"
PAGES = (np.arange(3 * 10 * 12) % 250).astype(np.uint8).reshape(3, 10, 12)


def chunk(name, data):
    return bytes([len(name)]) + name.encode() + struct.pack("<I", len(data)) + data


def pictures(pages=PAGES, *, mode=2, width=12):
    data = struct.pack("<B6I", mode, 1, 2, width, 10, len(pages), 3)
    for page in pages:
        coded = io.BytesIO()
        Image.fromarray(page).save(coded, "PNG")
        data += struct.pack("<I", len(coded.getvalue())) + coded.getvalue()
    return chunk("@IMG_JPEG", data)


def contour(name="MULTILAYERS_1"):
    from_below = np.array([[7] * 12, [0] * 12, [4] * 12], "<u2")
    data = struct.pack("<20s2B3I", name.encode(), 1, 0, 12, 3, 72) + from_below.tobytes()
    return chunk("@CONTOUR_INFO", data)


PATIENT = chunk("@PATIENT_INFO_02", CANARY + bytes(60))
CAPTURE = chunk("@CAPTURE_INFO_02", bytes([1, 2]) + struct.pack("<I100s", 5, CANARY))
SCALE = chunk("@PARAM_SCAN_04", struct.pack("<3I5d2B", 0, 0, 0, 6.0, 3.0, 2.6, 0, 0, 0, 0))


def fda(*chunks):
    return b"FOCTFDA" + struct.pack("<2I", 2, 1000) + PATIENT + b"".join(chunks) + b"\0"


def test_volume(write):
    scan = read_oct(write(fda(CAPTURE, SCALE, pictures(), contour(), contour("CORNEA"))))
    assert (scan.pattern, scan.laterality) == (ScanPattern.VOLUME, Eye.OS)
    np.testing.assert_allclose(scan.bscans, PAGES / 255, atol=1e-6)
    assert (scan.axial_um, scan.ascan_um, scan.bscan_um) == pytest.approx((2.6, 500.0, 1000.0))
    assert list(scan.device_layers) == ["ILM"]
    np.testing.assert_array_equal(scan.device_layers["ILM"][:, 0], [6.0, np.nan, 3.0])
    assert "CANARY" not in repr(scan)


def test_older_chunks_and_a_single_line(write):
    capture = chunk("@CAPTURE_INFO", bytes(13))
    scale = chunk("@PARAM_SCAN_02", struct.pack("<B5I3d", 2, 0, 0, 0, 0, 0, 9.0, 0.0, 3.5))
    scan = read_oct(write(fda(capture, scale, pictures(PAGES[:1], mode=0))))
    assert (scan.pattern, scan.laterality, scan.bscan_um) == (ScanPattern.LINE, Eye.OD, None)
    assert (scan.axial_um, scan.ascan_um) == pytest.approx((3.5, 750.0))


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (b"", "no Topcon"),
        (b"PK\x03\x04", "no Topcon"),
        (fda(CAPTURE, SCALE), "no B-scans"),
        (fda(CAPTURE, SCALE, pictures())[:-400], "truncated"),
        (fda(CAPTURE, pictures()), "does not say its scale"),
        (fda(SCALE, pictures()), "which eye"),
        (fda(chunk("@CAPTURE_INFO", b"\x07"), SCALE, pictures()), "which eye"),
        (fda(CAPTURE, SCALE, pictures(mode=3)), "radial"),
        (fda(CAPTURE, SCALE, pictures(width=11)), "another size"),
        (fda(CAPTURE, SCALE, pictures(width=0)), "impossible sizes"),
        (fda(CAPTURE, SCALE, chunk("@IMG_JPEG", b"\2")), "truncated"),
    ],
)
def test_damaged_file_is_one_clear_line(write, data, part):
    with pytest.raises(InputError, match=part) as caught:
        read_oct(write(data))
    assert "\n" not in str(caught.value)
    assert "CANARY" not in str(caught.value)


def test_random_damage_never_escapes_as_another_error(write):
    rng = np.random.default_rng(0)
    whole = fda(CAPTURE, SCALE, pictures(), contour())
    for _ in range(300):
        damaged = bytearray(whole[: rng.integers(4, len(whole) + 1)])
        for position in rng.integers(4, len(damaged) + 1, rng.integers(1, 20)):
            damaged[min(position, len(damaged) - 1)] = int(rng.integers(256))
        try:
            read_oct(write(bytes(damaged)))
        except InputError:
            continue
