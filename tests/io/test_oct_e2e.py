"""The reader of Heidelberg .e2e: on written files only, as eyepy describes the layout."""

import struct

import numpy as np
import pytest
from oct_damage import CANARY, assert_read_or_refused, assert_without_names, damaged_copies

from smartms_img.errors import InputError
from smartms_img.io.oct import read_oct
from smartms_img.io.oct_e2e_series import EYES
from smartms_img.io.oct_model import ScanPattern
from smartms_img.naming import Eye

EXPORT = "scan.E2E"
ROWS, ASCANS = 6, 8
MM = 4.4 / 15
FIRST, SECOND = (1, 2, 3), (1, 2, 4)
# Stored number, and the fourth root of what it means: 1, 2^-4, 2^-8, 1.5 * 2^-4, none, nothing.
STORED = {64512: 1.0, 60416: 0.5, 56320: 0.25, 60928: 0.09375**0.25, 0xFFFF: 0.0, 0: 0.0}


def item(kind, content, series=FIRST, bscan=-1, part=0):
    return kind, content, series, bscan, part


def e2e(*items, per_directory=8):
    """Lay items out as a file: version, header, then directories that each name the last."""
    data = bytearray(struct.pack("<12sI20x", b"CMDb", 100))
    data += struct.pack("<12sI20x4I", b"MDbMDir", 100, per_directory, 0, 0, 0)
    last = 0
    for begin in range(0, len(items), per_directory):
        at, entries, containers = len(data), b"", b""
        start = at + 52 + 44 * per_directory
        for kind, content, series, bscan, part in items[begin : begin + per_directory]:
            ids = (*series, bscan, part, 0, kind, 0)
            place = (at + 52 + len(entries), start + len(containers), len(content), 0)
            entries += struct.pack("<4I4i2H2I", *place, *ids)
            containers += struct.pack("<12s5I4i2H2I", b"MDbData", 0, *place, *ids) + content
        data += struct.pack("<12sI20x4I", b"MDbDir", 100, per_directory, at, last, 0)
        data += entries.ljust(44 * per_directory, b"\0") + containers
        last = at
    struct.pack_into("<I", data, 36 + 40, last)
    return bytes(data)


def header(line, *, pattern=1, count=0, centre=(0, 0), rows=ROWS, axial=0.0039, time=CANARY[:8]):
    data = bytearray(428)
    struct.pack_into("<2I4f", data, 4, rows, ASCANS, *line)
    struct.pack_into("<f", data, 36, axial)
    struct.pack_into("<3I2f", data, 64, count, 0, pattern, *centre)
    data[88:96] = time
    struct.pack_into("<I", data, 120, 9)
    struct.pack_into("<f", data, 156, 25.0)
    return bytes(data)


def image(pixels, kind=35652097, sides=None):
    first, second = sides or pixels.shape
    said = (pixels.nbytes + 20, kind, pixels.size, first, second)
    return struct.pack("<5I", *said) + pixels.tobytes()


def bscan(number, line, series=FIRST, stored=60416, sides=None, **said):
    """Header and pixels of the B-scan of a number."""
    pixels = np.full((ROWS, ASCANS), stored, "<u2")
    return [
        item(10004, header(line, **said), series, 2 * number, 1),
        item(0x40000000, image(pixels, sides=sides), series, 2 * number, 1),
    ]


def eye(letter, series=FIRST, part=0):
    return item(11, bytes(14) + letter + bytes(12), series, part=part)


def layer(number, rows, bscan_number=0, version=0, between=20):
    said = struct.pack("<4I", version, number, 0, len(rows)) + bytes(between)
    return item(10019, said + np.array(rows, "<f4").tobytes(), bscan=2 * bscan_number, part=1)


