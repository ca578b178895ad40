"""What verdicts of readers do to QCSTAT."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from review_output import make_output
from said import BAD, GOOD, OUTPUTS, STEM, UNIT, Chain, done

from smartms_img.config import ReviewConfig
from smartms_img.io.decisions import Decision
from smartms_img.io.ratings import Judgement, RatingsLog
from smartms_img.qc.decisions import automatic
from smartms_img.qc.review_decisions import decisions
from smartms_img.qc.rubric import ELEMENTS, shown_files

LENIENT, STRICT = (
    ReviewConfig.model_validate({"rules": name}).rules for name in ("lenient", "strict")
)


def both(chain: Chain, verdict: str, element: str = "brain_mask", **changes: object) -> None:
    for reader in ("R1", "R2"):
        chain.says(reader, verdict, element, **changes)


def status(chain: Chain, rules=LENIENT, metrics=GOOD, outputs=None) -> dict[str, tuple[str, str]]:
    found = decisions(done(metrics, outputs), chain.ratings, rules)
    assert {decision.unit for decision in found} == {UNIT}
    return {decision.paramcd: (decision.status.value, decision.reason) for decision in found}


def test_nothing_read_is_what_the_checks_say_under_lenient_rules():
    found = {d.paramcd: d for d in decisions(done(), [], LENIENT)}
    [expected] = automatic(done())
    assert found[""] == expected
    assert {d.status for d in found.values()} == {expected.status}


def test_nothing_read_is_pending_under_strict_rules():
    found = status(Chain(), STRICT)
    assert {stat for stat, _ in found.values()} == {"pending"}
    assert found["BPV"][1] == (
        "all checks passed (automatic); brain mask: not read by two readers; "
        "tissue and regions: not read by two readers"
    )


def test_a_verdict_decides_the_endpoints_that_rest_on_its_element():
    chain = Chain()
    for element in ("brain_mask", "tissue"):
        both(chain, "pass", element)
    both(chain, "fail", "lesions", reasons=("missed",))
    found = status(chain, STRICT)
    assert found["BPV"][0] == "pass"
    assert found["T2LV"] == (
        "fail",
        "all checks passed (automatic); lesions: fail, lesions missed",
    )
    both(chain, "fail", "brain_mask", supersedes=0)
    assert status(chain, STRICT)["BPV"][0] == "fail"


@pytest.mark.parametrize(
    ("verdict", "rules", "metrics", "expected"),
    [
        ("pass", LENIENT, GOOD, "pass"),
        ("pass", LENIENT, BAD, "fail"),
        ("pass", LENIENT, (), "pass"),
        ("borderline", LENIENT, GOOD, "pass"),
        ("borderline", STRICT, GOOD, "fail"),
        ("borderline", LENIENT, (), "fail"),
        ("fail", LENIENT, GOOD, "fail"),
    ],
)
def test_rules(verdict, rules, metrics, expected):
    chain = Chain()
    for element in ("brain_mask", "tissue", "lesions"):
        both(chain, verdict, element)
    assert {stat for stat, _ in status(chain, rules, metrics).values()} == {expected}


@pytest.mark.parametrize("rules", [LENIENT, STRICT])
def test_disagreement_is_pending_until_adjudicated(rules):
    chain = Chain()
    both(chain, "pass", "lesions")
    both(chain, "pass", "tissue")
    chain.says("R1", "pass")
    chain.says("R2", "fail")
    found = status(chain, rules)
    assert found["T2LV"] == (
        "pending",
        "all checks passed (automatic); brain mask: the readers disagree",
    )
    assert status(chain, rules, BAD)["T2LV"][0] == "fail"
    chain.says("R3", "pass", role="adjudicator")
    assert status(chain, rules)["T2LV"][0] == "pass"


@pytest.mark.parametrize("rules", [LENIENT, STRICT])
def test_replaced_pictures_are_pending_again(rules):
    chain = Chain()
    for element in ("brain_mask", "tissue", "lesions"):
        both(chain, "pass", element)
    outputs = OUTPUTS | {f"{STEM}_label-lesion_mask.nii.gz": "other"}
    found = status(chain, rules, outputs=outputs)
    assert found["BPV"][0] == "pass"
    assert found["T2LV"] == (
        "pending",
        "all checks passed (automatic); lesions: rated before its pictures changed",
    )


def test_who_decided_is_named():
    chain = Chain()
    for element in ("brain_mask", "tissue", "lesions"):
        both(chain, "pass", element)
    found = {d.paramcd: d.decided_by for d in decisions(done(), chain.ratings, LENIENT)}
    assert set(found.values()) == {"R1, R2"}


PAIR = "sub-A1_ses-M06_ref-M00_pair"


def failed_by_two(out: Path, unit: str, element: str) -> list[Decision]:
    """Return the decisions where two readers have failed an element of a visit."""
    results = make_output(out)
    found = results[PAIR]
    # As in a plan, the pair depends on its visits.
    visits = ("sub-A1_ses-M00_mri", "sub-A1_ses-M06_mri")
    results[PAIR] = replace(found, row=replace(found.row, depends=visits))
    shown = shown_files(ELEMENTS[element], results[unit].attempt.outputs)
    log = RatingsLog(out)
    for reader in ("R1", "R2"):
        log.append(Judgement(reader, "reader", unit, element, shown, "1", "fail"))
    return list(decisions(results, log.read(), LENIENT))


def test_the_change_between_visits_rests_on_what_was_made_of_each(tmp_path):
    decided = failed_by_two(tmp_path / "out", "sub-A1_ses-M00_mri", "brain_mask")
    found = {d.paramcd: d for d in decided if d.unit == PAIR}
    for code in ("", "PBVC", "NEWLN"):
        assert found[code].status.value == "fail"
        assert "brain mask (sub-A1_ses-M00_mri): fail" in found[code].reason
    assert {d.status.value for d in decided if "eye" in d.unit} == {"pass"}


def test_a_lesion_mask_of_a_visit_decides_the_change_of_lesions_alone(tmp_path):
    decided = failed_by_two(tmp_path / "out", "sub-A1_ses-M06_mri", "lesions")
    found = {d.paramcd: d for d in decided if d.unit == PAIR}
    assert (found["NEWLN"].status.value, found["PBVC"].status.value) == ("fail", "pass")
