"""One level of signal for two visits, before their registration estimates the rest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


def equal_level(earlier: Array, later: Array, valid: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Scale both images to a median of 1 in a mask.

    Nothing finer: a field fitted to images that are not registered yet takes displaced edges for
    bias, and what it takes is lost to the registration, which estimates bias and displacement
    jointly (:mod:`smartms_img.mri.longitudinal`).

    Parameters
    ----------
    earlier, later : ndarray
        Images on one grid.
    valid : ndarray of bool
        Tissue in both, away from edges.

    Examples
    --------
    >>> one = np.ones((2, 2, 2), dtype=np.float32)
    >>> [float(image[0, 0, 0]) for image in equal_level(3 * one, 5 * one, one > 0)]
    [1.0, 1.0]
    """
    first, second = (
        (image / np.median(image[valid])).astype(np.float32) for image in (earlier, later)
    )
    return first, second
