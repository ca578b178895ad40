from __future__ import annotations

import numpy as np
import pytest

from smartms_img.figures.planes import (
    PX_PER_MM,
    Plane,
    Tile,
    bounding_box,
    lesion_slices,
    overview,
    spread,
)

SHAPE = (20, 30, 10)
SPACING = (1.0, 1.0, 4.0)
BOX = tuple(slice(0, n) for n in SHAPE)


@pytest.mark.parametrize("plane", Plane)
def test_a_millimetre_has_as_many_pixels_along_both_sides(plane: Plane):
    _, across, down = plane.value
    expected = tuple(round(SHAPE[axis] * SPACING[axis] * PX_PER_MM) for axis in (across, down))
    assert Tile(plane, 5, BOX, SPACING).size_px == expected


@pytest.mark.parametrize(
    ("plane", "voxel", "left", "top"),
    [
        (Plane.AXIAL, (19, 29, 5), True, True),  # right and front
        (Plane.AXIAL, (0, 0, 5), False, False),
        (Plane.CORONAL, (19, 5, 9), True, True),  # right and up
        (Plane.SAGITTAL, (5, 29, 9), True, True),  # front and up
        (Plane.SAGITTAL, (5, 0, 9), False, True),
    ],
)
def test_slices_are_shown_in_radiological_convention(plane, voxel, left, top):
    image = np.zeros(SHAPE)
    image[voxel] = 1
    pixels = Tile(plane, 5, BOX, SPACING).grey(image, (0, 1))
    rows, columns = np.nonzero(pixels > 128)
    assert (columns.mean() < pixels.shape[1] / 2) == left
    assert (rows.mean() < pixels.shape[0] / 2) == top


def test_window_maps_onto_all_grey_values_and_clips():
    image = np.full(SHAPE, 5.0)
    tile = Tile(Plane.AXIAL, 0, BOX, SPACING)
    assert [int(tile.grey(image, w).max()) for w in ((5, 6), (4, 5), (0, 10))] == [0, 255, 128]


def test_contour_of_a_box_runs_along_the_voxels_edges():
    mask = np.zeros(SHAPE, dtype=bool)
    mask[4:8, 10:20, 5] = True
    [line] = Tile(Plane.AXIAL, 5, BOX, SPACING, left_px=100, top_px=50).contours(mask)
    # Columns run from voxel 19 down to 0: the mask's edges are 12 and 16 voxels from the left,
    # and 10 and 20 voxels from the front; pixel centres lie half a pixel after an edge.
    assert line[:, 0].min() == pytest.approx(100 + 12 * PX_PER_MM - 0.5)
    assert line[:, 0].max() == pytest.approx(100 + 16 * PX_PER_MM - 0.5)
    assert line[:, 1].min() == pytest.approx(50 + 10 * PX_PER_MM - 0.5)
    assert line[:, 1].max() == pytest.approx(50 + 20 * PX_PER_MM - 0.5)


def test_contour_of_a_mask_at_the_border_is_closed():
    mask = np.ones(SHAPE, dtype=bool)
    [line] = Tile(Plane.CORONAL, 5, BOX, SPACING).contours(mask)
    assert np.array_equal(line[0], line[-1])


def test_bounding_box_has_a_margin_in_millimetres():
    mask = np.zeros(SHAPE, dtype=bool)
    mask[10, 12:15, 5] = True
    assert bounding_box(mask, SPACING, 4.0) == (slice(6, 15), slice(8, 19), slice(4, 7))
    assert bounding_box(np.zeros(SHAPE), SPACING, 4.0) == BOX


def test_slices_are_spread_evenly_over_the_middle():
    assert spread((slice(0, 101),) * 3, 2, 5, keep=0.8) == [10, 30, 50, 70, 90]


def test_overview_has_all_planes():
    rows = overview(BOX, SPACING, 12, 3)
    planes = [[tile.plane for tile in row] for row in rows]
    assert planes == [
        [Plane.AXIAL] * 6,
        [Plane.AXIAL] * 6,
        [Plane.SAGITTAL] * 3 + [Plane.CORONAL] * 3,
    ]


def test_slice_with_most_change_comes_first_and_no_lesion_is_left_out():
    change = np.zeros((20, 20, 20), dtype=np.uint8)
    change[2:8, 2:8, 10:14] = 2  # large
    change[2:9, 2:8, 12] = 2  # its largest slice
    change[15, 15, 3] = 1  # a single voxel
    assert lesion_slices(change, 6) == [12, 3]
    assert lesion_slices(change, 1) == [12]
    assert lesion_slices(change * 0, 6) == []
