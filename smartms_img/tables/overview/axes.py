"""Scales, round numbers for axes, and coordinates as text."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor, log10

_PADDING = 0.05


@dataclass(frozen=True)
class Scale:
    """Linear map from values to pixels; what lies beyond is held at the edge.

    >>> scale = Scale(0, 10, 200, 100)
    >>> scale(5), scale(-3), scale(99)
    (150.0, 200.0, 100.0)
    """

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Return the pixel of a value."""
        part = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return self.start + part * (self.end - self.start)


def padded(low: float, high: float, smallest: float = 0.0) -> tuple[float, float]:
    """Return a range with room on either side, and at least ``smallest`` wide.

    >>> padded(0, 10)
    (-0.5, 10.5)
    >>> padded(4, 4)[0] < 4 < padded(4, 4)[1]
    True
    """
    room = max(_PADDING * (high - low), (smallest - (high - low)) / 2)
    room = room or _PADDING * abs(low) or 1.0
    return low - room, high + room


def round_ticks(
    low: float, high: float, most: int = 7, step: float = 0.0
) -> list[tuple[float, str]]:
    """Return at most ``most`` multiples of 1, 2 or 5 times a power of ten, with their text.

    Parameters
    ----------
    low, high : float
        Range of the axis.
    most : int, optional
        Most ticks.
    step : float, optional
        Smallest step, 1 for counts.

    Examples
    --------
    >>> round_ticks(-0.42, 0.13)
    [(-0.4, '-0.4'), (-0.3, '-0.3'), (-0.2, '-0.2'), (-0.1, '-0.1'), (0.0, '0.0'), (0.1, '0.1')]
    >>> [text for _, text in round_ticks(980, 1220)]
    ['1000', '1050', '1100', '1150', '1200']
    """
    power = 10.0 ** floor(log10((high - low) / most))
    for factor in (1, 2, 5, 10, 20):
        size = max(factor * power, step)
        first, last = ceil(low / size), floor(high / size)
        if last - first < most:
            break
    decimals = max(0, -floor(log10(size) + 1e-9))
    values = [round(number * size, decimals) + 0.0 for number in range(first, last + 1)]
    return [(value, f"{value:.{decimals}f}") for value in values]


def px(value: float) -> str:
    """Return a coordinate rounded to a tenth of a pixel.

    >>> px(12.04), px(12.36), px(-0.01)
    ('12', '12.4', '0')
    """
    return number(value, 1).removesuffix(".0")


def number(value: float, decimals: int) -> str:
    """Return a number with fixed decimals, and no negative zero.

    >>> number(-0.0004, 3), number(2.5, 1)
    ('0.000', '2.5')
    """
    return f"{round(value, decimals) + 0.0:.{decimals}f}"
