"""The layers document of a scan."""

import json

import numpy as np
import pytest

from smartms_img.io.atomic import write_json
from smartms_img.io.oct_layers import layers_document, read_description
from smartms_img.io.oct_model import Fundus, OctScan, ScanPattern
from smartms_img.naming import Eye

ROWS = {"ILM": np.array([[3.0, np.nan, 4.0]])}
FUNDUS = Fundus(np.zeros((20, 30), np.uint8), (0.011, 0.012))


def scan(**changes):
    parts = {"axial_um": 4.0, "ascan_um": 14.0, "software": "6.9"} | changes
    return OctScan(ScanPattern.RING, Eye.OD, np.zeros((1, 10, 3), np.float32), **parts)


def test_size_and_fundus_are_described():
    seen = scan(fundus=FUNDUS, positions_mm=np.zeros((1, 4)))
    document = layers_document(seen, ROWS, ROWS, {})
    assert [document[name] for name in ("bscans", "ascans", "rows")] == [1, 3, 10]
    assert document["fundus"] == {"rows": 20, "columns": 30, "row_mm": 0.011, "column_mm": 0.012}
    assert document["positions_known"] is True
    blind = layers_document(scan(), ROWS, ROWS, {})
    assert (blind["fundus"], blind["positions_known"]) == (None, False)


def test_description_is_all_but_the_curves(tmp_path):
    document = layers_document(scan(fundus=FUNDUS), ROWS, ROWS, {"fovea_mm": [0.1, 0.2]})
    path = tmp_path / "x_desc-layers.json"
    write_json(path, document)
    curves = {"boundaries", "device_boundaries", "confidence"}
    whole = json.loads(path.read_text())
    assert curves < whole.keys()
    assert read_description(path) == {k: v for k, v in whole.items() if k not in curves}


@pytest.mark.parametrize("text", ["", "{", '{\n  "pattern": "ring"\n}\n'])
def test_other_text_is_refused(tmp_path, text):
    path = tmp_path / "x_desc-layers.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="no curves"):
        read_description(path)
