"""Read an OCT scan of any supported format."""

from __future__ import annotations

from pathlib import Path

from smartms_img.errors import InputError
from smartms_img.io.oct_dicom import read_dicom
from smartms_img.io.oct_fda import read_fda
from smartms_img.io.oct_model import OctScan
from smartms_img.io.oct_picture import NIFTI, PICTURES, read_picture
from smartms_img.io.oct_vol import read_vol
from smartms_img.io.oct_xml import read_xml

FORMATS = (".vol", ".xml", ".dcm", ".fda", *PICTURES, *NIFTI)


def read_oct(path: Path) -> OctScan:
    """Read an OCT scan; identity fields of the file are dropped.

    Parameters
    ----------
    path : Path
        Heidelberg ``.vol``, or ``.xml`` beside its pictures; DICOM ``.dcm``; Topcon ``.fda``; or
        a picture (PNG, TIFF, NIfTI) or folder of pictures with a sidecar.

    Raises
    ------
    InputError
        If the file is missing, damaged, or of a format that is not read.
    """
    if not path.exists():
        raise InputError("does not exist", "Check the path", file=path.name)
    name = path.name.lower()
    if path.is_dir() or name.endswith((*PICTURES, *NIFTI)):
        return read_picture(path)
    if name.endswith(".vol"):
        return read_vol(path)
    if name.endswith(".xml"):
        return read_xml(path)
    if name.endswith(".dcm"):
        return read_dicom(path)
    if name.endswith(".fda"):
        return read_fda(path)
    suffix = "".join(path.suffixes[-1:]) or "no suffix"
    remedy = f"Give one of {', '.join(FORMATS)}, or a folder of pictures"
    raise InputError(f"format '{suffix}' is not read", remedy, file=path.name)
