"""Ring sectors: published layout, hand-computed means."""

import numpy as np
import pytest

from smartms_img.oct.measure import measure_ring
from smartms_img.oct.ring import RING_SECTORS, ring_sectors


def test_six_sectors_tile_the_circle():
    widths = {name: span for name, (_, span) in RING_SECTORS.items()}
    assert widths == {
        "G": 360, "T": 90, "TS": 40, "NS": 40, "N": 110, "NI": 40, "TI": 40, "PMB": 30,
    }  # fmt: skip
    order = ["T", "TS", "NS", "N", "NI", "TI"]
    ends = [RING_SECTORS[name][0] + widths[name] for name in order]
    starts = [RING_SECTORS[name][0] for name in order[1:]] + [360 - 45]
    assert ends == starts


def test_step_function_lands_in_its_sector():
    angle = np.arange(720) / 2
    profile = np.where((angle >= 85) & (angle < 125), 140.0, 70.0)  # superior nasal
    sectors = ring_sectors(profile, 0.9)
    assert sectors["NS"].value == pytest.approx(140, abs=0.5)
    for name in ("T", "TI", "NI", "PMB"):
        assert sectors[name].value == 70
    assert sectors["G"].value == pytest.approx((40 * 140 + 320 * 70) / 360, abs=0.1)


def test_cosine_mean_over_the_temporal_sector():
    angle = np.radians(np.arange(768) * 360 / 768)
    value = ring_sectors(100 + 50 * np.cos(angle), 0.9)["T"].value
    assert value == pytest.approx(100 + 50 * np.sin(np.pi / 4) / (np.pi / 4), abs=0.05)


def test_rotation_measures_the_same_place():
    angle = np.arange(720) / 2
    profile = 100 + 40 * np.sin(np.radians(2 * angle))
    turned = 100 + 40 * np.sin(np.radians(2 * (angle + 7)))
    for name, sector in ring_sectors(profile, 0.9).items():
        assert ring_sectors(turned, 0.9, 7.0)[name].value == pytest.approx(sector.value, abs=0.05)


def test_missing_part_gives_a_reason_not_a_number():
    profile = np.full(360, 90.0)
    profile[:12] = np.nan
    sectors = ring_sectors(profile, 0.9)
    assert sectors["PMB"].value is None
    assert "%" in sectors["PMB"].reason
    assert sectors["G"].value == 90


def test_absent_boundary_is_the_reason():
    values = measure_ring({"ILM": np.ones((1, 100))}, 4.0, 0.9)
    assert values["RNFL", "G"].reason == "no boundary RNFL_GCL in the layers"
