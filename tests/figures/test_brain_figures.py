from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import distance_transform_edt

from smartms_img.figures.brain import (
    MARGIN_MM,
    hide_face,
    map_mosaic,
    mosaic,
    regions_mosaic,
    robust_window,
)
from smartms_img.figures.lesion_change import lesion_gallery
from smartms_img.figures.png import save_png
from smartms_img.figures.triptych import change_frames, visit_frames

SPACING = (2.0, 2.0, 2.0)
SHAPE = (60, 70, 60)


@pytest.fixture(scope="module")
def ball() -> np.ndarray:
    x, y, z = np.indices(SHAPE)
    return (x - 30) ** 2 + (y - 35) ** 2 + (z - 30) ** 2 < 24**2


@pytest.fixture(scope="module")
def image(ball: np.ndarray) -> np.ndarray:
    return np.where(ball, 100.0, 5.0)


def red(picture: np.ndarray) -> np.ndarray:
    wide = picture.astype(int)
    return (wide[..., 0] > 150) & (wide[..., 1] < 90) & (wide[..., 2] < 90)


def test_outline_is_drawn_in_its_colour_and_not_without_a_mask(ball, image):
    look = {"spacing_mm": SPACING, "title": "T1w", "brain": ball, "window": (0.0, 100.0)}
    with_mask = mosaic(image, {"brain": (ball, "#ff0000")}, **look)
    assert red(with_mask).sum() > 1000
    assert not red(mosaic(image, {}, **look)).any()


def test_regions_are_tinted_where_they_are(ball, image):
    picture = regions_mosaic(
        image,
        ball.astype(np.uint8),
        {1: ("ball", "#ff0000")},
        spacing_mm=SPACING,
        title="regions",
        brain=ball,
        window=(0.0, 200.0),
    )
    # Half grey under 45 % red.
    tint = np.array([round(0.45 * 255 + 0.55 * 128), round(0.55 * 128), round(0.55 * 128)])
    share = (np.abs(picture.astype(int) - tint).max(axis=-1) <= 2).mean()
    assert share > 0.2


def test_map_is_red_below_and_blue_above(ball, image):
    def colours(value: float) -> np.ndarray:
        values = np.full(SHAPE, value)
        picture = map_mosaic(
            image, values, ball, limits=(-1, 1), label="x", spacing_mm=SPACING, title=""
        )
        middle = picture[:, : picture.shape[1] - 120].astype(int)
        return np.array([(middle[..., 0] - middle[..., 2]).sum()])

    assert colours(-1) > 0 > colours(1)


def test_change_is_outlined_in_the_last_frame_only(ball, image):
    change = np.zeros(SHAPE, dtype=np.uint8)
    change[28:34, 30:36, 28:32] = 1
    look = {"spacing_mm": SPACING, "brain": ball}

    def has_red(frame: np.ndarray) -> bool:
        return bool(((frame[40:, :, 0].astype(int) - frame[40:, :, 1]) > 90).any())

    frames = change_frames(image, image, change, change > 0, **look)
    assert [has_red(frame) for frame in frames] == [False, False, True]
    assert len({frame.shape for frame in frames}) == 1
    quiet = change_frames(image, image, change * 0, change > 9, **look)
    assert not any(has_red(frame) for frame in quiet)


def test_frames_of_both_visits_have_one_window_and_size(ball, image):
    first, second = visit_frames(image, image * 0.5, spacing_mm=SPACING, brain=ball)
    assert first.shape == second.shape
    inside = first[..., 0] > 150
    assert np.median(second[inside]) < 0.6 * np.median(first[inside])


def test_what_is_far_from_the_brain_is_hidden(ball, image):
    shown = hide_face(image + 1000.0 * ~ball, ball, SPACING)
    seen = np.isfinite(shown)
    assert seen[ball].all()
    far = distance_transform_edt(~ball, sampling=SPACING) > MARGIN_MM
    assert far.any() and not seen[far].any()
    assert np.isfinite(hide_face(image, ball & False, SPACING)).all()


def test_the_gallery_has_a_row_for_each_new_or_enlarging_lesion(ball, image):
    change = np.zeros(SHAPE, dtype=np.uint8)
    change[28:34, 30:36, 28:32] = 1
    look = {"spacing_mm": SPACING, "names": ("M00", "M06"), "title": "", "brain": ball}
    one = lesion_gallery(image, image, change, **look)
    change[28:32, 16:20, 20:24] = 2
    two = lesion_gallery(image, image, change, **look)
    change[20:23, 30:34, 36:40] = 4
    assert lesion_gallery(image, image, change, **look).shape == two.shape
    assert two.shape[0] > 1.8 * one.shape[0] - 40
    assert lesion_gallery(image, image, 4 * (change == 4), **look) is None


def test_window_ignores_what_is_outside_the_brain(ball, image):
    loud = np.where(ball, image, 1e6)
    assert robust_window(loud, ball)[1] == pytest.approx(100)


def test_png_has_the_pixels_and_no_metadata(tmp_path: Path, ball, image):
    picture = mosaic(image, {}, spacing_mm=SPACING, title="T1w", brain=ball)
    save_png(picture, tmp_path / "figures" / "a.png")
    save_png(picture, tmp_path / "figures" / "b.png")
    with Image.open(tmp_path / "figures" / "a.png") as stored:
        assert np.array_equal(np.asarray(stored), picture)
        assert stored.info == {}
    names = sorted(path.name for path in (tmp_path / "figures").iterdir())
    assert names == ["a.png", "b.png"]
    assert len({(tmp_path / "figures" / name).read_bytes() for name in names}) == 1
