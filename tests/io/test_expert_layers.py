"""Boundaries from painted layers."""

import numpy as np
import pytest
from PIL import Image

from smartms_img.errors import InputError
from smartms_img.io.expert_layers import COLOURS, LAST_LAYER, read_expert_layers


def test_boundaries_lie_between_the_rows_that_they_part(tmp_path):
    mask = np.zeros((12, 3, 3), np.uint8)
    mask[2:4, :2] = COLOURS["ILM"]
    mask[4:7, :2] = COLOURS["RNFL_GCL"]
    mask[7:10, :2] = LAST_LAYER
    Image.fromarray(mask).save(tmp_path / "a_layers.png")
    rows = read_expert_layers(tmp_path / "a_layers.png")
    np.testing.assert_array_equal(rows["ILM"], [1.5, 1.5, np.nan])
    np.testing.assert_array_equal(rows["RNFL_GCL"], [3.5, 3.5, np.nan])
    np.testing.assert_array_equal(rows["BM"], [9.5, 9.5, np.nan])
    assert np.isnan(rows["EZ"]).all()


def test_what_is_no_painted_picture_is_refused(tmp_path):
    Image.new("RGB", (4, 4), (9, 9, 9)).save(tmp_path / "a.png")
    with pytest.raises(InputError, match="no layer in a known colour"):
        read_expert_layers(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match="no readable picture"):
        read_expert_layers(tmp_path / "b.png")
