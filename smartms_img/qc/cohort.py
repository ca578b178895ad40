"""Where the checks of one unit stand among those of all units of the study."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from smartms_img.io.plan_table import PlanRow
from smartms_img.io.results import UnitResult
from smartms_img.naming import QcStatus, UnitKind
from smartms_img.robust import robust_sd

OUTLIER_SD = 3.5
_FEWEST_FOR_A_PLACE = 5
_FEWEST_FOR_OUTLIERS = 10
_BINS = 40
_WIDTH, _HEIGHT = 320.0, 40.0

Check = tuple[str, str]
"""What kind of unit was checked, in words, and the name of the metric."""


@dataclass(frozen=True)
class Distribution:
    """One metric over all units of a kind.

    Attributes
    ----------
    kind, metric, threshold : str
        What was checked.
    values : tuple of (float, str)
        Value and unit id, sorted.
    failed : int
        Units that the metric failed.
    unknown : int
        Units where it could not be computed.
    """

    kind: str
    metric: str
    threshold: str = ""
    values: tuple[tuple[float, str], ...] = ()
    failed: int = 0
    unknown: int = 0

    @cached_property
    def numbers(self) -> np.ndarray:
        """The values alone, sorted."""
        return np.array([value for value, _ in self.values])

    @property
    def median(self) -> float | None:
        """Median; None without values."""
        return float(np.median(self.numbers)) if self.values else None

    @cached_property
    def outliers(self) -> tuple[tuple[float, str], ...]:
        """Values farther from the median than 3.5 robust standard deviations, with unit ids.

        None with fewer than ten values, or where half of them or more are one value.
        """
        sd = robust_sd(self.numbers) if len(self.values) >= _FEWEST_FOR_OUTLIERS else 0.0
        if sd == 0.0:
            return ()
        far = np.abs(self.numbers - np.median(self.numbers)) > OUTLIER_SD * sd
        return tuple(item for item, is_far in zip(self.values, far, strict=True) if is_far)

    def place(self, value: float | None) -> str:
        """Say where a value stands: 'above 84 % of 120'; empty with fewer than five values."""
        if value is None or len(self.values) < _FEWEST_FOR_A_PLACE:
            return ""
        below = int(np.searchsorted(self.numbers, value, side="left"))
        share = 100.0 * below / len(self.values)
        return f"above {share:.0f} % of {len(self.values)}"

    def x_px(self, value: float) -> float:
        """Return where a value lies in the picture, which is ``width_px`` wide."""
        low, high = self._range
        return round(float(np.clip((value - low) / (high - low), 0, 1)) * _WIDTH, 1)

    @property
    def size_px(self) -> tuple[float, float]:
        """Width and height of the picture."""
        return _WIDTH, _HEIGHT

    @property
    def limits(self) -> tuple[float, ...]:
        """The numbers of the threshold that lie within the picture."""
        low, high = self._range
        return tuple(limit for limit in self._thresholds if low <= limit <= high)

    @property
    def bars(self) -> str:
        """The histogram as the path of an SVG."""
        low, high = self._range
        counts, _ = np.histogram(self.numbers, bins=_BINS, range=(low, high))
        width = _WIDTH / _BINS
        heights = counts / max(int(counts.max()), 1) * _HEIGHT
        return " ".join(
            f"M{place * width:g} {_HEIGHT:g}v-{height:.1f}h{width:g}v{height:.1f}z"
            for place, height in enumerate(heights)
            if height > 0
        )

    @property
    def _thresholds(self) -> list[float]:
        return [float(text) for text in re.findall(r"[<>]= (\S+)", self.threshold)]

    @cached_property
    def _range(self) -> tuple[float, float]:
        """Ends of the picture: all values, and the thresholds where they are near."""
        low, high = float(self.numbers[0]), float(self.numbers[-1])
        spread = high - low
        for limit in self._thresholds:
            if low - spread <= limit <= high + spread:
                low, high = min(low, limit), max(high, limit)
        return (low, high) if high > low else (low - 0.5, high + 0.5)


def distributions(results: Mapping[str, UnitResult]) -> dict[Check, Distribution]:
    """Return the distribution of every metric, by kind of unit and in their order there.

    Units that are not done, or outdated, are left out.
    """
    values: dict[Check, list[tuple[float, str]]] = {}
    thresholds: dict[Check, str] = {}
    failed: dict[Check, int] = {}
    unknown: dict[Check, int] = {}
    for unit, result in results.items():
        for metric in result.metrics if result.standing == "done" else ():
            check = kind_name(result.row), metric.metric
            values.setdefault(check, [])
            thresholds.setdefault(check, metric.threshold)
            failed[check] = failed.get(check, 0) + (metric.status is QcStatus.FAIL)
            unknown[check] = unknown.get(check, 0) + (metric.value is None)
            if metric.value is not None:
                values[check].append((metric.value, unit))
    return {
        check: Distribution(
            *check, thresholds[check], tuple(sorted(found)), failed[check], unknown[check]
        )
        for check, found in values.items()
    }


def kind_name(row: PlanRow) -> str:
    """Return what a unit is, in words: units of one name are compared with each other."""
    if row.scan is not None:
        return f"OCT, {row.scan.value}"
    words = {UnitKind.SESSION: "MRI of a visit", UnitKind.PAIR: "MRI of two visits"}
    return words.get(row.kind, row.kind.value)
