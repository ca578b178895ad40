"""Macular grid, fovea, ETDRS means and volumes against analytic maps."""

import numpy as np
import pytest

from smartms_img.naming import Eye
from smartms_img.oct.macula import (
    disc_volume,
    etdrs_sectors,
    find_fovea,
    macula_grid,
    minimum_gcipl,
    moved_grid,
    thickness_change,
)

SHAPE, ASCAN_UM, BSCAN_UM = (61, 512), 13.5, 115.0


@pytest.fixture
def grid():
    return macula_grid(SHAPE, ASCAN_UM, BSCAN_UM, Eye.OD)


def test_orientation_of_both_eyes(grid):
    assert grid.x_mm[0, -1] > 0  # a right eye's disc is at the observer's right
    assert grid.y_mm[0, 0] > grid.y_mm[-1, 0]  # superior first
    left = macula_grid(SHAPE, ASCAN_UM, BSCAN_UM, Eye.OS)
    np.testing.assert_allclose(left.x_mm, -grid.x_mm)


def test_device_positions_are_used():
    positions = np.array([[1.0, 2.0, 4.0, 2.0], [1.0, 3.0, 4.0, 3.0]])
    grid = macula_grid((2, 4), 1000, 1000, Eye.OD, positions)
    assert grid.x_mm[0].tolist() == [1, 2, 3, 4]
    assert grid.y_mm[:, 0].tolist() == [-2, -3]


def test_radial_ramp_has_its_analytic_means(grid):
    radius = np.hypot(grid.x_mm, grid.y_mm)
    sectors = etdrs_sectors(grid, 100 + 50 * radius, (0.0, 0.0), 0.9)
    mean_radius = {"C": 1 / 3, "M3": 1.0, "M6": 2.0}
    for name, mean in mean_radius.items():
        assert sectors[name].value == pytest.approx(100 + 50 * mean, abs=0.6)
    inner = 2 / 3 * (1.5**3 - 0.5**3) / (1.5**2 - 0.5**2)
    for name in ("IS", "IN", "II", "IT"):
        assert sectors[name].value == pytest.approx(100 + 50 * inner, abs=0.6)


@pytest.mark.parametrize("eye", list(Eye))
def test_nasal_is_nasal_in_both_eyes(eye):
    grid = macula_grid(SHAPE, ASCAN_UM, BSCAN_UM, eye)
    disc_side = 1 if eye is Eye.OD else -1
    columns = np.arange(SHAPE[1]) * np.ones((SHAPE[0], 1)) - (SHAPE[1] - 1) / 2
    thickness = 50 + 0.01 * disc_side * columns  # thicker toward the disc
    sectors = etdrs_sectors(grid, thickness, (0.0, 0.0), 0.9)
    assert sectors["ON"].value > sectors["OT"].value
    assert sectors["OS"].value == pytest.approx(sectors["OI"].value, abs=0.01)


def test_superior_is_superior(grid):
    sectors = etdrs_sectors(grid, 100 + grid.y_mm, (0.0, 0.0), 0.9)
    assert sectors["OS"].value > sectors["OI"].value


def test_grid_beyond_the_scan_is_refused(grid):
    sectors = etdrs_sectors(grid, np.full(SHAPE, 100.0), (1.5, 0.0), 0.9)
    assert sectors["ON"].value is None
    assert sectors["C"].value == pytest.approx(100)
    assert disc_volume(sectors).value is None


def test_change_is_that_of_the_same_place(grid):
    baseline_um = 100 + 5 * grid.x_mm + 3 * grid.y_mm**2
    angle = np.radians(6.0)
    onto = np.array([[np.cos(angle), -np.sin(angle), 0.3], [np.sin(angle), np.cos(angle), -0.2]])
    later = moved_grid(grid, onto)
    later_um = 100 + 5 * later.x_mm + 3 * later.y_mm**2 - 2
    change = thickness_change(grid, baseline_um, later, later_um)
    assert np.isnan(change).any()  # the corners
    inner = np.hypot(grid.x_mm, grid.y_mm) < 2.5
    assert np.isfinite(change[inner]).all()
    np.testing.assert_allclose(change[inner], -2, atol=0.02)


def test_volume_of_a_plate(grid):
    sectors = etdrs_sectors(grid, np.full(SHAPE, 300.0), (0.0, 0.0), 0.9)
    assert disc_volume(sectors).value == pytest.approx(0.3 * np.pi * 9, rel=1e-6)


def test_minimum_sector_is_the_thin_one(grid):
    angle = np.degrees(np.arctan2(grid.y_mm, grid.x_mm)) % 360
    thickness = np.where((angle > 240) & (angle < 300), 55.0, 80.0)  # inferior
    assert minimum_gcipl(grid, thickness, (0.0, 0.0), 0.9).value == pytest.approx(55, abs=1.5)
    flat = minimum_gcipl(grid, np.full(SHAPE, 80.0), (0.0, 0.0), 0.9)
    assert flat.value == pytest.approx(80)


def test_fovea_is_found_between_bscans(grid):
    place = (0.31, -0.27)
    distance = np.hypot(grid.x_mm - place[0], grid.y_mm - place[1])
    retina = 320 - 100 * np.exp(-((distance / 0.4) ** 2))
    assert find_fovea(grid, retina) == pytest.approx(place, abs=0.04)
    assert find_fovea(grid, np.full(SHAPE, 300.0)) is None
