"""Scores of lesion masks by hand; injected lesions where and as large as they are said to be."""

import numpy as np
import pytest

from smartms_img.errors import InputError
from smartms_img.io.nifti import load_image, load_mask, save_image
from smartms_img.phantoms.lesion_benchmark import (
    STABLE_VISITS,
    manual_mask_file,
    read_truth,
    read_wanted,
    write_cases,
)
from smartms_img.phantoms.lesion_injection import (
    INJECTED_MM,
    inject,
    lesion_share,
    own_contrast,
    place_in_white_matter,
    white_matter,
)
from smartms_img.phantoms.lesion_scores import (
    mask_figures,
    pair_figures,
    pair_result,
    score_mask,
)
from smartms_img.phantoms.lesions import Lesion, LesionFate
from smartms_img.volume import Volume

SHAPE = (90, 90, 90)


def radius():
    return np.linalg.norm(np.indices(SHAPE) - 44.5, axis=0)


@pytest.fixture(scope="module")
def brain():
    """White ball in shells of grey matter and fluid, with one lesion."""
    rng, r = np.random.default_rng(0), radius()
    white, grey, fluid = r < 36, (r >= 36) & (r < 41), (r >= 41) & (r < 44)
    lesion = (
        np.linalg.norm(np.indices(SHAPE) - np.array([60, 45, 45])[:, None, None, None], axis=0) < 5
    )
    t1w = 100.0 * white + 70 * grey + 25 * fluid - 30 * lesion
    flair = 100.0 * white + 120 * grey + 20 * fluid + 60 * lesion
    noise = rng.normal(0, 2, SHAPE) * (r < 44)
    return {
        "T1w": (t1w + noise).astype(np.float32),
        "FLAIR": (flair + noise).astype(np.float32),
        "lesions": lesion,
        "white": white & ~lesion,
    }


def test_white_matter_is_the_brightest_class(brain):
    found = white_matter(brain["T1w"])
    assert (found == brain["white"]).mean() > 0.99


def test_contrast_is_that_of_the_lesions(brain):
    own = own_contrast(brain["FLAIR"], brain["T1w"], brain["lesions"], brain["white"])
    assert own.flair == pytest.approx(1.6, abs=0.02)
    assert own.t1w == pytest.approx(0.7, abs=0.02)


def test_lesions_lie_apart_in_white_matter(brain):
    placed = place_in_white_matter(brain["white"], brain["lesions"], np.random.default_rng(1))
    assert sorted(lesion.fate for lesion in placed) == sorted(fate for fate, _ in INJECTED_MM)
    share = [lesion_share([lesion], 1, SHAPE) >= 0.5 for lesion in placed]
    assert not (sum(part.astype(int) for part in share) > 1).any()
    for part in share:
        assert not (part & brain["lesions"]).any()
        assert brain["white"][part].mean() > 0.6


@pytest.mark.parametrize("diameter", [4.0, 8.0, 12.0])
def test_an_injected_lesion_has_its_size_and_contrast(brain, diameter):
    half = diameter / 2
    lesion = Lesion((30.0, 44.0, 46.0), (half, half, half), LesionFate.NEW, False, False)
    before, after = (
        inject(brain["FLAIR"], brain["white"], [lesion], visit, 1.6) for visit in (0, 1)
    )
    assert np.array_equal(before, brain["FLAIR"])
    rise = after - before
    volume = 4 / 3 * np.pi * half**3
    assert rise.sum() / 60 == pytest.approx(volume, rel=0.15)
    assert rise[30, 44, 46] == pytest.approx(60, abs=8 if diameter > 4 else 20)


def test_scores_by_hand():
    true, found = np.zeros((2, 40, 40, 40), dtype=bool)
    true[2:6, 2:6, 2:6] = true[20:24, 20:24, 20:24] = True
    found[2:6, 2:6, 3:7] = found[30:33, 30:33, 30:33] = True
    found[10, 10, 10] = True
    score = score_mask(found, true, 1.0, 14.0)
    assert score.dice == pytest.approx(2 * 48 / (128 + 64 + 27 + 1))
    assert (score.sensitivity, score.ppv, score.f1) == (0.5, 0.5, 0.5)
    assert (score.true_lesions, score.found_lesions) == (2, 2)


@pytest.mark.parametrize(("covered", "hit"), [(6, 0.0), (7, 1.0)])
def test_a_tenth_of_a_lesion_is_enough(covered, hit):
    true, found = np.zeros((2, 20, 20, 20), dtype=bool)
    true[4:8, 4:8, 4:8] = True
    found.ravel()[np.flatnonzero(true)[:covered]] = True
    assert score_mask(found, true, 1.0, 14.0).sensitivity == hit


