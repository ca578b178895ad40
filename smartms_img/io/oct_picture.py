"""Reader of B-scan pictures (PNG, TIFF, NIfTI, or a folder of them) with a JSON sidecar."""

from __future__ import annotations

import json
import re
import zlib
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.wrapstruct import WrapStructError
from numpy.typing import NDArray
from PIL import Image, ImageSequence

from smartms_img.errors import InputError
from smartms_img.io.oct_model import Fundus, OctScan, ScanPattern
from smartms_img.naming import Eye

PICTURES = (".png", ".tif", ".tiff")
NIFTI = (".nii", ".nii.gz")
RAW_CUBE = ".img"
POSITIVE = ("axial_um", "ascan_um", "bscan_um", "ring_diameter_mm", "frames", "quality_db")
LARGEST = 1e9
REQUIRED = ("pattern", "laterality", "axial_um", "ascan_um")
RING_TOLERANCE = 0.02


def read_picture(path: Path) -> OctScan:
    """Read a picture or a folder of pictures.

    A folder is a volume in the order of the numbers at the end of the names, or else of the names;
    a number that is left out is a B-scan that is missing, and stays empty.

    Raises
    ------
    InputError
        If the sidecar is missing or incomplete, or a picture is damaged or of another size.
    """
    sidecar = read_sidecar(path)
    return described_scan(_scaled(_pixels(path), path.name), sidecar, path)


def described_scan(bscans: NDArray[np.float32], sidecar: dict[str, Any], path: Path) -> OctScan:
    """Return the scan of B-scans that a sidecar describes.

    Raises
    ------
    InputError
        If the sidecar contradicts the B-scans, or lacks the distance of a volume's.
    """
    pattern = ScanPattern(sidecar["pattern"])
    if pattern is not ScanPattern.VOLUME and len(bscans) != 1:
        problem = f"holds {len(bscans)} B-scans but its sidecar says '{pattern}'"
        raise InputError(problem, "Correct 'pattern'", file=path.name)
    if pattern is ScanPattern.VOLUME and sidecar.get("bscan_um") is None and len(bscans) > 1:
        raise InputError("volume without 'bscan_um'", "Add it to the sidecar", file=path.name)
    ascan_um = float(sidecar["ascan_um"])
    return OctScan(
        pattern=pattern,
        laterality=Eye(sidecar["laterality"]),
        bscans=bscans,
        axial_um=float(sidecar["axial_um"]),
        ascan_um=ascan_um,
        bscan_um=_number(sidecar, "bscan_um"),
        ring_diameter_mm=_ring_diameter(sidecar, bscans.shape[2], ascan_um, path.name),
        fundus=_fundus(path, sidecar),
        device=str(sidecar.get("device", "")),
        software=str(sidecar.get("software", "")),
        quality_db=_number(sidecar, "quality_db"),
        frames_averaged=int(sidecar["frames"]) if sidecar.get("frames") else None,
    )


def sidecar_path(path: Path) -> Path:
    """Return the sidecar of a picture, folder or raw cube.

    >>> sidecar_path(Path("a/x_oct.nii.gz")).as_posix()
    'a/x_oct.json'
    """
    name = path.name
    for suffix in sorted((*PICTURES, *NIFTI, RAW_CUBE), key=len, reverse=True):
        if name.lower().endswith(suffix):
            name = name[: -len(suffix)]
            break
    return path.with_name(f"{name}.json")


def read_sidecar(path: Path) -> dict[str, Any]:
    """Return what the sidecar says.

    Raises
    ------
    InputError
        If it is missing, is no JSON, or lacks or misspells something.
    """
    file = sidecar_path(path)
    remedy = f"Write {file.name} with {', '.join(REQUIRED)}"
    try:
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError("has no sidecar", remedy, file=path.name) from None
    except (OSError, ValueError):
        raise InputError("sidecar is not JSON", remedy, file=file.name) from None
    missing = [key for key in REQUIRED if not isinstance(content, dict) or key not in content]
    if missing:
        raise InputError(f"sidecar lacks {', '.join(missing)}", remedy, file=file.name)
    for key, choices in (("pattern", list(ScanPattern)), ("laterality", list(Eye))):
        if content[key] not in choices:
            problem = f"sidecar has {key} {content[key]!r:.40}"
            raise InputError(problem, f"Write one of {', '.join(choices)}", file=file.name)
    for key in POSITIVE:
        value = content.get(key)
        if (value is not None or key in REQUIRED) and not _is_positive(value):
            problem = f"sidecar has {key} {value!r:.40}"
            raise InputError(problem, "Write a positive number", file=file.name)
    for key in ("device", "software"):
        if not isinstance(content.get(key, ""), str):
            raise InputError(f"sidecar has a {key} that is no text", remedy, file=file.name)
    return content


def _is_positive(value: object) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and 0 < value < LARGEST  # type: ignore[operator]


def _number(sidecar: dict[str, Any], key: str) -> float | None:
    return None if sidecar.get(key) is None else float(sidecar[key])


