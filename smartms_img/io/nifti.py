"""Read and write NIfTI, refusing what is not one whole 3-D image."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.orientations import (
    OrientationError,
    apply_orientation,
    axcodes2ornt,
    io_orientation,
    ornt_transform,
)
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from smartms_img.errors import InputError
from smartms_img.io.atomic import atomic_path
from smartms_img.volume import Volume

_FEWEST_VOXELS = 16
_MOST_VOXELS = 1e9
_LEAST_SIGNAL = 1e-3
_MOST_REPEATS = 0.5


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
        constant or a label image, or has an affine that places no voxel.
    """
    return _load(path, _refuse_useless, subject, session, item)


def load_mask(path: Path, *, subject: str = "", session: str = "", item: str = "") -> Volume:
    """Read a mask as :func:`load_image` does: 1 where it is above one half; it may be empty."""
    mask = _load(path, _refuse_infinite, subject, session, item)
    return mask.like((mask.data > 0.5).astype(np.float32))


def load_labels(path: Path) -> Volume:
    """Read an image of labels as :func:`load_image` does."""
    return _load(path, _refuse_infinite, "", "", "")


def _load(
    path: Path,
    refuse: Callable[[NDArray[np.float32]], None],
    subject: str,
    session: str,
    item: str,
) -> Volume:
    try:
        _read_to_end(path)
        image = _single(nibabel.load(path))
        if not _placed(image.affine):
            raise _BadContentError(
                "has no usable affine", "Convert the scan again with its geometry"
            )
        image = nibabel.as_closest_canonical(image)
        data = np.asarray(image.dataobj, dtype=np.float32)
        refuse(data)
    except _UNREADABLE as error:
        problem, remedy = _explain(error)
        raise InputError(problem, remedy, subject, session, item, path.name) from error
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


def save_on_grid_of(reference: Path, labels: Volume, path: Path) -> None:
    """Write labels whose axes are RAS+ in the order of axes of the file they were made from.

    Parameters
    ----------
    reference : Path
        The file, as :func:`load_image` reads it.
    labels : Volume
        Unsigned bytes on its grid.
    path : Path
        Written atomically.
    """
    affine = nibabel.load(reference).affine
    back = ornt_transform(axcodes2ornt("RAS"), io_orientation(affine))
    data = apply_orientation(labels.data.astype(np.uint8), back)
    save_image(Volume(data, np.asarray(affine, dtype=np.float64)), path, np.uint8)


class _BadContentError(ValueError):
    """What the file holds cannot be used: problem and remedy."""


# Everything that nibabel raises on damaged files.
_UNREADABLE = (
    OSError,
    EOFError,
    zlib.error,
    ImageFileError,
    HeaderDataError,
    OrientationError,
    ValueError,
    TypeError,
    OverflowError,
    MemoryError,
)


def _read_to_end(path: Path) -> None:
    """Read a compressed file to its end: only there its checksum is compared."""
    if path.suffix != ".gz":
        return
    with gzip.open(path) as stream:
        while stream.read(1 << 22):
            pass


def _single(image: Any) -> Any:
    shape = image.shape
    if len(shape) > 3 and all(n == 1 for n in shape[3:]):
        image = image.slicer[(slice(None),) * 3 + (0,) * (len(shape) - 3)]
    if len(image.shape) != 3:
        raise _BadContentError(
            f"is {len(shape)}-D ({' x '.join(map(str, shape))}), not 3-D",
            "Give one 3-D image; split or average the volumes first",
        )
    if min(image.shape) < _FEWEST_VOXELS:
        raise _BadContentError(
            f"has too few voxels ({' x '.join(map(str, image.shape))})",
            "Give the whole volume, not a localiser",
        )
    kind = image.get_data_dtype()
    if kind.fields is not None or kind.kind == "c":
        raise _BadContentError("holds colours or complex numbers", "Give the magnitude image")
    if np.prod(image.shape, dtype=float) > _MOST_VOXELS:
        raise _BadContentError("has an impossible size", "Convert the scan again")
    return image


def _placed(affine: NDArray[Any]) -> bool:
    return bool(np.isfinite(affine).all() and abs(np.linalg.det(affine[:3, :3])) > 1e-6)


def _refuse_infinite(data: NDArray[np.float32]) -> None:
    if not np.isfinite(data).all():
        raise _BadContentError("holds values that are not finite", "Convert the scan again")


def _refuse_useless(data: NDArray[np.float32]) -> None:
    _refuse_infinite(data)
    if data.max() == data.min():
        raise _BadContentError(
            "is empty: every voxel has the same value", "Copy or convert the scan again"
        )
    if (data > 0).mean() < _LEAST_SIGNAL:
        raise _BadContentError("holds hardly a positive value", "Give the magnitude image")
    # Even a scan of 8 bits rarely repeats a value from one voxel to the next.
    signal = (data[1:] > 0) & (data[:-1] > 0)
    if ((data[1:] == data[:-1]) & signal).sum() > _MOST_REPEATS * signal.sum():
        raise _BadContentError("is a mask or a label image", "Give the scan itself")


def _explain(error: BaseException) -> tuple[str, str]:
    if isinstance(error, _BadContentError):
        return error.args[0], error.args[1]
    if isinstance(error, FileNotFoundError):
        return "does not exist", "Check the path"
    if isinstance(error, ImageFileError) or "Not a gzipped file" in str(error):
        return "is not a NIfTI image", "Convert it again, for example with dcm2niix"
    return "is truncated or damaged", "Copy or convert the scan again"
