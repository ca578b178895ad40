"""The reader of Topcon .fds: on written files only, as the layout was published."""

import struct

import numpy as np
import pytest
from oct_damage import CANARY, assert_read_or_refused, assert_without_names, damaged_copies

from smartms_img.errors import InputError
from smartms_img.io.oct import read_oct
from smartms_img.io.oct_model import ScanPattern
from smartms_img.naming import Eye

EXPORT = "scan.fds"
PIXELS = (np.arange(3 * 10 * 12) * 182).astype("<u2").reshape(3, 10, 12)


def chunk(name, data):
    return bytes([len(name)]) + name.encode() + struct.pack("<I", len(data)) + data


def pictures(pixels=PIXELS, *, mode=2, width=12, bits=16, size=None):
    stored = pixels.tobytes()
    said = len(stored) if size is None else size
    header = struct.pack("<B4IBI", mode, width, pixels.shape[1], bits, len(pixels), 0, said)
    return chunk("@IMG_SCAN_03", header + stored)


def contour():
    from_below = np.array([[7] * 12, [0] * 12, [4] * 12], "<u2")
    return chunk(
        "@CONTOUR_INFO",
        struct.pack("<20s2B3I", b"MULTILAYERS_1", 1, 0, 12, 3, 72) + from_below.tobytes(),
    )


PATIENT = chunk("@PATIENT_INFO_02", CANARY + bytes(60))
CAPTURE = chunk("@CAPTURE_INFO_02", bytes([0, 2]) + struct.pack("<I100s", 5, CANARY))
SCALE = chunk("@PARAM_SCAN_02", struct.pack("<B5I7dB", 2, 0, 0, 0, 0, 0, 6, 3, 2.3, 0, 0, 0, 0, 0))


def fds(*chunks):
    return b"FOCTFDA" + struct.pack("<2I", 2, 1000) + PATIENT + b"".join(chunks) + b"\0"


WHOLE = fds(CAPTURE, SCALE, pictures(), contour())


def test_volume(write):
    scan = read_oct(write(WHOLE))
    assert (scan.pattern, scan.laterality) == (ScanPattern.VOLUME, Eye.OD)
    # Pixel 65 of the first B-scan: row 5, A-scan 5.
    assert scan.bscans[0, 5, 5] == pytest.approx(65 * 182 / 65535)
    np.testing.assert_allclose(scan.bscans, PIXELS / 65535, atol=1e-6)
    assert (scan.axial_um, scan.ascan_um, scan.bscan_um) == pytest.approx((2.3, 500.0, 1000.0))
    np.testing.assert_array_equal(scan.device_layers["ILM"][:, 0], [6.0, np.nan, 3.0])
    assert_without_names(scan)


def test_line_of_the_other_eye(write):
    capture = chunk("@CAPTURE_INFO", bytes([1]) + bytes(12))
    scale = chunk("@PARAM_SCAN_04", struct.pack("<3I5d2B", 0, 0, 0, 9, 0, 3.5, 0, 0, 0, 0))
    scan = read_oct(write(fds(capture, scale, pictures(PIXELS[:1], mode=0))))
    assert (scan.pattern, scan.laterality, scan.bscan_um) == (ScanPattern.LINE, Eye.OS, None)
    assert (scan.axial_um, scan.ascan_um) == pytest.approx((3.5, 750.0))


NO_DEPTH = chunk("@PARAM_SCAN_04", struct.pack("<3I5d2B", 0, 0, 0, 6, 0, 2.6, 0, 0, 0, 0))


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (b"", r"no Topcon \.fds"),
        (fds(CAPTURE, SCALE), "no B-scans"),
        (WHOLE[:-400], "truncated"),
        (fds(CAPTURE, pictures()), "does not say its scale"),
        (fds(SCALE, pictures()), "which eye"),
        (fds(CAPTURE, NO_DEPTH, pictures()), "how far apart"),
        (fds(CAPTURE, SCALE, pictures(mode=3)), "radial"),
        (fds(CAPTURE, SCALE, pictures(width=11)), "not raw 16-bit"),
        (fds(CAPTURE, SCALE, pictures(bits=8)), "not raw 16-bit"),
        (fds(CAPTURE, SCALE, pictures(size=10)), "not raw 16-bit"),
        (fds(CAPTURE, SCALE, pictures(width=0)), "impossible sizes"),
        (fds(CAPTURE, SCALE, pictures(width=2**31)), "impossible sizes"),
        (fds(CAPTURE, SCALE, pictures(width=10**6, size=2 * 30 * 10**6)), "truncated"),
        (fds(CAPTURE, SCALE, pictures(0 * PIXELS)), "empty"),
        (fds(CAPTURE, SCALE, chunk("@IMG_SCAN_03", b"\2")), "truncated"),
    ],
)
def test_damaged_file_is_one_clear_line(write, data, part):
    with pytest.raises(InputError, match=part) as caught:
        read_oct(write(data))
    assert "\n" not in str(caught.value)
    assert "CANARY" not in str(caught.value)


def test_damage_never_escapes_as_another_error(write):
    assert_read_or_refused(write(b""), damaged_copies(WHOLE))
