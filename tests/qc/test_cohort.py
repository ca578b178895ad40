from __future__ import annotations

import numpy as np
import pytest
from said import UNIT, done

from smartms_img.io.measures import check
from smartms_img.qc.cohort import Distribution, distributions


def of(values: list[float], threshold: str = "") -> Distribution:
    pairs = ((value, f"u{number}") for number, value in enumerate(values))
    return Distribution("MRI of a visit", "snr", threshold, tuple(sorted(pairs)))


def test_place_counts_what_lies_below():
    found = of([1, 2, 2, 3, 4])
    assert found.place(2) == "above 20 % of 5"
    assert found.place(9) == "above 100 % of 5"
    assert found.place(None) == ""
    assert of([1, 2, 3, 4]).place(2) == ""


def test_outliers_are_far_from_the_median_of_a_cohort():
    near = [9.0, 10.0, 11.0] * 4
    assert of([*near, 14.0]).outliers == ()
    assert of([*near, 16.0]).outliers == ((16.0, "u12"),)
    assert of([9.0, 10.0, 11.0, 500.0]).outliers == ()
    assert of([10.0] * 12 + [500.0]).outliers == ()


def test_thresholds_near_the_values_are_in_the_picture_and_far_ones_are_not():
    near = of([10.0, 12.0], ">= 9 and <= 100")
    assert near.limits == (9.0,)
    assert (near.x_px(9.0), near.x_px(12.0)) == (0.0, near.size_px[0])
    assert of([3.0]).x_px(3.0) == near.size_px[0] / 2


def test_bars_count_all_values():
    heights = [float(part.split("h")[0]) for part in of([1, 1, 1, 2]).bars.split("v-")[1:]]
    assert heights == pytest.approx([40.0, 40.0 / 3], abs=0.1)


def test_only_units_that_count_are_in_it():
    metrics = (check("snr", 3, at_least=5), check("cnr", np.nan, at_least=1))
    (snr, cnr) = distributions(done(metrics)).values()
    assert (snr.values, snr.failed, snr.unknown) == (((3.0, UNIT),), 1, 0)
    assert (cnr.values, cnr.failed, cnr.unknown, cnr.median) == ((), 1, 1, None)
