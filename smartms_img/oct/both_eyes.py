"""Differences between the eyes, and means of both eyes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from smartms_img.naming import Eye


@dataclass(frozen=True)
class ThresholdSet:
    """Inter-eye differences (um) that tell of a past optic neuritis; reached is enough.

    Attributes
    ----------
    name : str
        As in the configuration.
    rnfl_um, gcipl_um : float
        Thresholds of global RNFL and of macular GCIPL.
    """

    name: str
    rnfl_um: float
    gcipl_um: float


# Nolan-Kenney et al. 2019, doi:10.1002/ana.25462 (IMSVISUAL); McDonald criteria 2024.
THRESHOLD_SETS = {
    rule.name: rule
    for rule in (
        ThresholdSet("IMSVISUAL-2019", 5.0, 4.0),
        ThresholdSet("McDonald-2024", 6.0, 4.0),
    )
}


@dataclass(frozen=True)
class EyeValue:
    """A value of one eye, or the reason why there is none."""

    value: float | None
    reason: str = ""


@dataclass(frozen=True)
class Combined:
    """A value made of one or both eyes.

    Attributes
    ----------
    value : float or None
    reason : str
        Why there is no value, or what its reader has to know.
    used : tuple of Eye
        Eyes that entered.
    """

    value: float | None
    reason: str
    used: tuple[Eye, ...]


def inter_eye_difference(eyes: Mapping[Eye, EyeValue], threshold_um: float, rule: str) -> Combined:
    """Absolute difference of the eyes (um), with the flag of a threshold set in its reason.

    Examples
    --------
    >>> eyes = {Eye.OD: EyeValue(92.0), Eye.OS: EyeValue(85.0)}
    >>> inter_eye_difference(eyes, 6.0, "McDonald-2024").reason
    'McDonald-2024: reaches 6 um'
    """
    if reason := _lacking(eyes, tuple(Eye)):
        return Combined(None, reason, tuple(Eye))
    values = [eyes[eye].value or 0.0 for eye in Eye]
    difference = abs(values[0] - values[1])
    verb = "reaches" if difference >= threshold_um else "stays below"
    return Combined(difference, f"{rule}: {verb} {threshold_um:g} um", tuple(Eye))


def mean_of_eyes(eyes: Mapping[Eye, EyeValue], excluded: frozenset[Eye] | None) -> Combined:
    """Mean of both eyes, leaving out eyes with optic neuritis (None: which ones is not clear).

    With one eye left its value stands for the person; an eye that is missing for another reason
    is not replaced by its fellow.

    Examples
    --------
    >>> eyes = {Eye.OD: EyeValue(92.0), Eye.OS: EyeValue(85.0)}
    >>> mean_of_eyes(eyes, frozenset()).value
    88.5
    >>> mean_of_eyes(eyes, frozenset({Eye.OS})).reason
    'OD only: OS had optic neuritis'
    """
    if excluded is None:
        return Combined(None, "which eye had optic neuritis is not clear", ())
    used = tuple(eye for eye in Eye if eye not in excluded)
    if not used:
        return Combined(None, "both eyes had optic neuritis", ())
    if reason := _lacking(eyes, used):
        return Combined(None, reason, used)
    mean = sum(eyes[eye].value or 0.0 for eye in used) / len(used)
    left_out = [eye for eye in Eye if eye in excluded]
    reason = f"{used[0]} only: {left_out[0]} had optic neuritis" if left_out else ""
    return Combined(mean, reason, used)


def _lacking(eyes: Mapping[Eye, EyeValue], needed: tuple[Eye, ...]) -> str:
    reasons = [
        f"{eye}: {eyes[eye].reason or 'no value'}" if eye in eyes else f"{eye}: not measured"
        for eye in needed
        if eye not in eyes or eyes[eye].value is None
    ]
    return "; ".join(reasons)