def fundus(side=30, degrees=30, turn=(1, 0, 0, 0, 1, 0)):
    picture = np.arange(side * side, dtype=np.uint32).astype(np.uint8).reshape(side, side)
    field = struct.pack("<H2s8s2H8xH33x", 0, b"R\0", CANARY[:8], side, side, degrees)
    turned = struct.pack("<24s8s6f44x", CANARY, CANARY[:8], *turn)
    return [
        item(0x40000000, image(picture, 33620481)),
        item(5, field, bscan=0),
        item(10025, turned),
    ]


PATIENT = [
    item(9, CANARY.ljust(31, b"\0") + CANARY.ljust(66, b"\0") + bytes(34), (1, -1, -1)),
    item(9001, CANARY * 4, (1, 2, -1)),
]
HEIGHTS = (2.0, 1.0, 0.0, -1.0, -2.0)


def raster(series=FIRST, missing=(), **said):
    """A volume of 8 degrees width that runs from inferior to superior."""
    return [
        piece
        for number, y in enumerate(HEIGHTS)
        if number not in missing
        for piece in bscan(number, (-4, y, 4, y), series, count=5, **said)
    ]


def circle(start_x, series=FIRST):
    line = (1 + start_x, 2, 1 + start_x, 2)
    return bscan(1, line, series, pattern=2, centre=(1, 2))


ILM = layer(0, [3.4e38, 0.0, 2.5, 2.5, 2.5, 2.5, 6.5, 2.5])
WHOLE = e2e(*PATIENT, *raster(), eye(b"R"), eye(b"R", part=0xFFFF), ILM, *fundus())


def test_volume(write):
    scan = read_oct(write(WHOLE))
    assert (scan.pattern, scan.laterality) == (ScanPattern.VOLUME, Eye.OD)
    np.testing.assert_array_equal(scan.bscans, np.full((5, ROWS, ASCANS), 0.5, np.float32))
    assert scan.axial_um == pytest.approx(3.9)
    assert scan.ascan_um == pytest.approx(8 * MM / ASCANS * 1000)  # 8 degrees wide
    assert scan.bscan_um == pytest.approx(MM * 1000)  # 1 degree apart
    assert (scan.quality_db, scan.frames_averaged) == (pytest.approx(25.0), 9)
    # The middle of a picture of 30 degrees lies at 15 degrees, which are 4.4 mm.
    assert scan.positions_mm is not None
    np.testing.assert_allclose(scan.positions_mm[0], np.array([-4, 2, 4, 2]) * MM + 4.4, atol=1e-6)
    assert_without_names(scan)


def test_fundus_picture_has_the_scale_of_its_field(write):
    scan = read_oct(write(WHOLE))
    assert scan.fundus is not None
    assert scan.fundus.spacing_mm == pytest.approx((MM, MM))
    assert (scan.fundus.image[0, 29], scan.fundus.image[1, 0]) == (29, 30)


@pytest.mark.parametrize(
    "items",
    [
        [],
        fundus()[::2],
        fundus(degrees=0),
        fundus(turn=(1, 0, 5, 0, 1, 0)),
        [*fundus(), fundus()[0]],
    ],
)
def test_fundus_picture_of_unknown_scale_or_place_is_left_out(write, items):
    scan = read_oct(write(e2e(*raster(), eye(b"R"), *items)))
    assert scan.fundus is None
    assert scan.positions_mm is not None
    np.testing.assert_allclose(scan.positions_mm[4], np.array([-4, -2, 4, -2]) * MM)


def test_stored_floats_become_display_intensities(write):
    pixels = np.resize(np.array(list(STORED), "<u2"), (ROWS, ASCANS))
    pieces = [
        item(10004, header((-4, 0, 4, 0)), bscan=2, part=1),
        # Its first side is the A-scans here, as some descriptions have it.
        item(0x40000000, image(pixels, sides=(ASCANS, ROWS)), bscan=2, part=1),
    ]
    scan = read_oct(write(e2e(*pieces, eye(b"L"))))
    assert (scan.pattern, scan.laterality, scan.bscan_um) == (ScanPattern.LINE, Eye.OS, None)
    meant = np.resize(np.array(list(STORED.values())), (ROWS, ASCANS))
    np.testing.assert_allclose(scan.bscans[0], meant, atol=1e-6)


