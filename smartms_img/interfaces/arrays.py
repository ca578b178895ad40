"""Intermediate files between nodes: images and sets of arrays, uncompressed and fast."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray

from smartms_img.volume import Volume


def put(volume: Volume, path: Path) -> str:
    """Write an image between nodes and return its path."""
    data = volume.data
    if data.dtype == bool:
        data = data.astype(np.uint8)
    nibabel.save(nibabel.Nifti1Image(data, volume.affine), path)
    return str(path)


def get(path: str) -> Volume:
    """Read an image that :func:`put` wrote."""
    image = nibabel.load(path)
    return Volume(np.asarray(image.dataobj), np.asarray(image.affine, dtype=np.float64))


def get_mask(path: str) -> Volume:
    """Read a mask that :func:`put` wrote."""
    volume = get(path)
    return volume.like(volume.data > 0)


def put_arrays(path: Path, **arrays: Any) -> str:
    """Write named arrays between nodes and return the path."""
    np.savez(path, **arrays)
    return str(path)


def get_arrays(path: str) -> dict[str, NDArray[Any]]:
    """Read what :func:`put_arrays` wrote."""
    with np.load(path) as archive:
        return {name: archive[name] for name in archive.files}
