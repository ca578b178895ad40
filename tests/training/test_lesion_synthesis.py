"""Synthetic patches: lesions lie in tissue, are brighter than it on FLAIR, and repeat by seed."""

import numpy as np
import pytest

from smartms_img.phantoms.template import head
from training.lesions.synthesis import CHANNELS, PATCH, deform, draw_patch


@pytest.fixture(scope="module")
def anatomy():
    return deform(head(), np.random.default_rng(0))


def test_fractions_are_fractions(anatomy):
    total = anatomy.grey + anatomy.white + anatomy.csf
    assert total.max() <= 1 + 1e-5
    assert min(part.min() for part in (anatomy.grey, anatomy.white, anatomy.csf)) >= 0


def test_the_same_seed_gives_the_same_patch(anatomy):
    first, second = (draw_patch(anatomy, np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(first[0], second[0])
    assert np.array_equal(first[1], second[1])


def test_lesions_are_brighter_than_the_white_matter_about_them(anatomy):
    rng, brighter, patches = np.random.default_rng(1), 0, 0
    for _ in range(12):
        channels, lesions = draw_patch(anatomy, rng)
        assert channels.shape == (len(CHANNELS), PATCH, PATCH, PATCH)
        assert set(np.unique(lesions)) <= {0.0, 1.0}
        flair = channels[0]
        assert not lesions[flair == 0].any()
        white = (channels[2] > 0.9) & (flair > 0) & (lesions == 0)
        if lesions.sum() > 50 and white.sum() > 500:
            patches += 1
            brighter += flair[lesions > 0].mean() > flair[white].mean()
    assert patches >= 4
    assert brighter >= patches - 1