def _ring_diameter(
    sidecar: dict[str, Any], ascans: int, ascan_um: float, file: str
) -> float | None:
    """Diameter that the sidecar gives, which must agree with the length of the circle."""
    if sidecar["pattern"] != ScanPattern.RING:
        return None
    from_length = ascans * ascan_um / 1000 / np.pi
    stated = _number(sidecar, "ring_diameter_mm")
    if stated is not None and abs(stated / from_length - 1) > RING_TOLERANCE:
        problem = f"ring_diameter_mm {stated:g} contradicts {ascans} A-scans of {ascan_um:g} um"
        raise InputError(problem, "Correct the sidecar", file=file)
    return float(from_length if stated is None else stated)


def _pixels(path: Path) -> list[NDArray[Any]]:
    if not path.is_dir():
        return _frames(path)
    entries = (p for p in path.iterdir() if not p.name.startswith("."))
    pages = sorted(p for p in entries if p.suffix.lower() in PICTURES)
    if not pages:
        raise InputError("folder holds no PNG or TIFF", "Add the B-scans", file=path.name)
    numbers = [re.search(r"(\d+)$", page.stem) for page in pages]
    if len(pages) == 1 or not all(numbers):
        return [frame for page in pages for frame in _frames(page)]
    return _numbered(path, {int(n[0]): page for n, page in zip(numbers, pages, strict=True) if n})


def _numbered(folder: Path, pages: dict[int, Path]) -> list[NDArray[Any]]:
    """Return B-scans by number; one that is missing between others is empty."""
    first, last = min(pages), max(pages)
    if last - first + 1 > 2 * len(pages):
        problem = f"folder holds {len(pages)} B-scans numbered from {first} to {last}"
        raise InputError(problem, "Number them one by one", file=folder.name)
    frames = {number: _frames(page)[0] for number, page in pages.items()}
    empty = np.zeros_like(frames[first])
    return [frames.get(number, empty) for number in range(first, last + 1)]


def grey_picture(path: Path) -> NDArray[Any]:
    """Return the first frame of a picture as grey values, shape (rows, columns).

    Raises
    ------
    InputError
        If it is no readable picture.
    """
    return _frames(path)[0]


def _frames(path: Path) -> list[NDArray[Any]]:
    remedy = "Export the picture again"
    if path.name.lower().endswith(NIFTI):
        try:
            volume = np.asarray(nib.nifti1.load(path).dataobj)
        except (
            OSError,
            ValueError,
            EOFError,
            MemoryError,
            zlib.error,
            nib.filebasedimages.ImageFileError,
            nib.spatialimages.HeaderDataError,
            WrapStructError,
        ):
            raise InputError("is no readable NIfTI", remedy, file=path.name) from None
        if not np.issubdtype(volume.dtype, np.number) or np.iscomplexobj(volume):
            raise InputError("holds no grey values", remedy, file=path.name)
        if volume.ndim == 2:
            volume = volume[..., None]
        if volume.ndim != 3:
            raise InputError(f"has {volume.ndim} dimensions", "Give 2 or 3", file=path.name)
        # NIfTI axes are A-scan, row, B-scan, so that a viewer shows a B-scan upright.
        return [volume[:, :, k].T for k in range(volume.shape[2])]
    try:
        with Image.open(path) as picture:
            return [_grey(frame) for frame in ImageSequence.Iterator(picture)]
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise InputError("is no readable picture", remedy, file=path.name) from None


def _grey(frame: Image.Image) -> NDArray[Any]:
    return np.asarray(frame if frame.mode in ("L", "I;16", "I", "F") else frame.convert("L"))


def _scaled(frames: list[NDArray[Any]], file: str) -> NDArray[np.float32]:
    if len({frame.shape for frame in frames}) != 1:
        raise InputError("B-scans differ in size", "Keep one size", file=file)
    if len({frame.dtype for frame in frames}) != 1:
        raise InputError("B-scans differ in depth (8 and 16 bit)", "Keep one", file=file)
    stack = np.stack(frames)
    if np.issubdtype(stack.dtype, np.integer):
        top = 255.0 if stack.max() <= 255 else 65535.0
    else:
        stack = np.nan_to_num(stack, nan=0.0, posinf=0.0, neginf=0.0)
        top = 1.0 if stack.max() <= 1 else float(stack.max())
    if stack.max() <= 0:
        raise InputError("is empty (all pixels are 0)", "Export it again", file=file)
    return np.clip(stack / top, 0, 1).astype(np.float32)


def _fundus(path: Path, sidecar: dict[str, Any]) -> Fundus | None:
    """Fundus of the sidecar: {"file": ..., "row_mm": ..., "column_mm": ...}."""
    entry = sidecar.get("fundus")
    if not isinstance(entry, dict) or not {"file", "row_mm", "column_mm"} <= entry.keys():
        return None
    file = path.with_name(Path(str(entry["file"])).name)
    if not file.is_file():
        raise InputError("fundus picture does not exist", "Correct the sidecar", file=file.name)
    if not (_is_positive(entry["row_mm"]) and _is_positive(entry["column_mm"])):
        remedy = "Write positive numbers"
        raise InputError("sidecar has no size of the fundus pixels", remedy, file=path.name)
    image = np.round(_scaled(_frames(file)[:1], file.name)[0] * 255)
    return Fundus(image.astype(np.uint8), (float(entry["row_mm"]), float(entry["column_mm"])))
