"""The strict reader of Heidelberg XML exports: against eyepy, and against damaged files."""

import numpy as np
import pytest
from PIL import Image

from smartms_img.errors import InputError
from smartms_img.io.oct import read_oct
from smartms_img.io.oct_model import ScanPattern
from smartms_img.naming import Eye

ROWS, ASCANS = 10, 12
CANARY = "CANARYPATIENT0042"
LINE_LENGTH_MM = ASCANS * 0.012


def bscan_xml(number, start, end, *, curve=None, width=ASCANS):
    curve = curve or ["3e+038", *["2.5"] * (ASCANS - 1)]
    return f"""
    <Image><Laterality>L</Laterality><ImageType><Type>OCT</Type></ImageType>
      <OphthalmicAcquisitionContext>
        <Width>{width}</Width><Height>{ROWS}</Height>
        <ScaleX>0.012</ScaleX><ScaleY>0.0039</ScaleY>
        <NumAve>9</NumAve><ImageQuality>{20 + number}</ImageQuality>
        <Start><Coord><X>{start[0]}</X><Y>{start[1]}</Y></Coord></Start>
        <End><Coord><X>{end[0]}</X><Y>{end[1]}</Y></Coord></End>
      </OphthalmicAcquisitionContext>
      <ImageData><ExamURL>file:///\\\\host\\{CANARY}\\B{number}.tif</ExamURL></ImageData>
      <Segmentation><SegLine><Name>ILM</Name><Array>{" ".join(curve)}</Array></SegLine>
        <SegLine><Name>GCL</Name><Array>1</Array></SegLine></Segmentation>
    </Image>"""


def export_xml(bscans, *, doctype=""):
    return f"""{doctype}<HEDX><BODY>
    <SWVersion><Name>x</Name><Version>6.9</Version></SWVersion>
    <Patient><LastName>{CANARY}</LastName><Study><Series><Laterality>L</Laterality>
    <Image><Laterality>L</Laterality><ImageType><Type>LOCALIZER</Type></ImageType>
      <OphthalmicAcquisitionContext><ScaleX>0.01</ScaleX><ScaleY>0.02</ScaleY>
      </OphthalmicAcquisitionContext>
      <ImageData><ExamURL>file:///\\\\host\\NIR1.tif</ExamURL></ImageData></Image>
    {"".join(bscans)}</Series></Study></Patient></BODY></HEDX>"""


def lines(*y):
    return [bscan_xml(k, (0, at), (LINE_LENGTH_MM, at)) for k, at in enumerate(y)]


@pytest.fixture
def write(tmp_path):
    def _write(content, pictures=3):
        for k in range(pictures):
            grey = np.full((ROWS, ASCANS), 51 * (k + 1), np.uint8)
            Image.fromarray(grey).save(tmp_path / f"B{k}.tif")
        Image.fromarray(np.full((4, 5), 7, np.uint8)).save(tmp_path / "NIR1.tif")
        path = tmp_path / "scan.xml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return _write


def test_volume_with_a_missing_bscan(write):
    scan = read_oct(write(export_xml(lines(3.0, 2.97, 2.91))))
    assert (scan.pattern, scan.laterality) == (ScanPattern.VOLUME, Eye.OS)
    assert scan.bscans[:, 5, 5] == pytest.approx([0.2, 0.4, 0.6])
    assert (scan.axial_um, scan.ascan_um, scan.bscan_um) == pytest.approx((3.9, 12.0, 45.0))
    assert scan.positions_mm[:, 1] == pytest.approx([3.0, 2.97, 2.91])
    assert (scan.quality_db, scan.frames_averaged, scan.software) == (21.0, 9, "6.9")
    assert list(scan.device_layers) == ["ILM"]
    assert np.isnan(scan.device_layers["ILM"][:, 0]).all()
    assert (scan.device_layers["ILM"][:, 1:] == 2.5).all()
    assert scan.fundus.image.shape == (4, 5)
    assert scan.fundus.spacing_mm == (0.02, 0.01)
    assert CANARY not in repr(scan)


