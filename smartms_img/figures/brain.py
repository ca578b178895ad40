"""Snapshots of the brain.

Every function takes volumes in RAS+ orientation (x to the right, y to the front, z up) with their
voxel size, and returns RGB pixels, shape (height, width, 3). Pictures follow the radiological
convention: the patient's right is at the left, marked R.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import to_rgba
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from smartms_img.figures.canvas import BAR_PX, Canvas, arrange
from smartms_img.figures.planes import (
    Tile,
    bounding_box,
    overview,
)

Volume = NDArray[Any]
Picture = NDArray[np.uint8]
Spacing = tuple[float, float, float]
Window = tuple[float, float]

MARGIN_MM = 10.0
MAP_COLOURS = "RdBu"


def hide_face(image: Volume, brain: Volume, spacing_mm: Spacing) -> NDArray[np.float32]:
    """Return the image with everything farther than ``MARGIN_MM`` from the brain at -inf, black.

    Parameters
    ----------
    image, brain : ndarray, shape (x, y, z)
        Grey values, and the mask of the brain; without any, nothing is hidden.
    spacing_mm : tuple of float
        Voxel size.
    """
    if not np.any(brain):
        return image.astype(np.float32)
    # Nothing outside of the box is near; the distances in it take most of the time.
    box = bounding_box(brain > 0, spacing_mm, MARGIN_MM + max(spacing_mm))
    distance_mm = distance_transform_edt(brain[box] <= 0, sampling=spacing_mm)
    shown = np.full(image.shape, -np.inf, dtype=np.float32)
    shown[box] = np.where(distance_mm <= MARGIN_MM, image[box], -np.inf)
    return shown


def robust_window(image: Volume, brain: Volume) -> Window:
    """Return the grey values to show as black and white: 0.5th and 99.8th percentile in a mask.

    Give one window to all pictures of a subject's contrast, so that they can be compared.
    Where the mask is empty, the whole image counts.
    """
    values = image[brain > 0] if np.any(brain) else image.ravel()
    low, high = np.percentile(values[np.isfinite(values)], [0.5, 99.8])
    return float(low) - 0.1 * float(high - low), float(high)


def mosaic(
    image: Volume,
    contours: Mapping[str, tuple[Volume, str]],
    *,
    spacing_mm: Spacing,
    title: str,
    brain: Volume,
    window: Window | None = None,
    n_slices: int = 12,
) -> Picture:
    """Draw axial, sagittal and coronal slices with the outlines of masks.

    Parameters
    ----------
    image : ndarray, shape (x, y, z)
        Grey values.
    contours : mapping of name to (mask, colour)
        Masks of the image's shape, drawn in order; name and colour make the legend.
    spacing_mm : tuple of float
        Voxel size.
    title : str
        Head line.
    brain : ndarray, shape (x, y, z)
        Mask that the picture is cropped to, with a margin of ``MARGIN_MM``.
    window : tuple of float, optional
        Grey values shown as black and white; default :func:`robust_window`.
    n_slices : int
        Number of axial slices.
    """
    canvas = _grey_overview(image, spacing_mm, title, brain, window, n_slices)
    for tile in canvas.tiles:
        for mask, colour in contours.values():
            canvas.outline(tile, mask, colour)
    canvas.legend({name: colour for name, (_, colour) in contours.items()})
    return canvas.render()


def regions_mosaic(
    image: Volume,
    labels: Volume,
    colours: Mapping[int, tuple[str, str]],
    *,
    spacing_mm: Spacing,
    title: str,
    brain: Volume,
    window: Window | None = None,
    n_slices: int = 12,
) -> Picture:
    """Draw labelled regions as translucent colours; other arguments as :func:`mosaic`.

    Parameters
    ----------
    labels : ndarray of int, shape (x, y, z)
        Region of every voxel; labels without a colour are not shown.
    colours : mapping of label to (name, colour)
        Legend.
    """
    canvas = _grey_overview(image, spacing_mm, title, brain, window, n_slices)
    table = np.zeros((max(*colours, int(labels.max())) + 1, 4))
    for value, (_, colour) in colours.items():
        table[value] = to_rgba(colour, 0.45)
    for tile in canvas.tiles:
        canvas.blend(tile, table[tile.nearest(labels).astype(np.intp)])
    canvas.legend(dict(colours.values()))
    return canvas.render()


def map_mosaic(
    image: Volume,
    values: Volume,
    mask: Volume,
    *,
    limits: Window,
    label: str,
    spacing_mm: Spacing,
    title: str,
    window: Window | None = None,
) -> Picture:
    """Draw a map within a mask as colours over the image, with a colour bar.

    Parameters
    ----------
    values : ndarray, shape (x, y, z)
        The map, for example the logarithm of the Jacobian determinant.
    mask : ndarray, shape (x, y, z)
        Where the map is shown; the picture is cropped to it.
    limits : tuple of float
        Values at the ends of the colour bar.
    label : str
        Name and unit of the map.

    Other arguments as :func:`mosaic`. Red is below the middle of ``limits``, blue above.
    """
    box = bounding_box(mask, spacing_mm, MARGIN_MM)
    window = window or robust_window(image, mask)
    canvas = _greys(image, arrange(overview(box, spacing_mm, 12, 3)), title, window, BAR_PX)
    low, high = limits
    for tile in canvas.tiles:
        scaled = (np.nan_to_num(tile.nearest(values).astype(np.float32)) - low) / (high - low)
        rgba = mpl.colormaps[MAP_COLOURS](np.clip(scaled, 0, 1))
        rgba[..., 3] = 0.65 * (tile.nearest(mask) > 0)
        canvas.blend(tile, rgba)
    canvas.colour_bar(MAP_COLOURS, limits, label)
    return canvas.render()


def _grey_overview(
    image: Volume,
    spacing_mm: Spacing,
    title: str,
    brain: Volume,
    window: Window | None,
    n_slices: int,
) -> Canvas:
    box = bounding_box(brain, spacing_mm, MARGIN_MM)
    rows = arrange(overview(box, spacing_mm, n_slices, 3))
    return _greys(image, rows, title, window or robust_window(image, brain), 0)


def _greys(
    image: Volume, rows: list[list[Tile]], title: str, window: Window, right_px: int
) -> Canvas:
    canvas = Canvas((tile for row in rows for tile in row), title=title, right_px=right_px)
    for tile in canvas.tiles:
        canvas.put(tile, tile.grey(image, window))
    canvas.mark_sides()
    return canvas
