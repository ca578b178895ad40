"""Numbers that cannot be meant."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import get_args

import pytest
from config_files import fields, load, nested, refusal, study
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from smartms_img.config import (
    MriQcConfig,
    OctConfig,
    PairConfig,
    StudyConfig,
    VisitConfig,
)

NUMBERS = [path for path, field in fields(StudyConfig) if field.annotation in {int, float}]
UNITS = (
    r"\b(mm3|mm|um|mL|dB|SD|days|months|percentage points|fraction|ratio|count|seed|"
    r"[01] to 1)\b"
)


def refused(path: str, value: object) -> bool:
    try:
        StudyConfig.model_validate(study(**nested(path, value)))
    except ValidationError:
        return True
    return False


def test_numbers_are_found() -> None:
    assert {"mri.seed", "mri.lesions.flair_z", "qc.mri.min_snr", "qc.oct.min_frames"} <= set(
        NUMBERS
    )
    assert len(NUMBERS) == 34


@pytest.mark.parametrize("path", NUMBERS)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_only_finite_numbers_are_numbers(tmp_path: Path, path: str, value: float) -> None:
    assert re.search(
        rf"'{path}' is -?(nan|inf) and", refusal(tmp_path, study(**nested(path, value)))
    )


@pytest.mark.parametrize("path", NUMBERS)
def test_yes_is_no_number(tmp_path: Path, path: str) -> None:
    assert "true or false" in refusal(tmp_path, study(**nested(path, True)))


def test_no_is_no_label(tmp_path: Path) -> None:
    # Without quotes, YAML takes NO for false.
    line = refusal(tmp_path, "study_id: NO\nbaseline: M00\nvisits: []\n")
    assert "'study_id' stands for true or false; write a number, or text in quotes" in line


LIMITS = [
    # path, largest refused below, smallest and largest accepted, smallest refused above
    ("mri.seed", 0, 1, 2**31 - 1, 2**31),
    ("mri.atlas_spacing_mm", 0.99, 1, 5, 5.01),
    ("mri.pair_spacing_mm", 0.79, 0.8, 5, 5.01),
    ("mri.lesions.min_volume_mm3", 0, 0.1, 1000, None),
    ("mri.lesions.change_min_volume_mm3", 0, 0.1, 1000, None),
    ("mri.lesions.probability", 0, 0.01, 0.99, 1),
    ("mri.lesions.flair_z", 0, 0.1, 10, None),
    ("mri.lesions.change_z", 0, 0.1, 10, None),
    ("mri.lesions.change_probability", 0, 0.01, 1, 1.01),
    ("mri.lesions.enlarging_fraction", 0, 0.01, 2, None),
    ("mri.lesions.shrinking_fraction", 0, 0.01, 0.99, 1),
    ("oct.min_sector_coverage", 0, 0.01, 1, 1.01),
    ("oct.max_alignment_shift_um", 0, 1, 3000, None),
    ("qc.mri.min_pair_correlation", -1.01, -1, 1, 1.01),
    ("qc.mri.min_same_head_correlation", -1.01, -1, 1, 1.01),
    ("qc.mri.min_template_correlation", -1.01, -1, 1, 1.01),
    ("qc.mri.max_pbvc_asymmetry", 0, 0.01, 5, None),
    ("qc.mri.max_voxel_ratio", 0.99, 1, 2, None),
    ("qc.mri.max_flair_voxel_ratio", 0.99, 1, 4, None),
    ("qc.mri.min_flair_coverage", -0.01, 0, 1, 1.01),
    ("qc.mri.min_contrast_information", -0.01, 0, 1, 1.01),
    ("qc.mri.min_snr", 0, 0.1, 100, None),
    ("qc.mri.min_cnr", 0, 0.1, 100, None),
    ("qc.mri.max_cjv", 0, 0.1, 100, None),
    ("qc.mri.max_edge_fraction", -0.01, 0, 1, 1.01),
    ("qc.mri.max_scale_percent", 0, 0.1, 10, None),
    ("qc.mri.max_volume_change", -0.01, 0, 1, 1.01),
    ("qc.oct.min_quality_db", -0.1, 0, 100, 100.1),
    ("qc.oct.min_frames", 0, 1, 200, None),
    ("qc.oct.max_missing_ascans", -0.01, 0, 1, 1.01),
    ("qc.oct.max_clipped_ascans", -0.01, 0, 1, 1.01),
    ("qc.oct.min_confidence", -0.01, 0, 1, 1.01),
    ("qc.oct.min_illumination", -0.01, 0, 1, 1.01),
    ("qc.oct.max_centration_um", 0, 1, 3000, None),
]


def test_every_number_has_limits() -> None:
    assert sorted(path for path, *_ in LIMITS) == sorted(NUMBERS)


@pytest.mark.parametrize(("path", "below", "low", "high", "above"), LIMITS)
def test_a_number_out_of_its_limits_is_refused(path, below, low, high, above) -> None:
    assert refused(path, below)
    assert not refused(path, low)
    assert not refused(path, high)
    assert above is None or refused(path, above)


def test_the_line_names_key_value_and_limit(tmp_path: Path) -> None:
    line = refusal(tmp_path, study(oct={"min_sector_coverage": 1.5}))
    assert line == (
        "study.yaml: 'oct.min_sector_coverage' is 1.5 and should be less than or equal to 1. "
        "Correct it."
    )


@given(st.tuples(st.floats(-10, 3000), st.floats(-10, 3000)))
def test_a_range_of_volumes_is_positive_and_in_order(limits: tuple[float, float]) -> None:
    low, high = limits
    assert refused("qc.mri.tiv_range_ml", list(limits)) == (low > high or min(low, high) <= 0)


@pytest.mark.parametrize("limits", [[900], [900, 1000, 2200], 900, {}, [900, math.nan]])
def test_a_range_has_two_ends(limits: object) -> None:
    assert refused("qc.mri.tiv_range_ml", limits)


@pytest.mark.parametrize(("path", "items"), [("oct.eyes", ["OD", "OS"]), ("oct.scans", ["ring"])])
def test_lists_of_scans_are_neither_empty_nor_double(tmp_path: Path, path, items) -> None:
    assert not refused(path, items)
    assert "should have at least 1 item" in refusal(tmp_path, study(**nested(path, [])))
    double = refusal(tmp_path, study(**nested(path, [*items, items[0]])))
    assert f"'{path}' has {items[0]} twice" in double


def test_voxels_of_a_pair_may_differ_by_a_tenth() -> None:
    assert MriQcConfig().max_voxel_ratio == 1.1


def test_defaults_are_within_their_own_limits(tmp_path: Path) -> None:
    config = StudyConfig.model_validate(study())
    assert load(tmp_path, config.model_dump(mode="json")) == config


@pytest.mark.parametrize(
    "model", [StudyConfig, VisitConfig, PairConfig], ids=lambda model: model.__name__
)
def test_every_setting_is_described_with_its_unit(model) -> None:
    for path, field in fields(model):
        assert field.description, path
        kinds = {field.annotation, *get_args(field.annotation)}
        measured = kinds & {int, float} or path in {"window_days", "qc.mri.tiv_range_ml"}
        assert not measured or re.search(UNITS, field.description), path
    assert "um" in str(OctConfig.model_fields["inter_eye_thresholds"].description)
