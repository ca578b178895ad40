"""Statistics that a few wild values leave alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def robust_sd(values: NDArray[Any]) -> float:
    """Return the standard deviation of a normal distribution with the same median deviation.

    >>> robust_sd(np.array([9.0, 10.0, 10.0, 11.0, 11.0, 9.0, 500.0]))
    1.4826
    """
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))
