"""Priors, lesion filling and tissue volumes by hand-computed values."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from mri_shapes import AFFINES, centred, ellipsoid, empty, points

from smartms_img.mri.atlas import Region
from smartms_img.mri.tissue import Tissue, fill_lesions, normalise_priors, tissue_volumes_ml
from smartms_img.volume import Volume

probabilities = hnp.arrays(np.float32, (3, 2, 3, 4), elements=st.floats(0, 1, width=32))


def _row(*values):
    return np.array([[values]], dtype=np.float32)


def test_labels_are_the_most_probable_tissue():
    tissue = Tissue(_row(0.7, 0.1, 0.2, 0.0), _row(0.2, 0.8, 0.2, 0.1), _row(0.1, 0.1, 0.6, 0.0))
    assert tissue.labels.tolist() == [[[1, 2, 3, 0]]]


@settings(max_examples=50, deadline=None)
@given(probabilities, hnp.arrays(bool, (2, 3, 4)))
def test_priors_sum_to_one_inside_and_leave_nothing_impossible(raw, mask):
    raw = raw / np.maximum(raw.sum(axis=0), 1.0)
    priors = np.stack(normalise_priors(list(raw), mask))
    assert priors.sum(axis=0)[mask] == pytest.approx(1.0, abs=1e-5)
    assert (priors[:, ~mask] == 0).all()
    assert (priors[:, mask] > 0.01).all()


def test_certain_priors_keep_their_order_and_uncovered_voxels_become_fluid():
    mask = np.ones((1, 1, 2), dtype=bool)
    csf, grey, white = normalise_priors([_row(0, 0), _row(0.9, 0), _row(0.1, 0)], mask)
    assert grey[0, 0, 0] > white[0, 0, 0] > csf[0, 0, 0]
    assert (csf[0, 0, 1], grey[0, 0, 1], white[0, 0, 1]) == pytest.approx((0.6, 0.3, 0.1))


@pytest.fixture(scope="module", params=AFFINES.values(), ids=AFFINES)
def bright_white_matter(request):
    """White matter 100 with a ramp of 0.5 per mm along world x and noise 4, lesion 60, rim 20."""
    rng = np.random.default_rng(5)
    grid = empty(request.param, (40, 34, 36))
    local = grid.affine[:3, 3] + grid.affine[:3, :3] @ (np.array(grid.shape) / 2)
    lesion = ellipsoid(grid, (4, 5, 4), centre=local + np.array([7, 0, 0]))
    white = ellipsoid(grid, (17, 20, 17), centre=local)
    truth = np.where(white, 100.0 + 0.5 * (points(grid)[..., 0] - local[0]), 20.0)
    signal = truth + rng.normal(0, 4, grid.shape)
    signal[lesion] = 60.0 + rng.normal(0, 4, lesion.sum())
    return grid.like(signal.astype(np.float32)), lesion, white.astype(np.float32), truth


def test_filled_lesion_has_the_signal_of_the_matter_around_it(bright_white_matter):
    t1, lesion, white, truth = bright_white_matter
    filled = fill_lesions(t1, lesion, white, seed=1, reach_mm=4.0)
    error = filled[lesion] - truth[lesion]
    assert abs(error.mean()) < 1.2
    assert error.std() < 4.5
    assert filled[lesion].std() > 1.0
    assert (filled[~lesion] == t1.data[~lesion]).all()


def test_filling_repeats_with_its_seed_only(bright_white_matter):
    t1, lesion, white, _ = bright_white_matter
    first = fill_lesions(t1, lesion, white, seed=1)
    assert (first == fill_lesions(t1, lesion, white, seed=1)).all()
    assert (first[lesion] != fill_lesions(t1, lesion, white, seed=2)[lesion]).any()


def test_nothing_to_fill_or_nothing_to_fill_with():
    t1 = centred((8, 8, 8), 1.0).like(np.arange(512, dtype=np.float32).reshape(8, 8, 8))
    none, some = np.zeros(t1.shape, dtype=bool), t1.data > 500
    assert (fill_lesions(t1, none, np.ones(t1.shape, np.float32), seed=1) == t1.data).all()
    assert (fill_lesions(t1, some, np.zeros(t1.shape, np.float32), seed=1) == t1.data).all()


def test_the_original_scan_is_not_written_to(bright_white_matter):
    t1, lesion, white, _ = bright_white_matter
    before = t1.data.copy()
    fill_lesions(Volume(t1.data, t1.affine), lesion, white, seed=1)
    assert (t1.data == before).all()


def test_volumes_by_hand():
    """Seven voxels of 500 mm3 and one outside the brain."""
    #                 cortex white thal. putam. ventr. stem cbl. outside
    regions = np.array([[[1, 1, 2, 3, 5, 6, 7, 0]]], dtype=np.uint8)
    csf = _row(0.2, 0.0, 0.1, 0.0, 0.9, 0.0, 0.3, 0.5)
    grey = _row(0.8, 0.1, 0.6, 0.7, 0.1, 0.2, 0.5, 0.5)
    white = _row(0.0, 0.9, 0.3, 0.3, 0.0, 0.8, 0.2, 0.0)
    volumes = tissue_volumes_ml(Tissue(csf, grey, white), regions, regions > 0, 500.0)
    expected = {
        "BPV": 0.5 * (0.8 + 1.0 + 0.9 + 1.0 + 0.1 + 1.0 + 0.7),
        "GMV": 0.5 * (0.8 + 0.1 + 0.6 + 0.7 + 0.1 + 0.2 + 0.5),
        "WMV": 0.5 * (0.9 + 0.3 + 0.3 + 0.8 + 0.2),
        "CSFV": 0.5 * (0.2 + 0.1 + 0.9 + 0.3),
        "TIV": 3.5,
        "CGMV": 0.5 * (0.8 + 0.1),
        "DGMV": 0.5 * (0.9 + 1.0),
        "THALV": 0.5 * 0.9,
        "VENTV": 0.5 * 0.9,
        "BSTV": 0.5 * 1.0,
        "CBLV": 0.5 * 0.7,
    }
    assert volumes == pytest.approx(expected)
    assert [Region(n).name for n in (2, 3, 5)] == ["THALAMUS", "DEEP_GREY", "LATERAL_VENTRICLES"]