@pytest.mark.parametrize(("letter", "start_x"), [(b"R", -6), (b"L", 6)])
def test_ring(write, letter, start_x):
    scan = read_oct(write(e2e(*circle(start_x), eye(letter))))
    assert scan.pattern is ScanPattern.RING
    assert scan.ring_diameter_mm == pytest.approx(3.52)  # 12 degrees
    assert scan.ascan_um == pytest.approx(np.pi * 3520 / ASCANS)
    assert scan.positions_mm is not None
    np.testing.assert_allclose(scan.positions_mm, [[(1 + start_x) * MM, 2 * MM, MM, 2 * MM]])


def test_layers_of_either_layout_and_of_the_last_version(write):
    flat = [3.0] * ASCANS
    layers = [
        layer(16, flat, 1, between=0),
        layer(2, [4.0] * ASCANS, 2, version=1),
        layer(2, flat, 2, version=0),
        layer(7, flat),
        layer(1, [3.0] * 5),
    ]
    scan = read_oct(write(e2e(*raster(), eye(b"R"), ILM, *layers)))
    assert set(scan.device_layers) == {"ILM", "RPE", "RNFL_GCL"}
    nan = np.nan
    np.testing.assert_array_equal(
        scan.device_layers["ILM"][0], [nan, nan, 2.5, 2.5, 2.5, 2.5, nan, 2.5]
    )
    assert np.isnan(scan.device_layers["ILM"][1:]).all()
    np.testing.assert_array_equal(scan.device_layers["RPE"][:, 0], [nan, 3, nan, nan, nan])
    np.testing.assert_array_equal(scan.device_layers["RNFL_GCL"][2], [4.0] * ASCANS)


def test_missing_bscan_is_black_at_its_place(write):
    scan = read_oct(write(e2e(*raster(missing=(1, 4)), eye(b"R"))))
    assert scan.bscans.max(axis=(1, 2)).tolist() == [0.5, 0, 0.5, 0.5, 0]
    assert scan.positions_mm is not None
    np.testing.assert_allclose(scan.positions_mm[:, 1], np.array(HEIGHTS) * MM, atol=1e-6)
    without_pixels = [piece for piece in raster() if (piece[0], piece[3]) != (0x40000000, 4)]
    assert not read_oct(write(e2e(*without_pixels, eye(b"R")))).bscans[2].any()


def star(series=SECOND):
    lines = [(-4, 0, 4, 0), (0, -4, 0, 4), (-3, -3, 3, 3)]
    return [p for k, line in enumerate(lines) for p in bscan(k, line, series, count=3)]


def test_the_only_scan_of_known_pattern_is_read(write):
    scan = read_oct(write(e2e(*star(), eye(b"L", SECOND), *raster(), eye(b"R"))))
    assert (scan.pattern, scan.laterality) == (ScanPattern.VOLUME, Eye.OD)


def test_agrees_with_eyepy(write):
    from eyepy.io.he.e2e_reader import HeE2eReader  # noqa: PLC0415

    items = [*raster(time=bytes(8)), eye(b"R"), layer(0, [2.5] * ASCANS), fundus()[0]]
    path = write(e2e(*items, per_directory=len(items)))
    scan = read_oct(path)
    with HeE2eReader(path) as reader:
        (series,) = reader.series
        assert EYES[chr(series.folders[11][0].data.laterality)] is scan.laterality
        for place, one in enumerate(series.slices.values()):
            said = one.get_meta()
            np.testing.assert_allclose(scan.bscans[place], one.get_bscan() ** 0.25)
            np.testing.assert_allclose(
                scan.positions_mm[place], np.multiply(said["start_pos"] + said["end_pos"], MM)
            )
            assert (said["scale_y"] * 1000, said["art_mode"], said["quality_ui"]) == (
                scan.axial_um,
                scan.frames_averaged,
                scan.quality_db,
            )
        rows = series.slices[0].get_layers()[0]
    np.testing.assert_array_equal(scan.device_layers["ILM"][0], rows)


