"""Reader of DICOM Ophthalmic Tomography (OPT) images: lines, rings and volumes, multi-frame.

Read are pixels, spacing, eye, device and quality alone; names, ids, dates and comments are never
looked at. The layout is that of DICOM PS3.3 A.52 (Ophthalmic Tomography Image).
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from smartms_img.errors import InputError
from smartms_img.io.oct_model import OctScan, ScanPattern
from smartms_img.io.oct_refusal import damaged, unknown_pattern
from smartms_img.naming import Eye

SOP_CLASS = "1.2.840.10008.5.1.4.1.1.77.1.5.4"
EYES = {"R": Eye.OD, "L": Eye.OS}
MAX_PIXELS = 2**31
WANTED = (
    "SOPClassUID", "Rows", "Columns", "NumberOfFrames", "BitsAllocated", "BitsStored", "HighBit",
    "PixelRepresentation", "SamplesPerPixel", "PhotometricInterpretation", "PixelData",
    "PixelSpacing", "SliceThickness", "SpacingBetweenSlices", "ImageLaterality", "Laterality",
    "Manufacturer", "ManufacturerModelName", "SoftwareVersions",
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
)  # fmt: skip


def read_dicom(path: Path) -> OctScan:
    """Read a DICOM OPT image.

    A volume runs in the order of its frames; where they lie on the fundus is said by another
    object, so its B-scans are taken to run from superior to inferior.

    Raises
    ------
    InputError
        If the file is no OPT image, is damaged or compressed in a way that cannot be undone, or
        does not say its eye or its spacing.
    """
    with _fenced(path.name):
        return _scan(path)


@contextmanager
def _fenced(file: str) -> Iterator[None]:
    """Turn every failure into one line, and keep the library from quoting the file.

    Values are decoded when they are first looked at and may fail then with any error; warnings
    about damaged values would quote names and ids.
    """
    log = logging.getLogger("pydicom")
    disabled, log.disabled = log.disabled, True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except InputError:
        raise
    except Exception:
        raise damaged("is no readable DICOM file", file) from None
    finally:
        log.disabled = disabled


def _scan(path: Path) -> OctScan:
    dataset = _dataset(path)
    bscans = _pixels(dataset, path.name)
    axial_mm, ascan_mm = _spacing_mm(dataset, path.name)
    pattern = _pattern(dataset, len(bscans), path.name)
    length_mm = bscans.shape[2] * ascan_mm
    software = dataset.get("SoftwareVersions", "")
    return OctScan(
        pattern=pattern,
        laterality=_eye(dataset, path.name),
        bscans=bscans,
        axial_um=axial_mm * 1000,
        ascan_um=ascan_mm * 1000,
        bscan_um=_bscan_um(dataset, path.name) if pattern is ScanPattern.VOLUME else None,
        ring_diameter_mm=length_mm / np.pi if pattern is ScanPattern.RING else None,
        device=" ".join(
            str(dataset.get(name, "")) for name in ("Manufacturer", "ManufacturerModelName")
        ).strip(),
        software=software if isinstance(software, str) else "; ".join(map(str, software)),
    )


def _dataset(path: Path) -> Dataset:
    dataset = pydicom.dcmread(path, specific_tags=list(WANTED))
    if dataset.get("SOPClassUID") != SOP_CLASS:
        remedy = "Export the tomography, not the fundus picture or a report"
        raise InputError("is no Ophthalmic Tomography image", remedy, file=path.name)
    return dataset


def _pixels(dataset: Dataset, file: str) -> NDArray[np.float32]:
    """Return display intensities 0..1, shape (n_bscans, rows, ascans)."""
    sizes = [int(dataset.get(name, 1)) for name in ("NumberOfFrames", "Rows", "Columns")]
    bits = int(dataset.BitsStored)
    if min(sizes) < 1 or np.prod(sizes, dtype=float) > MAX_PIXELS or not 1 <= bits <= 16:
        raise damaged("has impossible sizes", file)
    try:
        pixels = np.asarray(dataset.pixel_array)
    except Exception:
        raise damaged("holds pixels that cannot be decoded", file) from None
    if int(dataset.get("SamplesPerPixel", 1)) != 1:
        raise damaged("is a colour picture", file)
    stack = pixels.reshape(sizes).astype(np.float32) / (2.0**bits - 1)
    if dataset.get("PhotometricInterpretation") == "MONOCHROME1":
        stack = 1 - stack
    if stack.max() <= 0:
        raise InputError("is empty (all pixels are 0)", "Export it again", file=file)
    return np.clip(stack, 0, 1)


def _groups(dataset: Dataset) -> Iterator[Dataset]:
    """Yield what is said of all frames, then what is said of each."""
    for name in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        yield from dataset.get(name) or ()


def _said(dataset: Dataset, sequence: str, keyword: str) -> list[Any]:
    """Return the values of an attribute, of the image itself or of its functional groups."""
    items = [dataset] + [item for group in _groups(dataset) for item in group.get(sequence) or ()]
    return [item.get(keyword) for item in items if item.get(keyword) not in (None, "")]


def _spacing_mm(dataset: Dataset, file: str) -> tuple[float, float]:
    """Return the height of a pixel and the distance of neighbouring A-scans."""
    found = {
        tuple(float(part) for part in said)
        for said in _said(dataset, "PixelMeasuresSequence", "PixelSpacing")
    }
    if len(found) != 1 or len(spacing := found.pop()) != 2:
        raise damaged("does not say one pixel spacing for all B-scans", file)
    if not (0 < spacing[0] < 0.1 and 0 < spacing[1] < 1):
        raise damaged("has an impossible pixel spacing", file)
    return spacing[0], spacing[1]


def _bscan_um(dataset: Dataset, file: str) -> float:
    for keyword in ("SpacingBetweenSlices", "SliceThickness"):
        for said in _said(dataset, "PixelMeasuresSequence", keyword):
            if 0 < (distance_mm := abs(float(said))) < 10:
                return distance_mm * 1000
    raise damaged("does not say how far apart its B-scans lie", file)


def _pattern(dataset: Dataset, n_bscans: int, file: str) -> ScanPattern:
    ways = set(
        _said(dataset, "OphthalmicFrameLocationSequence", "OphthalmicImageOrientation")
    ) or {"LINEAR"}
    if n_bscans > 1 and ways == {"LINEAR"}:
        return ScanPattern.VOLUME
    if n_bscans == 1 and ways == {"LINEAR"}:
        return ScanPattern.LINE
    if n_bscans == 1 and ways == {"NONLINEAR"}:
        return ScanPattern.RING
    raise unknown_pattern(file)


def _eye(dataset: Dataset, file: str) -> Eye:
    named = set(_said(dataset, "FrameAnatomySequence", "FrameLaterality"))
    named |= set(_said(dataset, "FrameAnatomySequence", "ImageLaterality"))
    named = named or {dataset.get("Laterality")}
    if len(named) != 1 or not named <= EYES.keys():
        raise damaged("does not say which one eye it shows", file)
    return EYES[named.pop()]
