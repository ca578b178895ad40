"""One file without a dataset."""

import json

import numpy as np
import pytest

from pipelines.measure_oct import measure_oct
from smartms_img.config import default_study
from smartms_img.oct.boundaries import BOUNDARIES
from smartms_img.phantoms.oct import ring_phantom, write_oct_phantom


def test_ring_picture(tmp_path):
    phantom = ring_phantom(rnfl_um=92, ascans=512)
    file = write_oct_phantom(tmp_path, "scan", phantom)
    result = measure_oct(file, tmp_path / "out", default_study())
    assert json.loads(json.dumps(result)) == result
    assert result["thickness"]["smartms"]["RNFL_G"]["value"] == pytest.approx(92, abs=2)
    assert "no boundary" in result["thickness"]["device"]["RNFL_G"]["reason"]
    with np.load(tmp_path / "out" / "layers.npz") as layers:
        assert tuple(layers.files) == BOUNDARIES
        assert layers["ILM"].shape == (1, 512)
    document = json.loads((tmp_path / "out" / "layers.json").read_text())
    ilm = document["boundaries"]["ILM"]
    assert ilm["um"][0][7] == pytest.approx(ilm["px"][0][7] * 3.87, abs=0.01)


@pytest.mark.realdata
def test_device_and_smartms_side_by_side(real_data, tmp_path):
    result = measure_oct(real_data / "oct" / "ring_OD_1.vol", tmp_path, default_study())
    device = result["thickness"]["device"]["RNFL_G"]["value"]
    assert device == pytest.approx(110.9, abs=0.1)
    assert result["thickness"]["smartms"]["RNFL_G"]["value"] == pytest.approx(device, abs=4)
    assert not any(check["status"] == "fail" for check in result["qc"].values())
    for path in tmp_path.iterdir():
        assert b"CANARY" not in path.read_bytes()


@pytest.mark.realdata
def test_myopic_ring_fails_its_checks(real_data, tmp_path):
    result = measure_oct(real_data / "oct" / "ring_reject.vol", tmp_path, default_study())
    assert result["qc"]["clipped_ascans"]["status"] == "fail"
    assert "cut by the edge" in result["qc"]["clipped_ascans"]["reason"]
