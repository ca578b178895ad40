from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from smartms_img.figures.brain import (
    flicker,
    map_mosaic,
    mosaic,
    regions_mosaic,
    robust_window,
)
from smartms_img.figures.lesion_change import change_mosaic, lesion_gallery
from smartms_img.figures.png import save_png

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


def test_change_is_outlined_in_both_visits_in_the_colour_of_its_class(ball, image):
    change = np.zeros(SHAPE, dtype=np.uint8)
    change[28:34, 30:36, 28:32] = 1
    look = {"spacing_mm": SPACING, "names": ("M00", "M06"), "title": "", "brain": ball}
    picture = change_mosaic(image, image, change, change > 0, **look)[40:]
    reddish = (picture[..., 0].astype(int) - picture[..., 1]) > 90
    half = picture.shape[1] // 2
    assert reddish[:, :half].any() and reddish[:, half:].any()
    quiet = change_mosaic(image, image, change * 0, change > 9, **look)[40:]
    assert not ((quiet[..., 0].astype(int) - quiet[..., 1]) > 90).any()


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


def test_flicker_shows_two_frames_and_repeats_to_the_byte(tmp_path: Path, ball, image):
    paths = [tmp_path / name for name in ("a.webp", "b.webp")]
    for path in paths:
        flicker(
            image,
            image * 0.5,
            path,
            spacing_mm=SPACING,
            names=("M00", "M06"),
            title="T1w",
            brain=ball,
            windows=((0.0, 100.0), (0.0, 100.0)),
        )
    assert paths[0].read_bytes() == paths[1].read_bytes()
    with Image.open(paths[0]) as animation:
        assert animation.n_frames == 2
        levels = []
        for frame in range(2):
            animation.seek(frame)
            levels.append(np.asarray(animation.convert("L")).max())
    assert levels[0] > 200


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
