"""The strict .vol reader: against eyepy where eyepy reads, and against damaged files."""

import struct
from pathlib import Path

import numpy as np
import pytest

from smartms_img.errors import InputError
from smartms_img.io.oct import read_oct
from smartms_img.io.oct_model import ScanPattern
from smartms_img.naming import Eye

EXPORT = "scan.vol"
IDENTITY = (b"CANARYPATIENT0042", b"CANARYVISIT77", b"CANARYSCANID001", b"CANARYREFID0001")


def vol_bytes(pattern=2, ascans=12, rows=10, n_bscans=1, laterality=b"OD", layers=3):
    """Build a small .vol after Heidelberg's description of the format."""
    header = bytearray(2048)
    header[:11] = b"HSF-OCT-103"
    struct.pack_into("<3I3d", header, 12, ascans, n_bscans, rows, 0.012, 0.03, 0.0039)
    struct.pack_into("<2I2d", header, 48, 4, 5, 0.01, 0.02)
    header[84:86] = laterality
    struct.pack_into("<2I", header, 96, pattern, 256 + 4 * layers * ascans)
    header[140:157] = IDENTITY[0]
    data = bytes(header) + bytes(range(20))
    for k in range(n_bscans):
        bscan = bytearray(256)
        size = 256 + 4 * layers * ascans
        struct.pack_into("<I4d2If", bscan, 12, size, 1.0, 2.0 + k, 3.0, 2.0 + k, layers, 256, 20.0)
        curves = np.full((layers, ascans), 3.4e38, "<f4")
        curves[0] = 2.5
        pixels = np.full((rows, ascans), 0.0625, "<f4")
        pixels[:1, :1] = 3.4e38
        data += bytes(bscan) + curves.tobytes() + pixels.tobytes()
    return data


def test_ring_is_read_as_the_format_says(write):
    scan = read_oct(write(vol_bytes()))
    assert scan.pattern is ScanPattern.RING
    assert scan.laterality is Eye.OD
    assert scan.bscans.shape == (1, 10, 12)
    assert scan.bscans[0, 5, 5] == pytest.approx(0.5)  # fourth root of 0.0625
    assert scan.bscans[0, 0, 0] == 0  # invalid pixel
    assert (scan.axial_um, scan.ascan_um) == pytest.approx((3.9, 12.0))
    assert scan.ring_diameter_mm == pytest.approx(4.0)  # start is 2 mm from the centre
    assert scan.quality_db == pytest.approx(20.0)
    assert list(scan.device_layers) == ["ILM"]
    assert scan.fundus is not None
    assert scan.fundus.image.shape == (5, 4)
    assert scan.fundus.spacing_mm == (0.02, 0.01)


def test_volume_keeps_order_and_distance(write):
    scan = read_oct(write(vol_bytes(pattern=3, n_bscans=3)))
    assert scan.pattern is ScanPattern.VOLUME
    assert scan.bscan_um == pytest.approx(30.0)
    assert scan.positions_mm is not None
    assert scan.positions_mm[:, 1].tolist() == [2.0, 3.0, 4.0]


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (b"", "no Heidelberg"),
        (b"PK\x03\x04 something else", "no Heidelberg"),
        (vol_bytes()[:1000], "ends inside its header"),
        (vol_bytes()[:2200], "truncated"),
        (vol_bytes()[:-4], "truncated"),
        (vol_bytes(pattern=5), "radial"),
        (vol_bytes(laterality=b"??"), "which eye"),
        (vol_bytes(ascans=0), "impossible sizes"),
    ],
)
def test_damaged_file_is_one_clear_line(write, data, part):
    with pytest.raises(InputError) as caught:
        read_oct(write(data))
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "scan.vol" in str(caught.value)


def test_random_bytes_never_escape_as_another_error(write):
    rng = np.random.default_rng(0)
    whole = vol_bytes()
    for _ in range(50):
        damaged = bytearray(whole)
        for position in rng.integers(8, 2600, 40):
            damaged[position % len(damaged)] = int(rng.integers(256))
        try:
            read_oct(write(bytes(damaged)))
        except InputError:
            continue


def test_nothing_that_identifies_is_kept(write):
    scan = read_oct(write(vol_bytes()))
    assert "CANARY" not in repr(scan)


def test_unknown_format_names_those_that_are_read(write):
    with pytest.raises(InputError, match=r"\.vol, \.xml, \.e2e, \.dcm, \.fda, \.fds"):
        read_oct(write(b"x", "scan.pdf"))
    with pytest.raises(InputError, match="does not exist"):
        read_oct(Path("nowhere.vol"))


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["line_OD.vol", "dummy_volume.vol"])
def test_agrees_with_eyepy(real_data, name):
    import eyepy  # noqa: PLC0415
    from eyepy.io.he.vol_reader import HeVolReader  # noqa: PLC0415

    path = real_data / "oct" / name
    volume, scan = eyepy.import_heyex_vol(path), read_oct(path)
    assert scan.bscans.shape == (volume.size_z, volume.size_y, volume.size_x)
    assert scan.axial_um == pytest.approx(volume.scale_y * 1000)
    assert scan.ascan_um == pytest.approx(volume.scale_x * 1000)
    assert scan.laterality == volume.laterality
    assert scan.fundus is not None
    np.testing.assert_array_equal(scan.fundus.image, volume.localizer.data)
    if name == "line_OD.vol":
        for ours, theirs in (("ILM", "ILM"), ("BM", "BM")):
            np.testing.assert_allclose(
                scan.device_layers[ours], volume.layers[theirs].data, atol=1e-4
            )
        raw = HeVolReader(path).parsed_file.bscans[0].data
        np.testing.assert_allclose(scan.bscans[0], raw**0.25, atol=1e-6)


@pytest.mark.realdata
def test_real_ring(real_data):
    scan = read_oct(real_data / "oct" / "ring_OD_1.vol")
    assert scan.pattern is ScanPattern.RING
    assert scan.ring_diameter_mm == pytest.approx(3.6, abs=0.01)
    rnfl = (scan.device_layers["RNFL_GCL"] - scan.device_layers["ILM"]).mean() * scan.axial_um
    assert rnfl == pytest.approx(110.9, abs=0.1)
    assert "CANARY" not in repr(scan)
