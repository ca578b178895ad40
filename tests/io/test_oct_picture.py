"""B-scan pictures with a sidecar."""

import json

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from smartms_img.errors import InputError
from smartms_img.io.oct import read_oct
from smartms_img.io.oct_model import ScanPattern
from smartms_img.naming import Eye

SIDECAR = {"pattern": "line", "laterality": "OS", "axial_um": 3.9, "ascan_um": 11.0}
PICTURE = np.arange(60, dtype=np.uint8).reshape(10, 6)


def put(folder, content, name="scan.json"):
    (folder / name).write_text(json.dumps(content))


def test_png_line(tmp_path):
    Image.fromarray(PICTURE).save(tmp_path / "scan.png")
    put(tmp_path, SIDECAR | {"device": "X", "frames": 7})
    scan = read_oct(tmp_path / "scan.png")
    assert scan.pattern is ScanPattern.LINE
    assert scan.laterality is Eye.OS
    np.testing.assert_allclose(scan.bscans[0], PICTURE / 255, atol=1e-6)
    assert (scan.device, scan.frames_averaged, scan.quality_db) == ("X", 7, None)


def test_folder_is_a_volume_in_name_order(tmp_path):
    folder = tmp_path / "scan"
    folder.mkdir()
    for k in (2, 0, 1):
        Image.fromarray(PICTURE + k).save(folder / f"b{k}.png")
    put(tmp_path, SIDECAR | {"pattern": "volume", "bscan_um": 100})
    scan = read_oct(folder)
    assert scan.bscans.shape == (3, 10, 6)
    assert np.diff(scan.bscans[:, 5, 5]).tolist() == pytest.approx([1 / 255, 1 / 255])


def test_numbers_count_and_a_gap_is_an_empty_bscan(tmp_path):
    folder = tmp_path / "scan"
    folder.mkdir()
    for k in (1, 2, 9, 10, 12):
        Image.fromarray(PICTURE + k).save(folder / f"b{k}.png")
    put(tmp_path, SIDECAR | {"pattern": "volume", "bscan_um": 100})
    with pytest.raises(InputError, match="5 B-scans numbered from 1 to 12"):
        read_oct(folder)
    for k in range(3, 9):
        Image.fromarray(PICTURE + k).save(folder / f"b{k}.png")
    (folder / "._b1.png").write_text("of another system")
    scan = read_oct(folder)
    grey = int(PICTURE[5, 5])
    steps = (scan.bscans[:, 5, 5] * 255).round() - grey
    assert steps.tolist() == [*range(1, 11), -grey, 12]
    Image.fromarray((PICTURE + 1).astype(np.uint16)).save(folder / "b11.png")
    with pytest.raises(InputError, match="differ in depth"):
        read_oct(folder)


@pytest.mark.parametrize("content", [b"", b"text", b"\xff" * 400, bytes(400), b"\x5c\x01" * 300])
def test_what_is_no_nifti_is_refused(tmp_path, content):
    (tmp_path / "scan.nii").write_bytes(content)
    put(tmp_path, SIDECAR)
    with pytest.raises(InputError, match="is no readable NIfTI"):
        read_oct(tmp_path / "scan.nii")


def test_tiff_pages_and_nifti_give_the_same_volume(tmp_path):
    pages = [Image.fromarray(PICTURE + k) for k in range(3)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    volume = np.stack([PICTURE.T + k for k in range(3)], axis=2)
    nib.save(nib.Nifti1Image(volume, np.eye(4)), tmp_path / "b.nii.gz")
    content = SIDECAR | {"pattern": "volume", "bscan_um": 100}
    put(tmp_path, content, "a.json")
    put(tmp_path, content, "b.json")
    first, second = read_oct(tmp_path / "a.tif"), read_oct(tmp_path / "b.nii.gz")
    np.testing.assert_allclose(first.bscans, second.bscans)
    assert first.bscans.shape == (3, 10, 6)


def test_ring_diameter_must_fit_the_circle(tmp_path):
    Image.fromarray(PICTURE).save(tmp_path / "scan.png")
    ring = SIDECAR | {"pattern": "ring", "ascan_um": 500.0 * np.pi}
    put(tmp_path, ring)
    assert read_oct(tmp_path / "scan.png").ring_diameter_mm == pytest.approx(3.0)
    put(tmp_path, ring | {"ring_diameter_mm": 3.5})
    with pytest.raises(InputError, match="contradicts"):
        read_oct(tmp_path / "scan.png")


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"pattern": "star"}, "pattern 'star'"),
        ({"laterality": "left"}, "laterality 'left'"),
        ({"axial_um": -1}, "axial_um -1"),
        ({"ascan_um": "wide"}, "ascan_um 'wide'"),
        ({"axial_um": None}, "axial_um None"),
        ({"axial_um": True}, "axial_um True"),
        ({"axial_um": 10**400}, "axial_um 1000"),
        ({"axial_um": float("inf")}, "axial_um inf"),
        ({"frames": "x"}, "frames 'x'"),
        ({"quality_db": [3]}, "quality_db "),
        ({"device": {}}, "device that is no text"),
        ({"axial_um": 0.00387}, "axial_um 0.00387. It lies between 0.5 and 20 um"),
        ({"ascan_um": 0.0147}, "ascan_um 0.0147. It lies between 1 and 2000 um"),
    ],
)
def test_wrong_sidecar_entry(tmp_path, change, part):
    Image.fromarray(PICTURE).save(tmp_path / "scan.png")
    put(tmp_path, SIDECAR | change)
    with pytest.raises(InputError, match=part):
        read_oct(tmp_path / "scan.png")


def test_missing_sidecar_or_entry_is_named(tmp_path):
    Image.fromarray(PICTURE).save(tmp_path / "scan.png")
    with pytest.raises(InputError, match="no sidecar"):
        read_oct(tmp_path / "scan.png")
    put(tmp_path, {"pattern": "line"})
    with pytest.raises(InputError, match="lacks laterality, axial_um, ascan_um"):
        read_oct(tmp_path / "scan.png")


def test_damaged_pictures(tmp_path):
    put(tmp_path, SIDECAR)
    for name in ("scan.png", "scan.tif", "scan.nii.gz"):
        (tmp_path / name).write_bytes(b"\x89PNG\r\n\x1a\nrubbish")
        with pytest.raises(InputError, match="no readable"):
            read_oct(tmp_path / name)
    Image.fromarray(PICTURE * 0).save(tmp_path / "scan.png")
    with pytest.raises(InputError, match="empty"):
        read_oct(tmp_path / "scan.png")
