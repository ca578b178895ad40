"""Manual labels of a T1w: which label means what is read from a table of names."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smartms_img.errors import InputError
from smartms_img.io.nifti import load_labels

_CSF = ("ventricle", "csf", "vessel", "inf lat vent")
# Cortical labels of the Neuromorphometrics protocol (Klein and Tourville 2012,
# doi:10.3389/fnins.2012.00171) start here.
_FIRST_CORTICAL = 100


def read_manual_regions(
    labels: Path, table: Path, shape: tuple[int, ...]
) -> dict[str, NDArray[np.bool_]]:
    """Read a label image and return the masks of brain, cortex, thalamus and lateral ventricles.

    Parameters
    ----------
    labels : Path
        NIfTI of integer labels.
    shape : tuple of int
        Voxels of the scan, axes RAS+.
    table : Path
        CSV with the columns ``Label Number`` and ``Label Name``.

    Returns
    -------
    dict of str to ndarray of bool
        ``brain``, ``cortex``, ``thalamus``, ``ventricles``; axes RAS+.
    """
    values = np.rint(load_labels(labels).data).astype(int)
    if values.shape != shape:
        problem = f"has {_size(values.shape)} voxels, its scan {_size(shape)}"
        raise InputError(problem, "Give labels on the grid of the scan", file=labels.name)
    names = _names(table)
    thalamus = np.isin(values, _named(names, "thalamus"))
    ventricles = np.isin(values, _named(names, "lateral ventricle", "inf lat vent"))
    brain = (values > 0) & ~np.isin(values, _named(names, *_CSF))
    cortex = np.isin(values, [number for number in names if number >= _FIRST_CORTICAL])
    masks = {"brain": brain, "cortex": cortex, "thalamus": thalamus, "ventricles": ventricles}
    if missing := [name for name, mask in masks.items() if not mask.any()]:
        problem = f"labels no {', '.join(missing)}"
        raise InputError(problem, "Give another scan, or another table of names", file=labels.name)
    return masks


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _names(table: Path) -> dict[int, str]:
    if not table.is_file():
        raise InputError(
            "is missing", "Put the table of label names beside the labels", file=table.name
        )
    with table.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        if not {"Label Number", "Label Name"} <= set(reader.fieldnames or ()):
            problem = "lacks the column 'Label Number' or 'Label Name'"
            raise InputError(problem, "Add it", file=table.name)
        rows = [row for row in reader if row["Label Number"].isdigit()]
    return {int(row["Label Number"]): row["Label Name"].lower() for row in rows}


def _named(names: dict[int, str], *words: str) -> list[int]:
    return [number for number, name in names.items() if any(word in name for word in words)]
