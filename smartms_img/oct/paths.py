"""Best paths through score images by dynamic programming (Viterbi)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FORBIDDEN = -1e6


def best_path(
    score: NDArray[np.float32], max_step: int, step_penalty: float, *, periodic: bool = False
) -> NDArray[np.int64]:
    """Return in each B-scan the row of every A-scan on the path with the highest total score.

    Parameters
    ----------
    score : ndarray, shape (n_bscans, ascans, rows)
        Reward of passing a pixel.
    max_step : int
        Largest change of row between neighbouring A-scans.
    step_penalty : float
        Price of a step of s rows: ``step_penalty * s**2``.
    periodic : bool
        The last A-scan is a neighbour of the first (ring scans).

    Returns
    -------
    ndarray of int, shape (n_bscans, ascans)

    Examples
    --------
    >>> score = np.zeros((1, 4, 5), np.float32)
    >>> score[0, [0, 1, 2, 3], [1, 1, 2, 2]] = 1
    >>> best_path(score, max_step=1, step_penalty=0.1).tolist()
    [[1, 1, 2, 2]]
    """
    if not periodic:
        return _viterbi(score, max_step, step_penalty)
    # More than one turn round the circle: the middle of the result has seen both of its sides.
    ascans = score.shape[1]
    extra = ascans // 5
    turned = np.concatenate([score[:, ascans - extra :], score, score[:, :extra]], axis=1)
    return _viterbi(turned, max_step, step_penalty)[:, extra : extra + ascans]


def _viterbi(score: NDArray[np.float32], max_step: int, step_penalty: float) -> NDArray[np.int64]:
    n_bscans, ascans, rows = score.shape
    columns = np.ascontiguousarray(score.transpose(1, 0, 2), dtype=np.float32)
    # Best total up to each pixel, with a forbidden margin so that steps need no border case.
    total = np.full((ascans, n_bscans, rows + 2 * max_step), 10 * FORBIDDEN, np.float32)
    middle = slice(max_step, max_step + rows)
    # Small steps first: of equal totals the straighter path wins.
    steps = np.array(sorted(range(-max_step, max_step + 1), key=lambda s: (abs(s), s)))
    prices = (step_penalty * steps**2).astype(np.float32)
    total[0, :, middle] = columns[0]
    candidate = np.empty((n_bscans, rows), np.float32)
    for ascan in range(1, ascans):
        before, best = total[ascan - 1], total[ascan, :, middle]
        best[:] = before[:, middle]
        for step, price in zip(steps[1:], prices[1:], strict=True):
            start = max_step + step
            np.subtract(before[:, start : start + rows], price, out=candidate)
            np.maximum(best, candidate, out=best)
        best += columns[ascan]
    path = np.empty((n_bscans, ascans), np.int64)
    path[:, -1] = total[-1, :, middle].argmax(axis=1)
    every = np.arange(n_bscans)[:, None]
    for ascan in range(ascans - 1, 0, -1):
        reached = total[ascan - 1, every, path[:, ascan, None] + max_step + steps] - prices
        path[:, ascan - 1] = path[:, ascan] + steps[reached.argmax(axis=1)]
    return path


def subpixel(score: NDArray[np.float32], path: NDArray[np.int64]) -> NDArray[np.float64]:
    """Move a path to the top of the parabola through its score and those of both neighbours.

    A pixel whose score is no local maximum, or that lies on an edge of the image, stays.

    Parameters
    ----------
    score : ndarray, shape (n_bscans, ascans, rows)
    path : ndarray of int, shape (n_bscans, ascans)

    Returns
    -------
    ndarray of float, shape (n_bscans, ascans)
    """
    rows = score.shape[2]
    inner = np.clip(path, 1, rows - 2)
    above, here, below = (
        np.take_along_axis(score, (inner + k)[..., None], axis=2)[..., 0].astype(np.float64)
        for k in (-1, 0, 1)
    )
    curvature = above - 2 * here + below
    peak = (here >= above) & (here >= below) & (curvature < -1e-9) & (inner == path)
    shift = np.where(peak, 0.5 * (above - below) / np.where(peak, curvature, -1.0), 0.0)
    return path + np.clip(shift, -0.5, 0.5)
