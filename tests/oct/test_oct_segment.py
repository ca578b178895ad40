"""Layer segmentation: phantoms with exact truth, real scans against device and experts."""

import json

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import median_filter

from smartms_img.io.oct import read_oct
from smartms_img.naming import Eye
from smartms_img.oct.boundaries import BOUNDARIES, thickness_um
from smartms_img.oct.columns import Spacing
from smartms_img.oct.macula import find_fovea, macula_grid
from smartms_img.oct.measure import MaculaPlace, measure_macula, measure_ring
from smartms_img.oct.quality import macula_laterality_ratio
from smartms_img.oct.scan import locate_macula, segment_scan
from smartms_img.oct.segment import segment_layers
from smartms_img.phantoms.oct import macula_phantom, ring_phantom

EXPERT_COLOURS = {
    "ILM": (255, 0, 0), "RNFL_GCL": (128, 128, 0), "IPL_INL": (255, 255, 0),
    "INL_OPL": (0, 128, 0), "OPL_ONL": (0, 255, 0), "EZ": (0, 0, 255), "BM": (255, 0, 255),
}  # fmt: skip
EXPERT_LIMIT_UM = {
    "ILM": 3.0, "RNFL_GCL": 4.3, "IPL_INL": 4.7, "INL_OPL": 8.0, "OPL_ONL": 8.0, "EZ": 3.0,
    "BM": 3.2,
}  # fmt: skip


def error_um(found, true, axial_um):
    return float(np.nanmean(np.abs(found - true))) * axial_um


@pytest.mark.parametrize("rnfl_um", [60.0, 95.0, 120.0])
def test_ring_phantom(rnfl_um):
    phantom = ring_phantom(rnfl_um=rnfl_um, seed=5)
    spacing = Spacing(phantom.axial_um, phantom.ascan_um, periodic=True)
    layers = segment_layers(phantom.bscans, spacing)
    value = measure_ring(layers.rows, phantom.axial_um, 0.9)["RNFL", "G"].value
    assert value == pytest.approx(rnfl_um, abs=2.0)
    for name, true in phantom.boundaries.items():
        assert error_um(layers.rows[name], true, phantom.axial_um) < 2.5, name


@pytest.mark.parametrize(("eye", "gcipl_um"), [(Eye.OD, 72.0), (Eye.OS, 55.0)])
def test_macula_phantom(eye, gcipl_um):
    phantom = macula_phantom(gcipl_um=gcipl_um, laterality=eye, seed=6, n_bscans=25, ascans=256)
    spacing = Spacing(phantom.axial_um, phantom.ascan_um, phantom.bscan_um)
    rows = segment_layers(phantom.bscans, spacing).rows
    grid = macula_grid((25, 256), phantom.ascan_um, phantom.bscan_um, eye)
    fovea = find_fovea(grid, thickness_um(rows, "RETT", phantom.axial_um))
    assert fovea == pytest.approx((0.1, -0.05), abs=0.06)
    values = measure_macula(rows, phantom.axial_um, MaculaPlace(grid, fovea), 0.9)
    assert values["GCIPL", "M6"].value == pytest.approx(gcipl_um, abs=3.0)
    assert values["MRNFL", "ON"].value > values["MRNFL", "OT"].value


def test_boundaries_are_ordered_and_confident_where_seen():
    phantom = ring_phantom(seed=2, ascans=512)
    spacing = Spacing(phantom.axial_um, phantom.ascan_um, periodic=True)
    layers = segment_layers(phantom.bscans, spacing)
    stack = np.stack([layers.rows[name] for name in BOUNDARIES])
    assert (np.diff(stack, axis=0) >= 0).all()
    assert list(layers.rows) == list(BOUNDARIES)
    for curve in layers.rows.values():
        assert abs(curve[0, 0] - curve[0, -1]) < 4  # the ring closes
    assert layers.confidence["ILM"].mean() > 0.8
    noise = np.random.default_rng(0).random(phantom.bscans.shape).astype(np.float32)
    assert segment_layers(noise, spacing).confidence["BM"].mean() < 0.6


def test_same_picture_gives_the_same_layers():
    phantom = ring_phantom(seed=3, ascans=384)
    spacing = Spacing(phantom.axial_um, phantom.ascan_um, periodic=True)
    first, second = (segment_layers(phantom.bscans, spacing) for _ in range(2))
    for name in BOUNDARIES:
        np.testing.assert_array_equal(first.rows[name], second.rows[name])


