"""Read and write NIfTI, refusing what is not one whole 3-D image."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from nibabel.filebasedimages import ImageFileError
from numpy.typing import NDArray

from smartms_img.errors import InputError
from smartms_img.io.atomic import atomic_path
from smartms_img.volume import Volume

_FEWEST_VOXELS = 16


def load_image(path: Path, *, subject: str = "", session: str = "", item: str = "") -> Volume:
    """Read a 3-D image and turn its axes to RAS+ without interpolation.

    Parameters
    ----------
    path : Path
        A ``.nii`` or ``.nii.gz`` file.
    subject, session, item : str
        Named in the error.

    Returns
    -------
    Volume
        float32 voxels.

    Raises
    ------
    InputError
        If the file cannot be read in full, is not 3-D, holds values that are not finite, is
        constant, or has an affine that places no voxel.
    """
    try:
        image = nibabel.as_closest_canonical(_squeezed(nibabel.load(path)))
        data = np.asarray(image.dataobj, dtype=np.float32)
    except (OSError, EOFError, gzip.BadGzipFile, zlib.error, ImageFileError, ValueError) as error:
        problem, remedy = _explain(error)
        raise InputError(problem, remedy, subject, session, item, path.name) from error
    if fault := _fault(data, image.affine):
        raise InputError(fault[0], fault[1], subject, session, item, path.name)
    return Volume(data, np.asarray(image.affine, dtype=np.float64))


def validate_image(path: Path, *, subject: str = "", session: str = "", item: str = "") -> None:
    """Raise :class:`InputError` if :func:`load_image` would."""
    load_image(path, subject=subject, session=session, item=item)


def save_image(volume: Volume, path: Path, dtype: Any = np.float32) -> None:
    """Write an image atomically; the same voxels give the same bytes."""
    data = volume.data
    if np.issubdtype(dtype, np.integer) and not np.issubdtype(data.dtype, np.integer):
        data = np.rint(data)
    image = nibabel.Nifti1Image(data.astype(dtype), volume.affine)
    image.header.set_xyzt_units("mm", "sec")
    image.set_sform(volume.affine, code=1)
    image.set_qform(volume.affine, code=1)
    with atomic_path(path) as temporary:
        nibabel.save(image, temporary)


class _NotThreeDError(ValueError):
    """The image has more than one volume."""


def _squeezed(image: Any) -> Any:
    shape = image.shape
    if len(shape) > 3 and all(n == 1 for n in shape[3:]):
        image = image.slicer[(slice(None),) * 3 + (0,) * (len(shape) - 3)]
    if len(image.shape) != 3:
        raise _NotThreeDError(f"is {len(shape)}-D ({' x '.join(map(str, shape))}), not 3-D")
    return image


def _explain(error: Exception) -> tuple[str, str]:
    if isinstance(error, _NotThreeDError):
        return str(error), "Give one 3-D image; split or average the volumes first"
    if isinstance(error, FileNotFoundError):
        return "does not exist", "Check the path"
    if isinstance(error, ImageFileError):
        return "is not a NIfTI image", "Convert it again, for example with dcm2niix"
    return "is truncated or damaged", "Copy or convert the scan again"


def _fault(data: NDArray[np.float32], affine: NDArray[Any]) -> tuple[str, str] | None:
    placed = np.isfinite(affine).all() and abs(np.linalg.det(affine[:3, :3])) > 1e-6
    if not placed:
        return "has no usable affine", "Convert the scan again with its geometry"
    if min(data.shape) < _FEWEST_VOXELS:
        shape = " x ".join(map(str, data.shape))
        return f"has too few voxels ({shape})", "Give the whole volume, not a localiser"
    if not np.isfinite(data).all():
        return "holds values that are not finite", "Convert the scan again"
    if data.max() == data.min():
        return "is empty: every voxel has the same value", "Copy or convert the scan again"
    return None
