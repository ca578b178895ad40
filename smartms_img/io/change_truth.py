"""Lesion change that experts have marked between two visits, with its place in space."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smartms_img.errors import InputError
from smartms_img.io.nifti import load_mask
from smartms_img.volume import Matrix, Volume

CHANGE_FILE = "gt.nii.gz"
TRANSFORM_FILE = "study1_FLAIR_to_common_space.txt"
_FLIP = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True)
class ChangeTruth:
    """Marked change, and the way from its space to the FLAIR of the earlier visit."""

    change: Volume
    to_flair: Matrix


def read_change_truth(folder: Path) -> ChangeTruth:
    """Read a case of the Ljubljana longitudinal database (doi:10.1007/s12021-016-9301-1).

    Parameters
    ----------
    folder : Path
        Holds ``gt.nii.gz`` and ``study1_FLAIR_to_common_space.txt``, an affine of ITK.

    Raises
    ------
    InputError
        If a file is missing or cannot be read.
    """
    change = load_mask(folder / CHANGE_FILE, item="lesion change")
    return ChangeTruth(change, read_itk_affine(folder / TRANSFORM_FILE))


def read_itk_affine(path: Path) -> Matrix:
    """Read an affine transform in ITK's text form as a world matrix, RAS+ mm.

    Raises
    ------
    InputError
        If the file is missing or holds no affine transform.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        values = {
            key: np.array(text.split(), dtype=float)
            for key, _, text in (line.partition(":") for line in lines)
            if key in {"Parameters", "FixedParameters"}
        }
        linear, shift = values["Parameters"][:9].reshape(3, 3), values["Parameters"][9:]
        centre: NDArray[np.float64] = values["FixedParameters"]
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = linear, shift + centre - linear @ centre
    except (OSError, KeyError, ValueError) as error:
        remedy = "Give an affine transform of ITK as text"
        raise InputError("holds no affine transform", remedy, file=path.name) from error
    return _FLIP @ matrix @ _FLIP