def test_line_and_ring_are_told_by_their_length(write):
    assert read_oct(write(export_xml(lines(3.0)))).pattern is ScanPattern.LINE
    radius = LINE_LENGTH_MM / (2 * np.pi)
    ring = read_oct(write(export_xml([bscan_xml(0, (1 - radius, 2), (1, 2))])))
    assert ring.pattern is ScanPattern.RING
    assert ring.ring_diameter_mm == pytest.approx(2 * radius)


BOMB = '<!DOCTYPE b [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;"><!ENTITY x SYSTEM "/etc/passwd">]>'
STAR = [bscan_xml(0, (0, 0), (LINE_LENGTH_MM, 0)), bscan_xml(1, (0, 0), (0, LINE_LENGTH_MM))]
SHORT = bscan_xml(0, (0, 0), (LINE_LENGTH_MM, 0), curve=["2.5"])
NO_NUMBER = bscan_xml(0, ("left", 0), (LINE_LENGTH_MM, 0))


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "no readable XML"),
        (b"\x00\xff not XML", "no readable XML"),
        ("<HEDX><BODY>", "no readable XML"),
        ("<html><BODY/></html>", "no Heidelberg"),
        ("<HEDX><BODY/></HEDX>", "no OCT image"),
        (export_xml(STAR), "radial"),
        (export_xml([SHORT]), "impossible"),
        (export_xml([NO_NUMBER]), "lacks a number"),
        (export_xml([bscan_xml(0, ("nan", 0), (1, 0))]), "impossible"),
        (export_xml([bscan_xml(0, (0, 0), (1, 0), width=0)]), "impossible"),
        (export_xml(lines(1.0, 2.0)).replace("<Laterality>L", "<Laterality>R", 1), "which one"),
        (export_xml(lines(1.0)).replace("<Version>", "&b;&x;<Version>"), "no readable XML"),
    ],
)
def test_damaged_export_is_one_clear_line(write, content, part):
    with pytest.raises(InputError, match=part) as caught:
        read_oct(write(content))
    assert "\n" not in str(caught.value)
    assert CANARY not in str(caught.value)


def test_entities_are_not_resolved(write):
    text = export_xml(lines(1.0), doctype=BOMB).replace("<Version>6.9", "<Version>&x;&b;")
    assert read_oct(write(text)).software == ""


def test_pictures_must_be_there_and_fit(write, tmp_path):
    path = write(export_xml(lines(1.0, 2.0)))
    Image.fromarray(np.zeros((3, 3), np.uint8)).save(tmp_path / "B1.tif")
    with pytest.raises(InputError, match=r"B1\.tif: is \(3, 3\) px"):
        read_oct(path)
    (tmp_path / "B1.tif").unlink()
    with pytest.raises(InputError, match=r"B1\.tif: picture of a B-scan is missing"):
        read_oct(path)


def test_random_damage_never_escapes_as_another_error(write):
    rng = np.random.default_rng(0)
    whole = export_xml(lines(1.0, 2.0)).encode()
    for _ in range(100):
        damaged = bytearray(whole)
        for position in rng.integers(len(whole), size=rng.integers(1, 20)):
            damaged[position] = int(rng.integers(256))
        try:
            read_oct(write(bytes(damaged)))
        except InputError:
            continue


@pytest.mark.realdata
def test_agrees_with_eyepy(real_data):
    import eyepy  # noqa: PLC0415

    folder = real_data / "oct" / "heyex_xml"
    volume, scan = eyepy.import_heyex_xml(folder), read_oct(folder / "test_dummy.xml")
    assert scan.laterality == volume.laterality
    np.testing.assert_array_equal(np.rint(scan.bscans * 255), volume.data)
    np.testing.assert_array_equal(scan.fundus.image, volume.localizer.data)
    for ours, theirs in (("ILM", "ILM"), ("RNFL_GCL", "RNFL"), ("BM", "BM")):
        np.testing.assert_allclose(scan.device_layers[ours], volume.layers[theirs].data, atol=1e-5)
