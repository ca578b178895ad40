from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from said import Chain
from statsmodels.stats.inter_rater import cohens_kappa

from smartms_img.qc.agreement import agreement, agreements
from smartms_img.qc.rubric import VERDICTS

verdicts = st.sampled_from(VERDICTS)


@given(pairs=st.lists(st.tuples(verdicts, verdicts), min_size=5, max_size=60))
def test_kappa_and_its_interval_are_those_of_statsmodels(pairs):
    counts = np.zeros((3, 3))
    for one, other in pairs:
        counts[VERDICTS.index(one), VERDICTS.index(other)] += 1
    found = agreement(pairs)
    if found.kappa is None:
        assert len({verdict for pair in pairs for verdict in pair}) == 1
        return
    with np.errstate(invalid="ignore"):
        expected = cohens_kappa(counts, wt="linear")
    assert found.kappa == pytest.approx(expected.kappa, abs=1e-9)
    # Rounding can make a variance of zero negative there.
    error = np.nan_to_num(expected.std_kappa)
    if error < 1e-6:
        assert found.low is None and found.high is None
        return
    assert found.low == pytest.approx(max(expected.kappa - 1.959964 * error, -1), abs=1e-5)
    assert found.high == pytest.approx(min(expected.kappa + 1.959964 * error, 1), abs=1e-5)


def test_nothing_to_compare():
    assert agreement([]).exact is None
    assert agreement([("pass", "pass")] * 9).kappa is None
    assert agreement([("pass", "pass")] * 9).exact == 1.0
    perfect = agreement([("pass", "pass"), ("fail", "fail")])
    assert (perfect.kappa, perfect.low, perfect.high) == (1.0, None, None)


def test_readers_are_compared_by_element_and_with_their_repeats():
    chain = Chain()
    chain.says("R1", "pass", "brain_mask")
    chain.says("R1", "fail", "tissue")
    chain.says("R2", "pass", "tissue")
    chain.says("R2", "pass", "brain_mask")
    chain.says("R3", "fail", "tissue", role="adjudicator")
    chain.says("R1", "borderline", "brain_mask", repeat=True)
    found = {(one.who, one.element): one for one in agreements(chain.ratings)}
    assert list(found) == [
        ("R1 and R2", ""),
        ("R1 and R2", "brain_mask"),
        ("R1 and R2", "tissue"),
        ("R1 and repeats", ""),
        ("R1 and repeats", "brain_mask"),
    ]
    assert (found["R1 and R2", ""].count, found["R1 and R2", ""].exact) == (2, 0.5)
    assert found["R1 and repeats", ""].exact == 0.0


def test_only_verdicts_about_the_same_pictures_are_compared():
    chain = Chain()
    chain.says("R1", "pass")
    chain.says("R2", "pass", shown={"other": "picture"})
    assert agreements(chain.ratings)[0].count == 0
