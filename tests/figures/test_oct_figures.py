"""OCT figures: something is drawn where it belongs, and the same input gives the same pixels."""

import numpy as np

from smartms_img.figures.oct import (
    COLOURS,
    bscan_montage,
    bscan_strip,
    change_map,
    fundus_view,
    thickness_map,
    tsnit_curve,
    tsnit_of_eyes,
)
from smartms_img.figures.png import figure_pixels
from smartms_img.oct.boundaries import BOUNDARIES

BSCANS = np.random.default_rng(0).random((4, 120, 80)).astype(np.float32)
CURVES = {name: np.full((4, 80), 30.0 + 8 * k) for k, name in enumerate(BOUNDARIES)}

ANGLES = (np.arange(36) * 10.0 + 52.0) % 360


def test_every_boundary_has_its_own_colour():
    assert tuple(COLOURS) == BOUNDARIES
    assert len(set(COLOURS.values())) == len(BOUNDARIES)


def test_strip_shows_unknown_parts_as_gaps():
    curves = {name: curve.copy() for name, curve in CURVES.items()}
    curves["ILM"][:, 20:60] = np.nan
    axes = bscan_strip(BSCANS[0], curves, 0, title="t").axes[0]
    drawn = {line.get_label(): line.get_ydata() for line in axes.lines}
    assert np.isnan(drawn["ILM"]).sum() == 40
    assert len(drawn) == len(BOUNDARIES)
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # row 0 on top


def test_montage_has_as_many_panels_as_bscans():
    figure = bscan_montage(BSCANS, CURVES, title="t")
    assert sum(bool(axes.images) for axes in figure.axes) == 4


def test_tsnit_runs_from_temporal_to_temporal():
    figure = tsnit_curve({"smartms": (ANGLES, np.arange(36.0))}, {"T": 90.0}, title="t")
    axes = figure.axes[0]
    (line,) = (line for line in axes.lines if len(line.get_xdata()) > 2)
    assert (np.diff(line.get_xdata()) > 0).all()
    assert line.get_ydata()[0] == 31.0  # the A-scan at 2 degrees
    assert axes.get_xlim() == (0, 360)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["T", "S", "N", "I", "T"]
    assert any(text.get_text() == "T\n90" for text in axes.texts)


def test_both_eyes_have_a_curve_a_visit():
    curve = ANGLES, np.full(36, 90.0)
    figure = tsnit_of_eyes({"OD": {"M00": curve, "M06": curve}, "OS": {"M00": curve}}, title="t")
    assert [len(axes.lines) for axes in figure.axes] == [2, 1]
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["OD", "OS"]


def test_map_puts_nasal_right_and_superior_up():
    x, y = np.meshgrid(np.linspace(-3, 3, 30), np.linspace(3, -3, 20))
    figure = thickness_map(x, y, 300 + x, (0.0, 0.0), {"IN": 310.0, "OS": 290.0}, title="t")
    places = {text.get_text(): text.get_position() for text in figure.axes[0].texts}
    assert places["310"] == (1.0, 0.0)
    assert places["290"] == (0.0, 2.25)
    assert figure.axes[0].get_ylim()[0] < figure.axes[0].get_ylim()[1]


def test_loss_is_red():
    x, y = np.meshgrid(np.linspace(-3, 3, 30), np.linspace(3, -3, 20))
    figure = change_map(x, y, np.full(x.shape, -15.0), None, title="t")
    red, _, blue, _ = figure.axes[0].collections[0].to_rgba(np.array([-15.0]))[0]
    assert red > blue


def test_same_picture_same_pixels():
    image = np.arange(100, dtype=np.uint8).reshape(10, 10)
    line = [np.array([[0.0, 0.0], [1.0, 1.0]])]
    first, second = (
        figure_pixels(fundus_view(image, (0.1, 0.1), line, title="t")) for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)
