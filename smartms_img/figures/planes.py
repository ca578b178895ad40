"""Slices of a RAS+ volume as tiles of a picture, in radiological convention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import label
from skimage.measure import find_contours

PX_PER_MM = 1.5

Box = tuple[slice, slice, slice]


class Plane(Enum):
    """Anatomical planes: (axis cut through, axis across the picture, axis down the picture)."""

    AXIAL = (2, 0, 1)
    CORONAL = (1, 0, 2)
    SAGITTAL = (0, 1, 2)

    @property
    def marks(self) -> tuple[str, str]:
        """What lies at the left and at the right edge of the picture."""
        return ("A", "P") if self is Plane.SAGITTAL else ("R", "L")


@dataclass(frozen=True)
class Tile:
    """One slice of a volume within a box, and where its top left corner lies on the canvas.

    The picture runs from right to left (sagittal: from anterior to posterior) and from anterior
    (other planes: superior) down, whatever the voxel size is: a millimetre has ``PX_PER_MM``
    pixels along both sides, times ``zoom``.
    """

    plane: Plane
    index: int
    box: Box
    spacing_mm: tuple[float, float, float]
    left_px: int = 0
    top_px: int = 0
    zoom: float = 1.0

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height on the canvas."""
        _, across, down = self.plane.value
        return self._extent_px(across), self._extent_px(down)

    def _extent_px(self, axis: int) -> int:
        voxels = self.box[axis].stop - self.box[axis].start
        return max(1, round(voxels * self.spacing_mm[axis] * PX_PER_MM * self.zoom))

    def at(self, left_px: int, top_px: int) -> Tile:
        """Return the same tile at another place."""
        return replace(self, left_px=left_px, top_px=top_px)

    def cut(self, volume: NDArray[Any]) -> NDArray[Any]:
        """Return the slice as rows and columns of the picture, in voxels.

        Parameters
        ----------
        volume : ndarray, shape (x, y, z)
            RAS+ oriented.
        """
        chosen: list[slice | int] = [*self.box]
        chosen[self.plane.value[0]] = self.index
        plane = volume[tuple(chosen)]  # the axis across comes before the axis down in all planes
        return plane[::-1, ::-1].T

    def grey(self, volume: NDArray[Any], window: tuple[float, float]) -> NDArray[np.uint8]:
        """Return the slice at canvas resolution, ``window`` mapped onto 0..255."""
        low, high = window
        values = (self.cut(volume).astype(np.float32) - low) * (255.0 / max(high - low, 1e-12))
        values = np.nan_to_num(np.clip(values, 0, 255))
        resized = Image.fromarray(values).resize(self.size_px, Image.Resampling.BILINEAR)
        return np.asarray(resized).round().astype(np.uint8)

    def nearest(self, volume: NDArray[Any]) -> NDArray[Any]:
        """Return the slice at canvas resolution by nearest neighbour."""
        plane = self.cut(volume)
        width, height = self.size_px
        rows = np.arange(height) * plane.shape[0] // height
        columns = np.arange(width) * plane.shape[1] // width
        return plane[np.ix_(rows, columns)]

    def contours(self, mask: NDArray[Any]) -> list[NDArray[np.float64]]:
        """Return the outlines of a mask as canvas points (x, y), half way between voxels."""
        plane = np.pad(self.cut(mask).astype(np.float32), 1)
        if not plane.any():
            return []
        width, height = self.size_px
        scale = np.array([height / (plane.shape[0] - 2), width / (plane.shape[1] - 2)])
        corner = np.array([self.top_px, self.left_px])
        # A voxel centre v (padding taken off: v - 1) lies at canvas pixel (v + 0.5) scale - 0.5.
        lines = [(line - 0.5) * scale - 0.5 + corner for line in find_contours(plane, 0.5)]
        return [line[:, ::-1] for line in lines]


def bounding_box(mask: NDArray[Any], spacing_mm: Sequence[float], margin_mm: float) -> Box:
    """Return the box around a mask with a margin, within the volume; all of it if empty."""
    box = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        inside = np.flatnonzero(mask.any(axis=others))
        size = mask.shape[axis]
        margin = round(margin_mm / spacing_mm[axis])
        first, last = (inside[0], inside[-1]) if inside.size else (0, size - 1)
        box.append(slice(int(max(0, first - margin)), int(min(size, last + margin + 1))))
    return box[0], box[1], box[2]


def spread(box: Box, axis: int, count: int, keep: float) -> list[int]:
    """Return ``count`` slice indices spread evenly over the middle part ``keep`` of a box."""
    start, stop = box[axis].start, box[axis].stop
    middle, half = (start + stop - 1) / 2, (stop - 1 - start) / 2 * keep
    return [round(position) for position in np.linspace(middle - half, middle + half, count)]


def overview(
    box: Box, spacing_mm: tuple[float, float, float], n_axial: int, n_side: int
) -> list[list[Tile]]:
    """Return rows of tiles: axial slices from below up, then a sagittal and coronal row."""
    axial = [
        Tile(Plane.AXIAL, index, box, spacing_mm) for index in spread(box, 2, n_axial, keep=0.8)
    ]
    per_row = -(-n_axial // max(1, round(n_axial / 6)))
    rows = [axial[start : start + per_row] for start in range(0, n_axial, per_row)]
    side = [
        Tile(plane, index, box, spacing_mm)
        for plane in (Plane.SAGITTAL, Plane.CORONAL)
        for index in spread(box, plane.value[0], n_side, keep=0.5)
    ]
    return [*rows, side] if side else rows


def lesion_slices(change: NDArray[Any], count: int) -> list[int]:
    """Return axial slices that show the changed lesions, the most change first.

    Each step takes the slice with the largest area of lesions that no slice before it shows, so
    that a small new lesion is not crowded out by a large changing one.

    Parameters
    ----------
    change : ndarray, shape (x, y, z)
        Not zero where a lesion changed.
    count : int
        Largest number of slices.
    """
    box = bounding_box(change, (1.0, 1.0, 1.0), margin_mm=0)
    lesions, number = label(change[box] != 0, structure=np.ones((3, 3, 3)))
    area = np.zeros((number + 1, lesions.shape[2]), dtype=np.int64)
    for index in range(lesions.shape[2]):
        area[:, index] = np.bincount(lesions[:, :, index].ravel(), minlength=number + 1)
    area[0] = 0
    chosen: list[int] = []
    while len(chosen) < count and area.any():
        best = int(area.sum(axis=0).argmax())
        chosen.append(box[2].start + best)
        area[area[:, best] > 0] = 0
    return chosen
