from __future__ import annotations

from dataclasses import replace

import pytest
from said import FIGURES, OUTPUTS, STEM, UNIT, Chain, done

from smartms_img.errors import InputError
from smartms_img.qc.readings import Reading, readings, refuse_unfounded
from smartms_img.qc.rubric import ELEMENTS, pictures_of, shown_files

MASK = (UNIT, "brain_mask")


def reading(chain: Chain, outputs: dict[str, str] | None = None) -> Reading:
    return readings(done(outputs=outputs), chain.ratings)[MASK]


def test_elements_are_those_that_have_pictures():
    assert [key for _, key in readings(done(), [])] == ["brain_mask", "tissue", "lesions"]
    without = {name: sha for name, sha in OUTPUTS.items() if "lesion" not in name}
    assert [key for _, key in readings(done(outputs=without), [])] == ["brain_mask", "tissue"]


def test_a_verdict_is_bound_to_pictures_and_what_they_show():
    shown = shown_files(ELEMENTS["tissue"], OUTPUTS)
    assert sorted(shown.values()) == ["2", "3", "7", "8"]
    pictures = pictures_of(ELEMENTS["tissue"], shown)
    assert pictures == [[f"{FIGURES}_tissue.png"], [f"{FIGURES}_regions.png"]]


def test_frames_of_one_picture_stay_together():
    names = [f"sub-1/figures/p_{name}.webp" for name in ("gallery", "change1", "change2")]
    element = ELEMENTS["lesion_change"]
    shown = shown_files(element, dict.fromkeys(names, "1"))
    assert pictures_of(element, shown) == [names[1:], names[:1]]


def test_two_readers_who_agree_decide():
    chain = Chain()
    assert (reading(chain).state, reading(chain).verdict) == ("unread", "")
    chain.says("R1", "pass")
    assert (reading(chain).state, reading(chain).verdict) == ("unread", "")
    chain.says("R2", "pass")
    assert (reading(chain).state, reading(chain).verdict) == ("agreed", "pass")
    assert [rating.judgement.reader for rating in reading(chain).deciding] == ["R1", "R2"]


def test_where_they_disagree_the_adjudicator_decides():
    chain = Chain()
    chain.says("R1", "pass")
    chain.says("R2", "borderline")
    assert (reading(chain).state, reading(chain).verdict) == ("disagreed", "")
    chain.says("R3", "fail", role="adjudicator")
    assert (reading(chain).state, reading(chain).verdict) == ("adjudicated", "fail")


def test_a_correction_takes_the_place_of_what_it_corrects():
    chain = Chain()
    chain.says("R1", "fail")
    chain.says("R2", "pass")
    chain.says("R1", "pass", supersedes=1, change_reason="wrong key")
    assert reading(chain).verdict == "pass"


def test_a_repeat_decides_nothing():
    chain = Chain()
    chain.says("R1", "pass")
    chain.says("R2", "pass")
    chain.says("R1", "fail", repeat=True)
    assert reading(chain).verdict == "pass"


@pytest.mark.parametrize("changed", ["_desc-brain_mask.nii.gz", "_desc-preproc_T1w.nii.gz"])
def test_a_changed_derivative_makes_its_ratings_stale(changed):
    chain = Chain()
    chain.says("R1", "pass")
    chain.says("R2", "pass")
    outputs = OUTPUTS | {f"{STEM}{changed}": "other"}
    assert (reading(chain, outputs).state, reading(chain, outputs).verdict) == ("stale", "")
    assert reading(chain, OUTPUTS | {f"{STEM}_desc-qc.json": "other"}).state == "agreed"
    assert reading(chain, OUTPUTS | {f"{STEM}_dseg.nii.gz": "other"}).state == "agreed"


def test_what_must_not_be_said_is_refused():
    chain = Chain()
    said = chain.says("R1", "pass")
    chain.says("R2", "fail")

    def refused(judgement, problem):
        with pytest.raises(InputError, match=problem):
            refuse_unfounded(reading(chain), judgement, chain.ratings)

    refused(replace(said, reader="R9", shown={"a": "b"}), "have changed")
    refused(replace(said, reader="R9", reasons=("ugly",)), "no reason of the check-list: ugly")
    refused(replace(said, role="adjudicator"), "own reader")
    refused(said, "rated already")
    refused(replace(said, supersedes=2, change_reason="x"), "rated already")
    refused(replace(said, supersedes=1), "without its reason")
    for good in (
        replace(said, supersedes=1, change_reason="wrong key"),
        replace(said, reader="R9", reasons=("skull",)),
        replace(said, reader="R3", role="adjudicator"),
        replace(said, repeat=True),
    ):
        refuse_unfounded(reading(chain), good, chain.ratings)


def test_nobody_adjudicates_what_is_agreed():
    chain = Chain()
    said = chain.says("R1", "pass")
    chain.says("R2", "pass")
    with pytest.raises(InputError, match="do not disagree"):
        refuse_unfounded(
            reading(chain), replace(said, reader="R3", role="adjudicator"), chain.ratings
        )
