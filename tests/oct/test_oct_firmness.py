"""Layers may vanish about the foveal pit and nowhere else."""

import numpy as np

from smartms_img.oct.columns import Spacing
from smartms_img.oct.firmness import FIRM, layer_firmness


def test_pit_is_free_and_the_rest_firm():
    y, x = np.mgrid[:41, :300]
    distance = np.hypot((y - 20) * 120.0, (x - 150) * 20.0)
    retina = 250 - 90 * np.exp(-((distance / 400) ** 2))
    firmness = layer_firmness(retina, Spacing(4.0, 20.0, 120.0))
    assert firmness[20, 150] == 1
    assert (firmness[distance > 1600] == FIRM).all()


def test_without_a_pit_all_is_firm():
    assert (layer_firmness(np.full((1, 300), 250.0), Spacing(4.0, 12.0)) == FIRM).all()


def test_rings_have_limits_of_their_own():
    assert (layer_firmness(np.full((1, 300), 250.0), Spacing(4.0, 14.0, periodic=True)) == 1).all()
