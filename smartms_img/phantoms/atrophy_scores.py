"""Scores of the atrophy benchmark: measured change beside what it ought to be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from smartms_img.catalogue import endpoint
from smartms_img.phantoms.atrophy_expected import CODES, Expected, ManualVolume

PairKey = tuple[str, str, str]
"""Subject, reference, follow-up."""
VolumeKey = tuple[str, str, str]
"""Subject, visit, PARAMCD."""


@dataclass(frozen=True)
class Score:
    """One figure of the benchmark: what it says, of how many values."""

    test: str
    paramcd: str
    statistic: str
    value: float
    count: int


def scores(
    expected: Sequence[Expected], measured: Mapping[PairKey, Mapping[str, float]]
) -> list[Score]:
    """Return all scores for which there are measurements.

    Parameters
    ----------
    expected : sequence of Expected
        What the pairs ought to show.
    measured : mapping of PairKey to mapping of PARAMCD to float
        What was measured, per cent.
    """
    done = [item for item in expected if key_of(item) in measured]
    found: list[Score] = []
    for code in CODES:
        with_code = [item for item in done if code in measured[key_of(item)]]
        own = {key: values for key, values in measured.items() if code in values}
        found += _repeats(with_code, own, code)
        found += _injected(with_code, own, code)
        found += _consistency(with_code, own, code)
    return found + _drift(done, measured)


def volume_scores(
    manual: Sequence[ManualVolume], measured: Mapping[VolumeKey, float]
) -> list[Score]:
    """Compare the volumes of single visits with those of manual labels.

    Returns
    -------
    list of Score
        For each endpoint the mean difference from the labels, and the SD of a single volume as
        two scans of a person repeat it, by smartms and by hand; all per cent.
    """
    found = []
    for code in dict.fromkeys(item.paramcd for item in manual):
        own = [
            (item, measured[item.subject, item.visit, code])
            for item in manual
            if item.paramcd == code and (item.subject, item.visit, code) in measured
        ]
        if not own:
            continue
        bias = float(np.mean([100 * (value / item.ml - 1) for item, value in own]))
        found.append(Score("manual labels", code, "mean bias %", bias, len(own)))
        for name, volumes in (
            ("repeat SD % by smartms", {(i.subject, i.visit): value for i, value in own}),
            ("repeat SD % by hand", {(i.subject, i.visit): i.ml for i, _ in own}),
        ):
            subjects = sorted({subject for subject, _ in volumes})
            pairs = [
                [volume for (name_, _), volume in sorted(volumes.items()) if name_ == subject]
                for subject in subjects
            ]
            apart = [100 * np.log(pair[1] / pair[0]) for pair in pairs if len(pair) == 2]
            if apart:
                sd = float(np.sqrt(np.mean(np.square(apart)) / 2))
                found.append(Score("manual labels", code, name, sd, len(apart)))
    return found


def repeat_errors(
    expected: Sequence[Expected], measured: Mapping[PairKey, Mapping[str, float]]
) -> dict[str, tuple[float, int]]:
    """Return the SD of a change that is truly none, and the number of rescans, by PARAMCD.

    Each rescan pair counts once, in its first direction. Changes a year are left out: the days
    between rescans mean nothing.
    """
    rows = [
        measured[key_of(item)]
        for item in expected
        if item.group == "rescan" and item.reference < item.follow and key_of(item) in measured
    ]
    found = {}
    for code in sorted({code for row in rows for code in row}):
        values = [row[code] for row in rows if code in row]
        if endpoint(code).unit == "%":
            found[code] = float(np.sqrt(np.mean(np.square(values)))), len(values)
    return found


def key_of(item: Expected) -> PairKey:
    """Return the key of a pair."""
    return item.subject, item.reference, item.follow


def _repeats(
    done: Sequence[Expected], measured: Mapping[PairKey, Mapping[str, float]], code: str
) -> list[Score]:
    # The way back is no measurement of its own: see AB + BA.
    once = [item for item in done if item.reference < item.follow]
    rescans = [abs(measured[key_of(item)][code]) for item in once if item.group == "rescan"]
    pseudo = [
        abs(measured[key_of(item)][code])
        for item in once
        if item.group in {"still", "injected"} and not any(item.changes.values())
    ]
    found = []
    for test, values in (("scan-rescan", rescans), ("pseudo-rescan", pseudo)):
        if values:
            size = len(values)
            found.append(Score(test, code, "median |change|", float(np.median(values)), size))
            found.append(Score(test, code, "largest |change|", max(values), size))
    return found


def _injected(
    done: Sequence[Expected], measured: Mapping[PairKey, Mapping[str, float]], code: str
) -> list[Score]:
    pairs = [
        (item.changes[code], measured[key_of(item)][code])
        for item in done
        if item.group == "injected" and item.reference == "V00"
    ]
    if len(pairs) < 3:
        return []
    true, found = np.array(pairs).T
    slope, intercept = np.polyfit(true, found, 1)
    error = float(np.abs(found - true).mean())
    values = {"slope": slope, "intercept": intercept, "mean |error|": error}
    return [Score("injected", code, name, float(v), len(pairs)) for name, v in values.items()]


def _consistency(
    done: Sequence[Expected], measured: Mapping[PairKey, Mapping[str, float]], code: str
) -> list[Score]:
    inverse, triangle = [], []
    for item in done:
        subject, first, second = key_of(item)
        back = measured.get((subject, second, first))
        if back is not None and first < second:
            there = measured[subject, first, second]
            inverse.append(abs(_log(there[code]) + _log(back[code])))
        # first to second by way of every visit between them
        for middle in sorted({other.follow for other in done if other.subject == subject}):
            legs = [(subject, first, middle), (subject, middle, second)]
            if first < middle < second and all(leg in measured for leg in legs):
                total = sum(_log(measured[leg][code]) for leg in legs)
                triangle.append(abs(total - _log(measured[subject, first, second][code])))
    found = []
    for test, values in (("AB + BA", inverse), ("AB + BC - AC", triangle)):
        if values:
            found.append(Score(test, code, "largest", max(values), len(values)))
    return found


def _log(percent: float) -> float:
    """Return a change in log-per-cent, which add up from step to step."""
    return 100.0 * float(np.log1p(percent / 100.0))


def _drift(
    done: Sequence[Expected], measured: Mapping[PairKey, Mapping[str, float]]
) -> list[Score]:
    items = [item for item in done if item.group == "drift"]
    plain = {
        item.subject: measured[key_of(item)]["PBVC"] for item in items if item.follow == "V01"
    }
    found = []
    for label in sorted({item.label for item in items}):
        own = [item for item in items if item.label == label]
        values = [measured[key_of(item)]["PBVC"] for item in own]
        errors = [abs(v - item.changes["PBVC"]) for v, item in zip(values, own, strict=True)]
        found.append(Score(label, "PBVC", "largest |error|", max(errors), len(own)))
        moved = [
            abs(value - plain[item.subject])
            for value, item in zip(values, own, strict=True)
            if item.subject in plain and item.follow != "V01"
        ]
        if moved:
            found.append(Score(label, "PBVC", "largest |effect|", max(moved), len(moved)))
    return found
