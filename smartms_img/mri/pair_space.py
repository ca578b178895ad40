"""The grid of a pair, half way between the visits, and where the metric may look."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from smartms_img.mri.brain import dilate, erode

Mask = NDArray[np.bool_]

_HEAD_MARGIN_MM = 3.0


def grid_spacing_mm(finest_mm: float, spacings_mm: Sequence[tuple[float, float, float]]) -> float:
    """Return the voxel size of the halfway grid: no finer than the coarser scan can carry.

    A scan carries its geometric mean voxel size; thick slices thus give a coarser grid.

    >>> grid_spacing_mm(1.0, [(1.0, 1.0, 1.0), (0.9, 0.9, 3.0)])
    1.344
    """
    means = [float(np.prod(spacing)) ** (1 / 3) for spacing in spacings_mm]
    return round(max(finest_mm, *means), 3)


def voxel_ratio(first_mm: Sequence[float], second_mm: Sequence[float]) -> float:
    """Return the largest ratio between the voxel edges of two scans along one axis.

    >>> round(voxel_ratio((0.72, 0.72, 3.0), (0.91, 0.91, 3.0)), 3)
    1.264
    """
    return max(max(a, b) / min(a, b) for a, b in zip(first_mm, second_mm, strict=True))


def metric_mask(masks: Sequence[Mask], stripped: bool, spacing_mm: float, edge_mm: float) -> Mask:
    """Return where the similarity of two visits may be evaluated.

    Around whole heads the brain's outer boundary is signal, so the mask reaches beyond it. The
    edge of a skull-stripped scan is the edge of somebody's mask, so the metric stays ``edge_mm``
    inside.
    """
    spacing = (spacing_mm, spacing_mm, spacing_mm)
    if stripped:
        return erode(np.logical_and.reduce(masks), edge_mm, spacing)
    return dilate(np.logical_or.reduce(masks), _HEAD_MARGIN_MM, spacing)


def left_right_advantage(
    first: NDArray[np.float32], second: NDArray[np.float32], mask: Mask
) -> float:
    """Return how much better two aligned images agree than when one is mirrored.

    Positive for a pair of one orientation; negative where one of them was flipped, because a
    flipped head registers to its own mirror image.
    """
    centre = int(np.rint(np.argwhere(mask)[:, 0].mean()))
    reach = min(centre, mask.shape[0] - 1 - centre)
    window = slice(centre - reach, centre + reach + 1)
    a, b, inside = first[window], second[window], mask[window]
    both = inside & inside[::-1]
    straight = np.corrcoef(a[both], b[both])[0, 1]
    mirrored = np.corrcoef(a[both], b[::-1][both])[0, 1]
    return float(straight - mirrored)