def test_single_frame_noise_does_not_swap_layers():
    phantom = ring_phantom(rnfl_um=90, seed=4)
    rng = np.random.default_rng(8)
    linear = phantom.bscans**4 * rng.exponential(1.0, phantom.bscans.shape) + 0.002
    noisy = np.clip(linear**0.25, 0, 1).astype(np.float32)
    spacing = Spacing(phantom.axial_um, phantom.ascan_um, periodic=True)
    rows = segment_layers(noisy, spacing).rows
    for name in ("RNFL_GCL", "IPL_INL", "INL_OPL", "OPL_ONL"):
        assert error_um(rows[name], phantom.boundaries[name], phantom.axial_um) < 8.0, name


@pytest.mark.realdata
def test_real_rings_agree_with_the_device_and_each_other(real_data):
    means = []
    for name in ("ring_OD_1.vol", "ring_OD_2.vol"):
        scan = read_oct(real_data / "oct" / name)
        rows = segment_scan(scan).rows
        device = scan.device_layers
        assert error_um(rows["ILM"], device["ILM"], scan.axial_um) <= 2.0
        assert error_um(rows["BM"], device["BM"], scan.axial_um) <= 2.5
        assert error_um(rows["RNFL_GCL"], device["RNFL_GCL"], scan.axial_um) <= 4.5
        ours = measure_ring(rows, scan.axial_um, 0.9)["RNFL", "G"].value
        theirs = measure_ring(device, scan.axial_um, 0.9)["RNFL", "G"].value
        assert ours == pytest.approx(theirs, abs=1.5)
        means.append(ours)
    assert abs(means[0] - means[1]) <= 1.0


@pytest.mark.realdata
def test_real_line_agrees_with_the_device(real_data):
    scan = read_oct(real_data / "oct" / "line_OD.vol")
    rows = segment_scan(scan).rows
    for name, limit in (("ILM", 2.0), ("BM", 2.5)):
        assert error_um(rows[name], scan.device_layers[name], scan.axial_um) <= limit


@pytest.mark.realdata
def test_real_macula_has_its_pit_and_no_jumps(real_data, tmp_path):
    """A left eye whose photoreceptors are destroyed beside the fovea."""
    (tmp_path / "scan").symlink_to(real_data / "oct/macula_OS", target_is_directory=True)
    sidecar = {"pattern": "volume", "laterality": "OS", "axial_um": 3.125, "ascan_um": 15.0}
    (tmp_path / "scan.json").write_text(json.dumps(sidecar | {"bscan_um": 122.4}))
    scan = read_oct(tmp_path / "scan")
    rows = segment_scan(scan).rows
    stack = np.stack([rows[name] for name in BOUNDARIES])
    assert (np.diff(stack, axis=0) >= 0).all()
    place = locate_macula(scan, rows)
    retina, gcipl, rnfl = (
        thickness_um(rows, layer, scan.axial_um) for layer in ("RETT", "GCIPL", "RNFL")
    )
    # The pit by eye: B-scan 24, A-scan 190.
    pit = place.grid.x_mm[24, 190], place.grid.y_mm[24, 190]
    assert np.hypot(*np.subtract(place.fovea_mm, pit)) < 0.15
    assert retina[24, 190] < np.median(retina) - 40
    assert macula_laterality_ratio(place.grid, rnfl, place.fovea_mm) > 1.3
    inside = np.hypot(*(np.subtract(c, f) for c, f in zip(
        (place.grid.x_mm, place.grid.y_mm), place.fovea_mm, strict=True))) < 3.0  # fmt: skip
    jump = np.abs(gcipl - median_filter(gcipl, size=5))
    assert (jump[inside] > 25).mean() < 0.01


@pytest.mark.realdata
@pytest.mark.parametrize("number", [1, 2, 3])
def test_foveal_bscans_agree_with_experts(real_data, tmp_path, number):
    folder = real_data / "oct" / "foveal"
    picture = np.array(Image.open(folder / f"NORMAL{number}.png").convert("L"))
    picture[360:480, 20:130] = 40  # a drawn compass
    Image.fromarray(picture).save(tmp_path / "scan.png")
    sidecar = {"pattern": "line", "laterality": "OS", "axial_um": 4.0, "ascan_um": 9.0}
    (tmp_path / "scan.json").write_text(json.dumps(sidecar))
    rows = segment_scan(read_oct(tmp_path / "scan.png")).rows
    mask = np.array(Image.open(folder / f"NORMAL{number}_layers.png").convert("RGB"))
    for name, colour in EXPERT_COLOURS.items():
        layer = (mask == colour).all(axis=2)
        edge = layer.argmax(axis=0) - 0.5
        if name == "BM":
            edge = len(layer) - 0.5 - layer[::-1].argmax(axis=0)
        edge = np.where(layer.any(axis=0), edge, np.nan)[5:-5]
        assert error_um(rows[name][0, 5:-5], edge, 4.0) <= EXPERT_LIMIT_UM[name], name
