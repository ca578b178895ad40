"""The layer net on synthetic B-scans whose boundaries are known."""

import numpy as np
import pytest

from smartms_img.oct.layer_net import run_layer_net
from training.oct.synthesis import draw_bscan


@pytest.fixture(scope="module")
def drawn():
    rng = np.random.default_rng(20)
    return [draw_bscan(rng) for _ in range(12)]


def test_boundaries_are_found_where_they_are(drawn):
    errors = []
    for bscan in drawn:
        found = run_layer_net(bscan.channels[None])[0].argmax(axis=2)
        errors.append(np.abs(found - bscan.boundaries).mean(axis=1))
    # Rows of 4 um; the hardest pictures are not to be read by anybody.
    assert (np.median(errors, axis=0) < 1.2).all()


def test_probabilities_of_an_ascan_sum_to_one(drawn):
    log = run_layer_net(drawn[0].channels[None])
    assert log.shape == (1, 4, *drawn[0].channels.shape[1:])
    np.testing.assert_allclose(np.exp(log).sum(axis=3), 1.0, atol=2e-3)


def test_the_answer_does_not_depend_on_the_other_bscans(drawn):
    both = np.stack([drawn[0].channels, drawn[1].channels])
    assert np.array_equal(run_layer_net(both[:1]), run_layer_net(both[:1]))
    np.testing.assert_allclose(run_layer_net(both)[:1], run_layer_net(both[:1]), atol=1e-4)
