"""Volumes behind the pictures of an element, for the 3-D view: 8 bit, without faces or headers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from nibabel.processing import resample_from_to
from numpy.typing import NDArray

from smartms_img.figures.brain import MARGIN_MM, hide_face, robust_window
from smartms_img.figures.planes import bounding_box
from smartms_img.io.nifti import load_labels
from smartms_img.qc.rubric import Element, LayerKind
from smartms_img.volume import Volume

_BRAIN = "*_desc-brain_mask.nii.gz"
_MOST_PERCENT = 10.0


@dataclass(frozen=True)
class LayerFile:
    """A layer and its file, relative to the output directory."""

    name: str
    kind: LayerKind


def layer_files(element: Element, outputs: Mapping[str, str]) -> list[LayerFile]:
    """Return the layers of an element among the files that its unit wrote, the lowest first.

    None where the unit has no mask of the brain: what could show a face is not shown.
    """
    if not _brain_file(outputs):
        return []
    return [
        LayerFile(name, layer.kind)
        for layer in element.layers
        for name in sorted(outputs)
        if fnmatchcase(name, layer.files)
    ]


def _brain_file(outputs: Mapping[str, str]) -> str:
    return next((name for name in outputs if fnmatchcase(name, _BRAIN)), "")


def layer_bytes(out: Path, layer: LayerFile, outputs: Mapping[str, str]) -> bytes:
    """Return a layer as a NIfTI file of 8-bit voxels, cropped to the brain.

    Parameters
    ----------
    out : Path
        Output directory.
    layer : LayerFile
        One of :func:`layer_files`.
    outputs : mapping of str to str
        The files that its unit wrote.
    """
    volume = load_labels(out / layer.name)
    brain = _on_grid_of(volume, load_labels(out / _brain_file(outputs)))
    box = bounding_box(brain, volume.spacing_mm, MARGIN_MM)
    voxels = _eight_bit(volume.data[box], brain[box], volume.spacing_mm, layer.kind)
    affine = volume.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ [side.start for side in box]
    return bytes(nibabel.Nifti1Image(voxels, affine).to_bytes())


def _on_grid_of(volume: Volume, brain: Volume) -> NDArray[np.bool_]:
    inside = (brain.data != 0).astype(np.float32)
    if brain.shape != volume.shape or not np.allclose(brain.affine, volume.affine, atol=1e-3):
        image = nibabel.Nifti1Image(inside, brain.affine)
        moved = resample_from_to(image, (volume.shape, volume.affine), order=0)
        inside = np.asarray(moved.dataobj)
    return inside > 0


def _eight_bit(
    data: NDArray[np.float32],
    brain: NDArray[np.bool_],
    spacing_mm: tuple[float, float, float],
    kind: LayerKind,
) -> NDArray[np.uint8]:
    """Return 0..255: grey values of the brain's window, labels as they are, or per cent."""
    if kind is LayerKind.LABELS:
        return data.round().clip(0, 255).astype(np.uint8)
    if kind is LayerKind.GREY:
        low, high = robust_window(data, brain)
        shown: Any = (hide_face(data, brain, spacing_mm) - low) * (255.0 / max(high - low, 1e-12))
    else:
        percent = np.where(brain, 100.0 * np.expm1(data), 0.0)
        shown = (percent if kind is LayerKind.GROWTH else -percent) * (255.0 / _MOST_PERCENT)
    return np.clip(shown, 0, 255).astype(np.uint8)
