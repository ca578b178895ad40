"""OCT phantoms are what they say, repeat exactly, and come back from disk."""

import numpy as np
import pytest

from smartms_img.io.oct import read_oct
from smartms_img.naming import Eye
from smartms_img.oct.boundaries import thickness_um
from smartms_img.oct.macula import etdrs_sectors, macula_grid
from smartms_img.phantoms.oct import macula_phantom, ring_phantom, thinner, write_oct_phantom


def test_ring_has_the_thickness_it_was_asked_for():
    phantom = ring_phantom(rnfl_um=87.0, gcipl_um=33.0)
    rnfl = thickness_um(phantom.boundaries, "RNFL", phantom.axial_um)
    gcipl = thickness_um(phantom.boundaries, "GCIPL", phantom.axial_um)
    assert rnfl.mean() == pytest.approx(87.0)
    np.testing.assert_allclose(gcipl, 33.0)


@pytest.mark.parametrize("eye", list(Eye))
def test_macula_has_the_thickness_it_was_asked_for(eye):
    phantom = macula_phantom(gcipl_um=64.0, laterality=eye)
    shape = phantom.bscans.shape[0], phantom.bscans.shape[2]
    grid = macula_grid(shape, phantom.ascan_um, phantom.bscan_um, eye)
    gcipl = thickness_um(phantom.boundaries, "GCIPL", phantom.axial_um)
    sectors = etdrs_sectors(grid, gcipl, (0.1, -0.05), 0.9)
    assert sectors["M6"].value == pytest.approx(64.0, abs=0.5)


def test_boundaries_are_ordered():
    for phantom in (ring_phantom(ascans=256), macula_phantom(n_bscans=9, ascans=128)):
        stack = np.stack(list(phantom.boundaries.values()))
        assert (np.diff(stack, axis=0) > 0).all()
        assert 0 <= phantom.bscans.min() <= phantom.bscans.max() <= 1


def test_same_seed_same_bytes():
    first, second = ring_phantom(seed=4, ascans=256), ring_phantom(seed=4, ascans=256)
    np.testing.assert_array_equal(first.bscans, second.bscans)
    assert not np.array_equal(first.bscans, ring_phantom(seed=5, ascans=256).bscans)


@pytest.mark.parametrize("kind", ["ring", "macula"])
def test_loss_is_exact(kind):
    if kind == "ring":
        phantom, layer = ring_phantom(ascans=256), "RNFL"
    else:
        phantom, layer = macula_phantom(n_bscans=9, ascans=128), "GCIPL"
    before = thickness_um(phantom.boundaries, layer, phantom.axial_um)
    after = thickness_um(thinner(phantom, 3.0, seed=2).boundaries, layer, phantom.axial_um)
    np.testing.assert_allclose(after, np.maximum(before - 3.0, 0), atol=1e-9)


def test_written_phantoms_are_read_back(tmp_path):
    ring, macula = ring_phantom(ascans=256), macula_phantom(n_bscans=5, ascans=128)
    for phantom, kind in ((ring, "ring"), (macula, "macula")):
        stem = f"sub-01_ses-M00_eye-OD_acq-{kind}"
        scan = read_oct(write_oct_phantom(tmp_path / "oct", stem, phantom))
        np.testing.assert_allclose(scan.bscans, phantom.bscans, atol=0.5 / 255 + 1e-6)
        assert scan.pattern is phantom.pattern
        assert scan.ascan_um == pytest.approx(phantom.ascan_um)
    names = sorted(path.name for path in (tmp_path / "oct").iterdir())
    assert names == [
        "sub-01_ses-M00_eye-OD_acq-macula_oct",
        "sub-01_ses-M00_eye-OD_acq-macula_oct.json",
        "sub-01_ses-M00_eye-OD_acq-ring_oct.json",
        "sub-01_ses-M00_eye-OD_acq-ring_oct.png",
    ]
