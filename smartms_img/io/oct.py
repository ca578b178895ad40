"""Read an OCT scan of any supported format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from smartms_img.errors import InputError
from smartms_img.io.oct_dicom import read_dicom
from smartms_img.io.oct_e2e import read_e2e
from smartms_img.io.oct_fda import read_fda
from smartms_img.io.oct_fds import read_fds
from smartms_img.io.oct_img import read_img
from smartms_img.io.oct_model import OctScan
from smartms_img.io.oct_picture import NIFTI, PICTURES, RAW_CUBE, read_picture
from smartms_img.io.oct_vol import read_vol
from smartms_img.io.oct_xml import read_xml

READERS: dict[str, Callable[[Path], OctScan]] = {
    ".vol": read_vol,
    ".xml": read_xml,
    ".e2e": read_e2e,
    ".dcm": read_dicom,
    ".fda": read_fda,
    ".fds": read_fds,
    RAW_CUBE: read_img,
    **dict.fromkeys((*PICTURES, *NIFTI), read_picture),
}
FORMATS = tuple(READERS)
BELIEVABLE_UM = {"axial_um": (0.5, 20.0), "ascan_um": (1.0, 2000.0), "bscan_um": (1.0, 5000.0)}


def read_oct(path: Path) -> OctScan:
    """Read an OCT scan; identity fields of the file are dropped.

    Parameters
    ----------
    path : Path
        Heidelberg ``.vol``, ``.e2e``, or ``.xml`` beside its pictures; DICOM ``.dcm``; Topcon
        ``.fda`` or ``.fds``; Zeiss ``.img``; or a picture (PNG, TIFF, NIfTI) or folder of
        pictures with a sidecar.

    Raises
    ------
    InputError
        If the file is missing, damaged, or of a format that is not read.
    """
    if not path.exists():
        raise InputError("does not exist", "Check the path", file=path.name)
    if path.is_dir():
        return _believable(read_picture(path), path.name)
    for suffix, read in READERS.items():
        if path.name.lower().endswith(suffix):
            return _believable(read(path), path.name)
    unknown = "".join(path.suffixes[-1:]) or "no suffix"
    remedy = f"Give one of {', '.join(FORMATS)}, or a folder of pictures"
    raise InputError(f"format '{unknown}' is not read", remedy, file=path.name)


def _believable(scan: OctScan, file: str) -> OctScan:
    """Refuse sizes that no device makes: a slip of units would take hours and mean nothing."""
    for name, (least, most) in BELIEVABLE_UM.items():
        value = getattr(scan, name)
        if value is not None and not least <= value <= most:
            problem = f"has {name} {value:g}"
            raise InputError(problem, f"It lies between {least:g} and {most:g} um", file=file)
    return scan
