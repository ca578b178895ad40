"""Derivative images with their sidecars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from smartms_img.io.atomic import write_json
from smartms_img.io.nifti import save_image
from smartms_img.volume import Volume


def save_derivative(
    volume: Volume,
    path: Path,
    *,
    description: str,
    sources: Sequence[str],
    method_version: str,
    seed: int,
    dtype: Any = np.float32,
    extra: Mapping[str, Any] | None = None,
) -> None:
    """Write an image and its JSON sidecar.

    Parameters
    ----------
    volume : Volume
        Voxels and affine.
    path : Path
        Target, ``.nii.gz``.
    description : str
        One sentence.
    sources : sequence of str
        Input files, relative to the BIDS dataset.
    method_version : str
        Version of the method that made it.
    seed : int
        Random seed; ANTs ran with one thread.
    dtype : data type
        Data type on disk.
    extra : mapping, optional
        More sidecar entries.
    """
    save_image(volume, path, dtype)
    sidecar = {
        "Description": description,
        "Sources": [f"bids:raw:{source}" for source in sources],
        "MethodVersion": method_version,
        "Seed": seed,
        "Threads": 1,
        **(extra or {}),
    }
    write_json(path.with_name(path.name.removesuffix(".nii.gz") + ".json"), sidecar)


def save_world_matrix(matrix: Any, path: Path, *, source: str, target: str) -> None:
    """Write a 4 x 4 world matrix (RAS+ mm) that maps points of ``source`` to ``target``."""
    write_json(
        path,
        {
            "Description": f"RAS+ mm, maps points of {source} to points of {target}",
            "Matrix": np.round(np.asarray(matrix, dtype=float), 9).tolist(),
        },
    )
