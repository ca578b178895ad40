"""Both visits of a pair as frames of one size, to be shown side by side and in turn.

Volumes and pictures as in :mod:`smartms_img.figures.brain`. Frames name no visit: the page that
shows them does, or, to blinded readers, does not.
"""

from __future__ import annotations

from collections.abc import Sequence

from smartms_img.figures.brain import MARGIN_MM, Picture, Spacing, Volume, Window, robust_window
from smartms_img.figures.canvas import GAP_PX, HEAD_PX, Canvas, arrange
from smartms_img.figures.lesion_change import CHANGE_CLASSES, STABLE_COLOUR, outline_change
from smartms_img.figures.planes import Plane, Tile, bounding_box, lesion_slices, spread

_AXIAL_SLICES = 4
_CHANGE_SLICES = 6
_PER_ROW = 2


def visit_frames(
    first: Volume, second: Volume, *, spacing_mm: Spacing, brain: Volume
) -> list[Picture]:
    """Draw axial slices, a sagittal and a coronal one of each visit, at one window for both.

    Parameters
    ----------
    first, second : ndarray, shape (x, y, z)
        Baseline and follow-up in one space, at one level of grey values.
    spacing_mm : tuple of float
        Voxel size.
    brain : ndarray, shape (x, y, z)
        Mask that the frames are cropped to, with a margin.
    """
    box = bounding_box(brain, spacing_mm, MARGIN_MM)
    indices = spread(box, 2, _AXIAL_SLICES, keep=0.6)
    tiles = [Tile(Plane.AXIAL, index, box, spacing_mm) for index in indices]
    tiles += [
        Tile(plane, spread(box, plane.value[0], 3, keep=0.25)[place], box, spacing_mm)
        for plane, place in ((Plane.SAGITTAL, 0), (Plane.CORONAL, 1))
    ]
    windows = robust_window(first, brain), robust_window(second, brain)
    window = min(low for low, _ in windows), max(high for _, high in windows)
    placed = _rows(tiles, GAP_PX)
    return [_frame(image, placed, window).render() for image in (first, second)]


def change_frames(
    first: Volume,
    second: Volume,
    change: Volume,
    lesions: Volume,
    *,
    spacing_mm: Spacing,
    brain: Volume,
) -> list[Picture]:
    """Draw both visits where lesions changed most, and the second once more with outlines.

    Without any change the slices are spread evenly. FLAIR has no scale of grey values that visits
    share: each has its own window, by the same percentiles of the brain.

    Parameters
    ----------
    first, second : ndarray, shape (x, y, z)
        Baseline and follow-up in one space.
    change : ndarray of int, shape (x, y, z)
        Classes of ``CHANGE_CLASSES``; 0 where nothing changed.
    lesions : ndarray of bool, shape (x, y, z)
        Lesions of either visit.
    spacing_mm, brain
        As for :func:`visit_frames`.
    """
    box = bounding_box(brain, spacing_mm, MARGIN_MM)
    chosen = lesion_slices(change, _CHANGE_SLICES)
    others = [index for index in spread(box, 2, _CHANGE_SLICES, keep=0.6) if index not in chosen]
    indices = sorted((*chosen, *others[: _CHANGE_SLICES - len(chosen)]))
    placed = _rows([Tile(Plane.AXIAL, index, box, spacing_mm) for index in indices], HEAD_PX)
    plain = [_frame(image, placed, robust_window(image, brain)) for image in (first, second)]
    outlined = _frame(second, placed, robust_window(second, brain))
    for tile in outlined.tiles:
        outline_change(outlined, tile, change, lesions)
    if chosen:
        outlined.legend({"stable": STABLE_COLOUR} | dict(CHANGE_CLASSES.values()))
    else:
        outlined.write(GAP_PX, HEAD_PX / 2, "no lesion changed")
    return [canvas.render() for canvas in (*plain, outlined)]


def _rows(tiles: Sequence[Tile], top_px: int) -> list[Tile]:
    rows = [tiles[start : start + _PER_ROW] for start in range(0, len(tiles), _PER_ROW)]
    return [tile for row in arrange(rows, top_px) for tile in row]


def _frame(image: Volume, tiles: Sequence[Tile], window: Window) -> Canvas:
    canvas = Canvas(tiles, title="")
    for tile in tiles:
        canvas.put(tile, tile.grey(image, window))
    canvas.mark_sides()
    return canvas
