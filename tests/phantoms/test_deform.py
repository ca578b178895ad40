from __future__ import annotations

import numpy as np
import pytest

from smartms_img.phantoms.deform import (
    FIELD_MM,
    anatomy,
    at_nodes,
    displacement_of_growth,
    invert,
    move,
    nodes,
    volume_ratio,
)

SHAPE = (40, 44, 36)


@pytest.fixture(scope="module")
def wave() -> np.ndarray:
    x, y, z = nodes(SHAPE) / 80 * np.pi
    return 2 * np.stack([np.sin(x) * np.sin(y), np.sin(y) * np.sin(z), np.sin(2 * z)]).astype(
        np.float32
    )


def test_inverse_brings_every_point_back(wave):
    points = nodes(SHAPE)[:, 5:-5, 5:-5, 5:-5]
    back = move(invert(wave), move(wave, points))
    assert np.abs(back - points).max() < 0.02


def test_volume_ratio_is_that_of_the_derivative(wave):
    x, y, z = nodes(SHAPE) / 80 * np.pi
    k = 2 * np.pi / 80
    zero = np.zeros_like(x)
    derivative = np.array(
        [
            [1 + k * np.cos(x) * np.sin(y), k * np.sin(x) * np.cos(y), zero],
            [zero, 1 + k * np.cos(y) * np.sin(z), k * np.sin(y) * np.cos(z)],
            [zero, zero, 1 + 2 * k * np.cos(2 * z)],
        ]
    )
    expected = np.linalg.det(np.moveaxis(derivative, (0, 1), (-2, -1)))
    inner = (slice(1, -1),) * 3
    assert np.abs(volume_ratio(move(wave, nodes(SHAPE))) - expected)[inner].max() < 2e-3


def test_growing_ball_pushes_outwards_as_gauss_says():
    x, y, z = nodes((51, 51, 51)) - 50
    radius = np.sqrt(x**2 + y**2 + z**2)
    # A growing ball in a shell that shrinks by as much: nothing moves outside, and within
    # u = g r / 3, between them what flows through a sphere is the growth of the ball.
    ball, shell = radius <= 20, (radius > 30) & (radius <= 40)
    growth = np.where(ball, 0.01, 0) - shell * (0.01 * ball.sum() / shell.sum())
    field = displacement_of_growth(growth.astype(np.float32))
    along = field[0, 25:, 25, 25]  # every 2 mm from the centre outwards
    volume = 0.01 * ball.sum() * FIELD_MM**3
    assert along[5] == pytest.approx(0.01 * 10 / 3, rel=0.03)
    assert along[13] == pytest.approx(volume / (4 * np.pi * 26**2), rel=0.03)
    assert abs(along[23]) < 0.03 * along[5]


def test_heads_differ_and_the_same_seed_gives_the_same_head():
    shape = (99, 117, 107)
    first, again, other = (anatomy(shape, np.random.default_rng(seed), 0.93) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert np.abs(first - other).max() > 1
    ratio = volume_ratio(move(first, nodes(shape)))
    assert ratio.min() > 0.4


def test_volume_is_kept_when_averaged_onto_nodes():
    fine = np.zeros((41, 41, 41))
    fine[10:20, 12:25, 14:16] = 1
    assert at_nodes(fine).sum() * FIELD_MM**3 == pytest.approx(fine.sum())
