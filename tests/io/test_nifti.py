"""Reading refuses what is not one whole 3-D image; writing repeats byte for byte."""

import gzip
import struct

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from smartms_img.errors import InputError
from smartms_img.io.nifti import load_image, load_mask, save_image, validate_image
from smartms_img.volume import Volume

SHAPE = (18, 20, 17)
RNG = np.random.default_rng(0)
SIGNAL = RNG.uniform(10, 200, SHAPE).astype(np.float32)
WHOM = {"subject": "sub-01", "session": "ses-M06", "item": "FLAIR"}
PREFIX = "sub-01 ses-M06 FLAIR: "


def write(path, data=SIGNAL, affine=None):
    nibabel.save(nibabel.Nifti1Image(data, np.eye(4) if affine is None else affine), path)
    return path


def patched(path, offset, raw):
    """A good uncompressed file with some header bytes replaced."""
    content = bytearray(write(path).read_bytes())
    content[offset : offset + len(raw)] = raw
    path.write_bytes(content)
    return path


def complaint(path):
    with pytest.raises(InputError) as failure:
        load_image(path, **WHOM)
    line = str(failure.value)
    assert "\n" not in line
    assert line.startswith(f"{PREFIX}{path.name}: ")
    assert failure.value.remedy
    return line.removeprefix(f"{PREFIX}{path.name}: ")


def test_an_empty_mask_is_a_mask(tmp_path):
    """A patient may have no lesion."""
    assert not load_mask(write(tmp_path / "empty.nii.gz", np.zeros(SHAPE, np.uint8))).data.any()


def test_a_mask_is_where_it_is_above_one_half(tmp_path):
    share = (SIGNAL / 200).astype(np.float32)
    assert (load_mask(write(tmp_path / "mask.nii.gz", share)).data == (share > 0.5)).all()


def test_a_mask_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        load_mask(tmp_path / "absent.nii.gz")


def test_a_negative_image_is_refused(tmp_path):
    assert "hardly a positive value" in complaint(write(tmp_path / "negative.nii.gz", -SIGNAL))


def test_labels_are_no_scan(tmp_path):
    blocks = np.kron(RNG.integers(0, 9, (5, 5, 5)), np.ones((4, 4, 4))).astype(np.uint8)
    assert "is a mask or a label image" in complaint(write(tmp_path / "labels.nii.gz", blocks))
    eight_bits = np.rint(SIGNAL).astype(np.uint8)
    assert load_image(write(tmp_path / "scan.nii.gz", eight_bits)).shape == SHAPE


def test_good_image(tmp_path):
    volume = load_image(write(tmp_path / "good.nii.gz"), **WHOM)
    assert (volume.data == SIGNAL).all()
    assert volume.data.dtype == np.float32
    validate_image(tmp_path / "good.nii.gz")


def test_the_whole_line():
    error = InputError("is empty", "Copy it again", *WHOM.values(), "sub-01_FLAIR.nii.gz")
    assert str(error) == f"{PREFIX}sub-01_FLAIR.nii.gz: is empty. Copy it again."


@pytest.mark.parametrize("suffix", ["nii", "nii.gz"])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.95])
def test_truncated_file(tmp_path, suffix, share):
    path = write(tmp_path / f"cut.{suffix}")
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    assert complaint(path).startswith("is truncated or damaged. Copy or convert the scan again")


def test_gzip_cut_after_its_last_voxel(tmp_path):
    """All voxels are there, the checksum is not: the copy broke off."""
    path = write(tmp_path / "cut.nii.gz")
    path.write_bytes(path.read_bytes()[:-5])
    assert complaint(path).startswith("is truncated or damaged")


