"""Snapshots of lesions that changed between two visits.

Volumes and pictures as in :mod:`smartms_img.figures.brain`.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from smartms_img.figures.brain import Picture, Spacing, Volume, robust_window
from smartms_img.figures.canvas import HEAD_PX, Canvas, arrange
from smartms_img.figures.planes import Plane, Tile

GALLERY_LESIONS = 12
GALLERY_MM = 36.0
GALLERY_ZOOM = 2.5

# The classes of a lesion change map and their colours, readable with red-green blindness.
CHANGE_CLASSES: dict[int, tuple[str, str]] = {
    1: ("new", "#ff5c5c"),
    2: ("enlarging", "#ffb000"),
    3: ("shrinking", "#4da3ff"),
    4: ("resolved", "#5ee6c5"),
}
STABLE_COLOUR = "#c77dff"
_GALLERY_CLASSES = (1, 2)


def lesion_gallery(
    first: Volume,
    second: Volume,
    change: Volume,
    *,
    spacing_mm: Spacing,
    names: tuple[str, str],
    title: str,
    brain: Volume,
) -> Picture | None:
    """Draw each new or enlarging lesion in three planes at both visits, the largest first.

    Parameters
    ----------
    first, second : ndarray, shape (x, y, z)
        Baseline and follow-up in one space.
    change : ndarray of int, shape (x, y, z)
        Classes of ``CHANGE_CLASSES``.
    spacing_mm, title, brain
        As for :func:`smartms_img.figures.brain.mosaic`.
    names : tuple of str
        Names of the visits.

    Returns
    -------
    ndarray or None
        A row a lesion, at most ``GALLERY_LESIONS``; None if there is no such lesion.
    """
    labels, count = ndimage.label(np.isin(change, _GALLERY_CLASSES), np.ones((3, 3, 3)))
    if not count:
        return None
    sizes = np.bincount(labels.ravel())[1:]
    shown = (np.argsort(-sizes, kind="stable")[:GALLERY_LESIONS] + 1).tolist()
    centres = ndimage.center_of_mass(labels > 0, labels, shown)
    rows = [_lesion_row(centre, change.shape, spacing_mm) for centre in centres]
    windows = (robust_window(first, brain), robust_window(second, brain))
    of = f" of {count}" if count > len(shown) else ""
    canvas = Canvas(
        (tile for row in arrange(rows, HEAD_PX) for tile in row),
        title=f"{title}: {len(shown)}{of}",
    )
    per_row = len(rows[0])
    for number, tile in enumerate(canvas.tiles):
        visit, lesion = number % 2, number // per_row
        canvas.put(tile, tile.grey((first, second)[visit], windows[visit]))
        if visit:
            outline_change(canvas, tile, change, change * 0)
        text = names[visit]
        if number % per_row == 0:
            volume_mm3 = sizes[shown[lesion] - 1] * np.prod(spacing_mm)
            text = f"{lesion + 1}: {volume_mm3:.0f} mm\u00b3  {text}"
        canvas.write(tile.left_px + 3, tile.top_px + 8, text, size=8)
    canvas.mark_sides()
    classes = {CHANGE_CLASSES[value][0]: CHANGE_CLASSES[value][1] for value in _GALLERY_CLASSES}
    canvas.legend(classes)
    return canvas.render()


def outline_change(canvas: Canvas, tile: Tile, change: Volume, lesions: Volume) -> None:
    """Draw the outlines of lesions over a tile, in the colours of their classes."""
    canvas.outline(tile, lesions, STABLE_COLOUR)
    for value, (_, colour) in CHANGE_CLASSES.items():
        canvas.outline(tile, change == value, colour)


def _lesion_row(
    centre: tuple[float, ...], shape: tuple[int, ...], spacing_mm: Spacing
) -> list[Tile]:
    """Return both visits in each plane through a point, within a box about it."""
    at = [round(position) for position in centre]
    half = [round(GALLERY_MM / 2 / mm) for mm in spacing_mm]
    starts = [max(0, min(c - h, n - 2 * h - 1)) for c, h, n in zip(at, half, shape, strict=True)]
    x, y, z = (
        slice(start, min(n, start + 2 * h + 1))
        for start, h, n in zip(starts, half, shape, strict=True)
    )
    return [
        Tile(plane, at[plane.value[0]], (x, y, z), spacing_mm, zoom=GALLERY_ZOOM)
        for plane in Plane
        for _ in range(2)
    ]
