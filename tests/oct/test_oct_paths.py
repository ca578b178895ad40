"""Best paths against exhaustive search."""

from itertools import product

import numpy as np
import pytest

from smartms_img.oct.paths import best_path, subpixel


def brute_force(score, max_step, penalty, *, closed=False):
    ascans, rows = score.shape
    best, answer = -np.inf, None
    for path in product(range(rows), repeat=ascans):
        steps = np.diff([*path, path[0]] if closed else path)
        if np.abs(steps).max() > max_step:
            continue
        total = score[np.arange(ascans), path].sum() - penalty * (steps**2).sum()
        if total > best:
            best, answer = total, path
    return best, answer


@pytest.mark.parametrize("seed", range(8))
def test_open_path_is_the_best_of_all(seed):
    score = np.random.default_rng(seed).standard_normal((1, 6, 5)).astype(np.float32)
    path = best_path(score, 2, 0.3)[0]
    assert tuple(path) == brute_force(score[0], 2, 0.3)[1]


def test_bscans_are_independent():
    score = np.random.default_rng(1).standard_normal((3, 20, 9)).astype(np.float32)
    together = best_path(score, 1, 0.1)
    for k in range(3):
        np.testing.assert_array_equal(together[k], best_path(score[k : k + 1], 1, 0.1)[0])


def test_ring_closes():
    score = np.random.default_rng(2).standard_normal((1, 200, 30)).astype(np.float32)
    path = best_path(score, 1, 0.1, periodic=True)[0]
    assert abs(path[0] - path[-1]) <= 1


def test_subpixel_finds_the_top_of_a_parabola():
    rows = np.arange(11)
    score = -((rows - 4.3) ** 2)[None, None].astype(np.float32)
    assert subpixel(score, np.array([[4]]))[0, 0] == pytest.approx(4.3, abs=1e-5)
    assert subpixel(score, np.array([[0]]))[0, 0] == 0