def test_gzip_whose_voxels_do_not_match_its_checksum(tmp_path):
    """One flipped byte in a stored block decompresses without a word; the checksum knows."""
    path = tmp_path / "flipped.nii.gz"
    raw = write(tmp_path / "raw.nii").read_bytes()
    content = bytearray(gzip.compress(raw, compresslevel=0))
    content[len(content) // 2] ^= 0x55
    path.write_bytes(content)
    assert complaint(path).startswith("is truncated or damaged")


@pytest.mark.parametrize("name", ["text.nii", "text.nii.gz", "zipped.nii.gz", "nothing.nii.gz"])
def test_wrong_bytes(tmp_path, name):
    path = tmp_path / name
    contents = {"text": b"DICOM? no." * 60, "zipped": gzip.compress(b"x" * 900), "nothing": b""}
    path.write_bytes(contents[name.split(".", maxsplit=1)[0]])
    assert "is not a NIfTI image. Convert it again" in complaint(path)


def test_missing_file(tmp_path):
    assert complaint(tmp_path / "absent.nii.gz") == "does not exist. Check the path."


@pytest.mark.parametrize(
    ("offset", "raw"),
    [
        (70, struct.pack("<h", 7)),  # a data type that does not exist
        (42, struct.pack("<h", -1)),  # a negative dimension
        (42, struct.pack("<3h", 32767, 32767, 32767)),  # more voxels than memory
    ],
    ids=["data type", "negative size", "huge size"],
)
@pytest.mark.parametrize("zipped", [False, True])
def test_damaged_header(tmp_path, offset, raw, zipped):
    path = patched(tmp_path / "header.nii", offset, raw)
    if zipped:
        content, path = path.read_bytes(), tmp_path / "header.nii.gz"
        path.write_bytes(gzip.compress(content))
    assert complaint(path)


@pytest.mark.parametrize(
    ("offset", "value"),
    [(280, struct.pack("<f", np.nan)), (280, bytes(48)), (280, bytes(4))],
    ids=["not a number", "all zero", "one axis lost"],
)
def test_affine_that_places_no_voxel(tmp_path, offset, value):
    path = patched(tmp_path / "affine.nii", offset, value)
    assert complaint(path).startswith("has no usable affine. Convert the scan again")


@pytest.mark.parametrize("last", [2, 5])
def test_more_than_one_volume(tmp_path, last):
    path = write(tmp_path / "series.nii.gz", np.repeat(SIGNAL[..., None], last, axis=3))
    line = complaint(path)
    assert line.startswith(f"is 4-D (18 x 20 x 17 x {last}), not 3-D. Give one 3-D image")


@pytest.mark.parametrize("extra", [(1,), (1, 1)])
def test_a_trailing_dimension_of_one_is_no_series(tmp_path, extra):
    path = write(tmp_path / "one.nii.gz", SIGNAL.reshape(*SHAPE, *extra))
    assert (load_image(path).data == SIGNAL).all()


def test_slices_and_localisers(tmp_path):
    assert "is 2-D (18 x 20), not 3-D" in complaint(write(tmp_path / "a.nii", SIGNAL[..., 0]))
    line = complaint(write(tmp_path / "b.nii", SIGNAL[..., :15]))
    assert line == "has too few voxels (18 x 20 x 15). Give the whole volume, not a localiser."
    load_image(write(tmp_path / "c.nii", SIGNAL[..., :16]))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite(tmp_path, value):
    data = SIGNAL.copy()
    data[3, 4, 5] = value
    assert complaint(write(tmp_path / "x.nii.gz", data)).startswith("holds values that are not")


@pytest.mark.parametrize("value", [0.0, 7.0])
def test_empty_image(tmp_path, value):
    path = write(tmp_path / "x.nii.gz", np.full(SHAPE, value, dtype=np.float32))
    assert complaint(path).startswith("is empty: every voxel has the same value")


def test_colour_or_complex_voxels_are_no_scan(tmp_path):
    colour = np.zeros(SHAPE, dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    colour["G"] = SIGNAL
    assert complaint(write(tmp_path / "colour.nii.gz", colour))
    assert complaint(write(tmp_path / "complex.nii.gz", (SIGNAL * 1j).astype(np.complex64)))


@settings(max_examples=60, deadline=None)
@given(st.integers(108, 340), st.binary(min_size=1, max_size=8))
def test_no_header_ends_in_another_error(tmp_path_factory, offset, raw):
    """Scaling, units, affine: whatever stands there, an image or an InputError comes back."""
    path = patched(tmp_path_factory.mktemp("fuzz") / "x.nii", offset, raw)
    try:
        volume = load_image(path)
    except InputError:
        return
    assert np.isfinite(volume.data).all()


OBLIQUE = np.eye(4)
OBLIQUE[:3, :3] = Rotation.from_euler("xyz", (12, -8, 17), degrees=True).as_matrix() @ np.diag(
    [-1.0, 1.1, 1.3]
)
ORIENTATIONS = {
    "RAS": np.diag([1.0, 1.1, 1.3, 1.0]),
    "LAS": np.diag([-1.0, 1.1, 1.3, 1.0]),
    "LPS": np.diag([-1.0, -1.1, 1.3, 1.0]),
    "sagittal": np.array([[0.0, 0, 1.3, 0], [-1, 0, 0, 0], [0, -1.1, 0, 0], [0, 0, 0, 1]]),
    "oblique": OBLIQUE,
}


@pytest.mark.parametrize("affine", ORIENTATIONS.values(), ids=ORIENTATIONS)
def test_axes_turn_to_ras_and_every_voxel_keeps_its_place(tmp_path, affine):
    affine = affine.copy()
    affine[:3, 3] = (30.0, -20.0, 12.5)
    volume = load_image(write(tmp_path / "x.nii.gz", affine=affine))
    assert nibabel.aff2axcodes(volume.affine) == ("R", "A", "S")
    index = np.argwhere(np.ones(volume.shape)) @ volume.affine[:3, :3].T + volume.affine[:3, 3]
    raw = index - affine[:3, 3]
    original = np.rint(raw @ np.linalg.inv(affine[:3, :3]).T).astype(int)
    assert (volume.data.ravel() == SIGNAL[tuple(original.T)]).all()


def test_header_scaling_is_applied(tmp_path):
    image = nibabel.Nifti1Image(SIGNAL.astype(np.int16), np.eye(4))
    image.header.set_slope_inter(2.0, -3.0)
    nibabel.save(image, tmp_path / "x.nii.gz")
    stored = nibabel.load(tmp_path / "x.nii.gz").dataobj.get_unscaled()
    assert load_image(tmp_path / "x.nii.gz").data == pytest.approx(2.0 * stored - 3.0, rel=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_saved_twice_is_the_same_file(tmp_path, dtype, monkeypatch):
    volume = Volume(SIGNAL, OBLIQUE)
    save_image(volume, tmp_path / "first.nii.gz", dtype)
    monkeypatch.setattr("time.time", lambda: 4_000_000_000.0)
    save_image(volume, tmp_path / "deeper" / "second.nii.gz", dtype)
    first, second = (tmp_path / n for n in ("first.nii.gz", "deeper/second.nii.gz"))
    assert first.read_bytes() == second.read_bytes()
    assert sorted(p.name for p in tmp_path.rglob("*.gz")) == ["first.nii.gz", "second.nii.gz"]


def test_saved_image_reads_back(tmp_path):
    save_image(Volume(SIGNAL, ORIENTATIONS["RAS"]), tmp_path / "x.nii.gz")
    back = load_image(tmp_path / "x.nii.gz")
    assert (back.data == SIGNAL).all()
    assert back.affine == pytest.approx(ORIENTATIONS["RAS"], abs=1e-6)
    header = nibabel.load(tmp_path / "x.nii.gz").header
    assert (int(header["sform_code"]), int(header["qform_code"])) == (1, 1)
    assert header.get_xyzt_units() == ("mm", "sec")


def test_labels_are_rounded_not_cut(tmp_path):
    labels = np.where(SIGNAL > 100, 2.9999998, 0.9999999).astype(np.float32)
    save_image(Volume(labels, np.eye(4)), tmp_path / "x.nii.gz", np.uint8)
    stored = nibabel.load(tmp_path / "x.nii.gz")
    assert stored.get_data_dtype() == np.uint8
    assert (np.asarray(stored.dataobj) == np.where(SIGNAL > 100, 3, 1)).all()
