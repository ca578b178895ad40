"""The reader of DICOM OPT images: on written files only, as the standard lays them out."""

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, RLELossless, generate_uid

from smartms_img.errors import InputError
from smartms_img.io.oct import read_oct
from smartms_img.io.oct_dicom import SOP_CLASS
from smartms_img.io.oct_model import ScanPattern
from smartms_img.naming import Eye

CANARY = "CANARYPATIENT0042"
FRAMES = np.arange(3 * 10 * 12, dtype=np.uint16).reshape(3, 10, 12)


def item(**values):
    made = Dataset()
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


def opt_image(frames=FRAMES, *, bits=16, orientation="LINEAR", **changes):
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = SOP_CLASS
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = generate_uid()
    data.PatientName = data.PatientID = CANARY
    data.PatientBirthDate = "19711111"
    data.Modality, data.Manufacturer = "OPT", "Maker"
    data.ManufacturerModelName, data.SoftwareVersions = "Model", ["1.0", "2.0"]
    data.ImageLaterality = "L"
    data.NumberOfFrames, data.Rows, data.Columns = frames.shape
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated = 8 * frames.dtype.itemsize
    data.BitsStored, data.HighBit, data.PixelRepresentation = bits, bits - 1, 0
    measures = item(
        PixelSpacing=[0.0039, 0.012], SliceThickness="0.1", SpacingBetweenSlices="0.12"
    )
    location = item(OphthalmicImageOrientation=orientation)
    data.SharedFunctionalGroupsSequence = Sequence(
        [item(PixelMeasuresSequence=Sequence([measures]))]
    )
    data.PerFrameFunctionalGroupsSequence = Sequence(
        [item(OphthalmicFrameLocationSequence=Sequence([location])) for _ in frames]
    )
    data.PixelData = frames.tobytes()
    for keyword, value in changes.items():
        setattr(data, keyword, value)
    return data


@pytest.fixture
def write(tmp_path):
    def _write(data):
        path = tmp_path / "scan.dcm"
        if isinstance(data, bytes):
            path.write_bytes(data)
        else:
            data.save_as(path, enforce_file_format=True)
        return path

    return _write


def test_volume(write):
    scan = read_oct(write(opt_image()))
    assert (scan.pattern, scan.laterality) == (ScanPattern.VOLUME, Eye.OS)
    np.testing.assert_allclose(scan.bscans, FRAMES / 65535, rtol=1e-6)
    assert (scan.axial_um, scan.ascan_um, scan.bscan_um) == pytest.approx((3.9, 12.0, 120.0))
    assert (scan.device, scan.software) == ("Maker Model", "1.0; 2.0")
    assert CANARY not in repr(scan)


def test_bits_that_are_stored_set_the_scale(write):
    scan = read_oct(write(opt_image(np.full((1, 4, 4), 1023, np.uint16), bits=10)))
    assert (scan.pattern, scan.bscans.max()) == (ScanPattern.LINE, 1.0)
    scan = read_oct(write(opt_image(np.full((1, 4, 4), 51, np.uint8), bits=8)))
    assert scan.bscans.max() == pytest.approx(0.2)


def test_ring(write):
    scan = read_oct(write(opt_image(FRAMES[:1], orientation="NONLINEAR")))
    assert scan.pattern is ScanPattern.RING
    assert scan.ring_diameter_mm == pytest.approx(12 * 0.012 / np.pi)


def test_encapsulated_pixels_are_decoded(write):
    data = opt_image()
    data.compress(RLELossless)
    np.testing.assert_allclose(read_oct(write(data)).bscans, FRAMES / 65535, rtol=1e-6)


def without(data, keyword):
    delattr(data, keyword)
    return data


SECOND_EYE = [item(FrameAnatomySequence=Sequence([item(FrameLaterality="R")]))]


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (b"", "no readable DICOM"),
        (b"rubbish" * 40, "no readable DICOM"),
        (opt_image(SOPClassUID="1.2.840.10008.5.1.4.1.1.77.1.5.1"), "no Ophthalmic"),
        (opt_image(ImageLaterality="B"), "which one eye"),
        (without(opt_image(), "ImageLaterality"), "which one eye"),
        (opt_image(PerFrameFunctionalGroupsSequence=SECOND_EYE), "which one eye"),
        (opt_image(orientation="NONLINEAR"), "radial"),
        (opt_image(SharedFunctionalGroupsSequence=[]), "pixel spacing"),
        (opt_image(PixelSpacing=[1.0, 1.0]), "pixel spacing"),
        (opt_image(NumberOfFrames=10**6), "cannot be decoded"),
        (opt_image(Rows=0), "impossible sizes"),
        (without(opt_image(), "PixelData"), "cannot be decoded"),
        (opt_image(np.zeros((2, 4, 4), np.uint8), bits=8), "empty"),
    ],
)
def test_what_is_wrong_is_one_clear_line(write, data, part):
    with pytest.raises(InputError, match=part) as caught:
        read_oct(write(data))
    assert "\n" not in str(caught.value)
    assert CANARY not in str(caught.value)


def test_volume_without_distance_of_its_bscans(write):
    data = opt_image()
    measures = data.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    del measures.SpacingBetweenSlices
    assert read_oct(write(data)).bscan_um == pytest.approx(100.0)
    del measures.SliceThickness
    with pytest.raises(InputError, match="how far apart"):
        read_oct(write(data))


def test_random_damage_is_one_line_without_names(write, caplog, recwarn, capfd):
    whole = write(opt_image()).read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(200):
        damaged = bytearray(whole[: rng.integers(1, len(whole) + 1)])
        for position in rng.integers(len(damaged), size=rng.integers(1, 30)):
            damaged[position] = int(rng.integers(256))
        try:
            read_oct(write(bytes(damaged)))
        except InputError as refused:
            assert "CANARY" not in str(refused)
    said = caplog.text + "".join(str(warning.message) for warning in recwarn)
    assert not said + "".join(capfd.readouterr())