def test_without_lesions_nothing_is_missed():
    none = np.zeros((8, 8, 8), dtype=bool)
    score = score_mask(none, none, 1.0, 14.0)
    assert (score.dice, score.f1) == (1.0, 1.0)
    assert {figure.case for figure in mask_figures({"a": score, "b": score})} == {"a", "b", "mean"}


def test_pairs_by_hand():
    def box(start):
        mask = np.zeros((40, 40, 40), dtype=bool)
        mask[start : start + 4, 5:9, 5:9] = True
        return mask

    none = np.zeros((40, 40, 40), dtype=bool)
    found = {"new": box(5) | box(20), "enlarging": none}
    true = [("new", 5.0, box(5)), ("new", 5.0, box(30)), ("enlarging", 7.0, box(20))]
    injected, stable = pair_result(found, true), pair_result(found, [])
    assert [lesion.found for lesion in injected.injected] == [True, False, False]
    assert injected.false_lesions == {"new": 0, "enlarging": 0}
    assert stable.false_lesions == {"new": 2, "enlarging": 0}
    figures = {
        (f.test, f.case, f.statistic): f.value
        for f in pair_figures(
            {"a": injected, "b": stable, "c": pair_result({"new": none, "enlarging": none}, [])}
        )
    }
    assert figures["injected", "new, 4 mm or more", "sensitivity"] == 0.5
    assert figures["stable", "new", "false lesions a pair"] == 1.0
    assert figures["stable", "new", "share of pairs without"] == 0.5


def test_a_dataset_of_cases(tmp_path, brain):
    folder = tmp_path / "cases" / "one"
    folder.mkdir(parents=True)
    for name in ("T1w", "FLAIR", "lesions"):
        save_image(Volume(brain[name].astype(np.float32), np.eye(4)), folder / f"{name}.nii.gz")
    bids = tmp_path / "bids"
    write_cases(bids, tmp_path / "cases", ["one"], stable=True, injected=True)
    names, follow_ups = read_truth(bids)
    assert names == ["one"]
    assert read_wanted(bids) == {"cases": ["one"], "stable": True, "injected": True}
    assert [item.group for item in follow_ups].count("stable") == STABLE_VISITS
    injected = next(item for item in follow_ups if item.group == "injected")
    assert load_mask(manual_mask_file(bids, "one")).data.sum() == brain["lesions"].sum()
    scans = [
        load_image(
            bids
            / f"sub-{injected.subject}/ses-{v}/anat/sub-{injected.subject}_ses-{v}_FLAIR.nii.gz"
        ).data
        for v in ("V00", "V01")
    ]
    # The base lies where the lesions were put: those that shrink are brighter than white matter.
    shrinking = next(item.lesion for item in injected.lesions if item.fate == "shrinking")
    at = tuple(round(c) for c in shrinking.centre_mm)
    white = np.median(scans[0][brain["white"]])
    assert scans[0][at] > 1.3 * white
    assert not np.array_equal(*scans)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"lesions": np.zeros((48, 48, 40))}, r"odd/lesions.nii.gz: lies on another grid"),
        (
            {"FLAIR": np.random.default_rng(1).random((48, 48, 40))},
            r"odd/FLAIR.nii.gz: lies on another grid",
        ),
        ({"lesions": np.zeros((48, 48, 48))}, r"odd/lesions.nii.gz: holds no lesion"),
    ],
)
def test_odd_cases_are_refused(tmp_path, change, problem):
    folder = tmp_path / "cases" / "odd"
    folder.mkdir(parents=True)
    ramp = np.random.default_rng(0).random((48, 48, 48))
    images = {"T1w": ramp, "FLAIR": ramp, "lesions": ramp > 0.5} | change
    for name, image in images.items():
        save_image(Volume(image.astype(np.float32), np.eye(4)), folder / f"{name}.nii.gz")
    with pytest.raises(InputError, match=problem):
        write_cases(tmp_path / "bids", tmp_path / "cases", ["odd"], stable=False, injected=True)


def test_follow_ups_need_millimetres(tmp_path, brain):
    folder = tmp_path / "cases" / "two"
    folder.mkdir(parents=True)
    for name in ("T1w", "FLAIR", "lesions"):
        coarse = Volume(brain[name].astype(np.float32), np.diag([2.0, 2.0, 2.0, 1.0]))
        save_image(coarse, folder / f"{name}.nii.gz")
    with pytest.raises(InputError, match=r"T1w.nii.gz: has voxels of 2.00"):
        write_cases(tmp_path / "bids", tmp_path / "cases", ["two"], stable=True, injected=False)
