"""Visits, windows and pairs that contradict each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from config_files import load, refusal, study
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from smartms_img.config import StudyConfig


def visits(*windows: tuple[int, int]) -> list[dict[str, Any]]:
    """Visits M0, M1, ... with these windows."""
    return [
        {"label": f"M{n}", "name": f"Month {n}", "number": n, "window_days": list(window)}
        for n, window in enumerate(windows)
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"baseline": "M03"},
        {"extra_pairs": [{"reference": "M03", "follow": "M06"}]},
        {"extra_pairs": [{"reference": "M06", "follow": "M03"}]},
        {"extra_baselines": ["M03"]},
    ],
)
def test_unknown_visit_is_refused_and_the_known_ones_are_named(tmp_path, changes) -> None:
    assert "unknown visit M03; visits are M00, M06" in refusal(tmp_path, study(**changes))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("label", "M00"),
        ("label", "m00"),
        ("name", "BASELINE"),
        ("name", "Baseline"),
        ("number", 0),
    ],
)
def test_visits_of_one_label_name_or_number_are_refused(tmp_path, key, value) -> None:
    content = study()
    content["visits"][1][key] = value
    assert f"visit {key}s must be unique" in refusal(tmp_path, content)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("label", "ses-M06"),
        ("label", ""),
        ("label", 6),
        ("name", ""),
        ("name", "Month\t6"),
        ("name", "Month 6\n"),
        ("name", " Month 6"),
        ("number", 6.5),
        ("number", 10_000),
        ("window_days", [120]),
        ("window_days", [120, 270, 300]),
        ("window_days", [120, 270.5]),
        ("window_days", [120, 10**6]),
        ("window_days", None),
    ],
)
def test_a_visit_that_cannot_be_written_down_is_refused(tmp_path, key, value) -> None:
    content = study()
    content["visits"][1][key] = value
    assert f"'visits.1.{key}" in refusal(tmp_path, content)


def test_a_reversed_window_is_refused(tmp_path: Path) -> None:
    line = refusal(tmp_path, study(visits=visits((30, -60)), baseline="M0"))
    assert "'visits.0.window_days' runs backwards, from 30 to -60" in line


def test_windows_that_share_a_day_are_refused(tmp_path: Path) -> None:
    content = study(visits=visits((-60, 30), (120, 270), (270, 450)), baseline="M0")
    assert "window_days of M1 and M2 overlap at day 270" in refusal(tmp_path, content)


def test_numbers_that_run_against_time_are_refused(tmp_path: Path) -> None:
    content = study(visits=visits((-60, 30), (280, 450), (120, 270)), baseline="M0")
    assert "numbers of M2 and M1 run against their window_days" in refusal(tmp_path, content)
    # The windows of two visits were exchanged.
    content = study(visits=visits((120, 270), (-60, 30)), baseline="M0")
    assert "numbers of M1 and M0 run against their window_days" in refusal(tmp_path, content)


windows = st.tuples(st.integers(-9, 9), st.integers(0, 4)).map(lambda w: (w[0], w[0] + w[1]))


@given(st.lists(windows, max_size=4), st.randoms())
def test_a_day_belongs_to_one_visit_at_most(others: list[tuple[int, int]], order) -> None:
    drawn = visits((0, 0), *others)
    days = [day for low, high in [(0, 0), *others] for day in range(low, high + 1)]
    order.shuffle(drawn)
    for number, visit in enumerate(sorted(drawn, key=lambda visit: visit["window_days"])):
        visit["number"] = number
    content = study(visits=drawn, baseline="M0")
    if len(set(days)) == len(days):
        assert len(StudyConfig.model_validate(content).visits) == len(drawn)
    else:
        with pytest.raises(ValidationError, match="overlap at day"):
            StudyConfig.model_validate(content)


@pytest.mark.parametrize(
    ("baseline", "windows"),
    [
        ("M0", ((1, 30), (120, 270))),
        ("M0", ((-60, -1), (120, 270))),
        ("M1", ((-200, -100), (60, 90))),
    ],
)
def test_day_0_is_at_baseline(tmp_path: Path, baseline: str, windows) -> None:
    line = refusal(tmp_path, study(visits=visits(*windows), baseline=baseline))
    assert f"window_days of the baseline {baseline} and of visits before it lack day 0" in line


@pytest.mark.parametrize(
    "windows", [((-60, 30), (120, 270)), ((-230, -90), (0, 30)), ((-230, -90), (-10, 0))]
)
def test_a_later_visit_may_be_the_baseline(tmp_path: Path, windows) -> None:
    assert load(tmp_path, study(visits=visits(*windows), baseline="M1")).baseline == "M1"


def pair(reference: str, follow: str) -> dict[str, str]:
    return {"reference": reference, "follow": follow}


THREE = visits((0, 0), (1, 1), (2, 2))


@pytest.mark.parametrize(
    ("pairs", "problem"),
    [
        ([pair("M1", "M1")], "M1 to M1 compares a visit with itself"),
        ([pair("M0", "M0")], "M0 to M0 compares a visit with itself"),
        ([pair("M1", "M2"), pair("M2", "M1"), pair("M1", "M2")], "M1 to M2 is there twice"),
        ([pair("M1", "M2"), pair("M0", "M2")], "M0 to M2 is compared anyway"),
    ],
)
def test_a_pair_that_adds_nothing_is_refused(tmp_path: Path, pairs, problem: str) -> None:
    line = refusal(tmp_path, study(visits=THREE, baseline="M0", extra_pairs=pairs))
    assert f"extra_pairs: {problem}" in line


@given(
    baseline=st.sampled_from(["M0", "M1", "M2"]),
    wanted=st.lists(st.tuples(st.sampled_from("012"), st.sampled_from("012")), max_size=4),
)
def test_no_pair_is_measured_twice(baseline: str, wanted: list[tuple[str, str]]) -> None:
    extra = [(f"M{one}", f"M{two}") for one, two in wanted]
    regular = {(baseline, label) for label in ("M0", "M1", "M2") if label != baseline}
    content = study(visits=THREE, baseline=baseline, extra_pairs=[pair(*one) for one in extra])
    sound = len({*extra, *regular}) == len(extra) + 2 and all(one != two for one, two in extra)
    if sound:
        found = StudyConfig.model_validate(content).pairs
        assert {(one.reference, one.follow) for one in found} == {*extra, *regular}
    else:
        with pytest.raises(ValidationError, match="extra_pairs: M"):
            StudyConfig.model_validate(content)


def test_an_extra_baseline_adds_its_later_visits() -> None:
    config = StudyConfig.model_validate(study(visits=THREE, baseline="M0", extra_baselines=["M1"]))
    compared = [(one.reference, one.follow) for one in config.pairs]
    assert compared == [("M0", "M1"), ("M0", "M2"), ("M1", "M2")]
    assert [config.baselines_of(label) for label in ("M0", "M1", "M2")] == [
        ("M0",),
        ("M0", "M1"),
        ("M0", "M1"),
    ]


@pytest.mark.parametrize("labels", [["M0"], ["M1", "M1"]])
def test_a_baseline_is_named_once(tmp_path: Path, labels: list[str]) -> None:
    line = refusal(tmp_path, study(visits=THREE, baseline="M0", extra_baselines=labels))
    assert f"extra_baselines: {labels[-1]} is a baseline already" in line


def test_a_pair_of_an_extra_baseline_is_no_extra_pair(tmp_path: Path) -> None:
    content = study(visits=THREE, baseline="M0", extra_baselines=["M1"])
    line = refusal(tmp_path, content | {"extra_pairs": [pair("M1", "M2")]})
    assert "extra_pairs: M1 to M2 is compared anyway" in line


@pytest.mark.parametrize(("baseline", "expected"), [("M0", "M0"), ("M1", "M0")])
def test_day_zero_stays_at_the_first_baseline(baseline: str, expected: str) -> None:
    config = StudyConfig.model_validate(study(visits=THREE, baseline=baseline))
    assert config.day_zero == expected
