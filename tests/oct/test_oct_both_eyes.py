"""Inter-eye differences and means of both eyes."""

import pytest

from smartms_img.naming import Eye
from smartms_img.oct.both_eyes import (
    THRESHOLD_SETS,
    EyeValue,
    inter_eye_difference,
    mean_of_eyes,
)

BOTH = {Eye.OD: EyeValue(90.0), Eye.OS: EyeValue(96.0)}


@pytest.mark.parametrize(
    ("rule", "difference", "flag"),
    [
        ("McDonald-2024", 6.0, "reaches"),
        ("McDonald-2024", 5.9, "stays below"),
        ("IMSVISUAL-2019", 5.0, "reaches"),
        ("IMSVISUAL-2019", 4.9, "stays below"),
    ],
)
def test_rnfl_flag_at_the_published_threshold(rule, difference, flag):
    eyes = {Eye.OD: EyeValue(90.0), Eye.OS: EyeValue(90.0 + difference)}
    found = inter_eye_difference(eyes, THRESHOLD_SETS[rule].rnfl_um, rule)
    assert found.value == pytest.approx(difference)
    assert flag in found.reason
    assert rule in found.reason


def test_both_sets_use_4_um_for_gcipl():
    assert {rule.gcipl_um for rule in THRESHOLD_SETS.values()} == {4.0}


def test_mean_and_exclusion():
    assert mean_of_eyes(BOTH, frozenset()).value == 93
    only = mean_of_eyes(BOTH, frozenset({Eye.OD}))
    assert (only.value, only.used) == (96, (Eye.OS,))
    assert mean_of_eyes(BOTH, frozenset(Eye)).value is None


def test_missing_eye_is_named_with_its_reason():
    one = {Eye.OD: EyeValue(90.0), Eye.OS: EyeValue(None, "no fovea found in the scan")}
    for found in (mean_of_eyes(one, frozenset()), inter_eye_difference(one, 6.0, "x")):
        assert found.value is None
        assert found.reason == "OS: no fovea found in the scan"
    assert mean_of_eyes({}, frozenset({Eye.OD})).reason == "OS: not measured"


def test_unclear_history_gives_no_mean() -> None:
    eyes = {Eye.OD: EyeValue(92.0), Eye.OS: EyeValue(85.0)}
    found = mean_of_eyes(eyes, None)
    assert (found.value, found.reason) == (None, "which eye had optic neuritis is not clear")