BOTH = [*raster(), eye(b"R"), *circle(6, SECOND), eye(b"L", SECOND)]
ABSURD = {"count": 2**32 - 1}


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (b"", r"no Heidelberg \.e2e"),
        (b"CMDb", "truncated"),
        (b"HSF-OCT-103" * 40, "no Heidelberg"),
        (WHOLE[:-40], "truncated"),
        (e2e(*PATIENT), "no B-scans"),
        (e2e(*BOTH), "several scans: 1 OD volume, 1 OS ring"),
        (e2e(*raster(), eye(b"R"), *raster(SECOND), eye(b"R", SECOND)), "2 OD volume"),
        (e2e(*raster()), "which one eye"),
        (e2e(*raster(), eye(b"R"), eye(b"L")), "which one eye"),
        (e2e(*raster(), eye(b"B")), "which one eye"),
        (e2e(*star(FIRST), eye(b"R")), "radial"),
        (e2e(*bscan(0, (-4, 0, 4, 0), pattern=5), eye(b"R")), "radial"),
        (e2e(*circle(6), eye(b"R")), "start temporally"),
        (e2e(*circle(0), eye(b"R")), "start temporally"),
        (e2e(*raster(missing=(0, 1, 3)), eye(b"R")), "lacks most"),
        (e2e(*bscan(0, (-4, 0, 4, 0), **ABSURD), eye(b"R")), "lacks most"),
        (e2e(*raster(), *bscan(5, (-4, 0, 4, 0)), eye(b"R")), "more B-scans"),
        (e2e(*raster(), *raster()[:2], eye(b"R")), "two pictures"),
        (e2e(*bscan(0, (-4, 0, 4, 0), sides=(ROWS, 9)), eye(b"R")), "another size"),
        (e2e(*bscan(0, (-4, 0, 4, 0), rows=2**31), eye(b"R")), "another size"),
        (e2e(*bscan(0, (-4, 0, 4, 0), sides=(2**31, ASCANS), rows=2**31), eye(b"R")), "truncated"),
        (e2e(*bscan(0, (-4, 0, 4, 0), axial=3.9), eye(b"R")), "impossible"),
        (e2e(*bscan(0, (-4, 0, np.nan, 0)), eye(b"R")), "impossible"),
        (e2e(*bscan(0, (-4, 0, 4, 0), stored=0xFFFF), eye(b"R")), "empty"),
        (e2e(*raster()[1::2], eye(b"R")), "no one size"),
        (e2e(*raster(), *bscan(2, (-4, 0, 4, 0), axial=0.002), eye(b"R")), "no one size"),
    ],
)
def test_what_is_wrong_is_one_clear_line(write, data, part):
    with pytest.raises(InputError, match=part) as caught:
        read_oct(write(data))
    assert "\n" not in str(caught.value)
    assert "CANARY" not in str(caught.value)


def test_directories_in_a_circle_and_items_that_overlap_are_refused(write):
    looped = bytearray(WHOLE)
    (last,) = struct.unpack_from("<I", looped, 76)
    struct.pack_into("<I", looped, last + 44, last)
    with pytest.raises(InputError, match="directory"):
        read_oct(write(bytes(looped)))
    shared = bytearray(e2e(item(5, bytes(4000)), *[item(5, b"")] * 7))
    for entry in range(8):
        shared[140 + 44 * entry + 4 : 140 + 44 * entry + 12] = shared[144:152]
    with pytest.raises(InputError, match="directory"):
        read_oct(write(bytes(shared)))


def test_damage_never_escapes_as_another_error(write):
    assert_read_or_refused(write(b""), damaged_copies(WHOLE))
