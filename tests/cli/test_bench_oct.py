"""``smartms bench oct``: one line for what cannot be done, and scores of a painted picture."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from smartms_img.cli.bench_oct import oct_layers
from smartms_img.errors import InputError
from smartms_img.io.expert_layers import COLOURS, LAST_LAYER
from smartms_img.oct.boundaries import BOUNDARIES
from smartms_img.phantoms.oct import ring_phantom, write_oct_phantom


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({}, "nothing to do"),
        ({"repeat": ["one"]}, "'one' names no two scans"),
        ({"experts": Path("nowhere")}, "holds no painted layers"),
    ],
)
def test_bad_requests_write_nothing(
    tmp_path: Path, asked: dict[str, object], problem: str
) -> None:
    with pytest.raises(InputError, match=problem):
        oct_layers(tmp_path / "out", **asked)
    assert not (tmp_path / "out").exists()


def test_a_picture_without_boundaries_of_the_device_is_refused(tmp_path: Path) -> None:
    ring = write_oct_phantom(tmp_path, "ring", ring_phantom(ascans=128))
    with pytest.raises(InputError, match="holds no boundaries of the device"):
        oct_layers(tmp_path / "out", device=[ring], quiet=True)


def test_painted_layers_are_scored(tmp_path: Path) -> None:
    phantom = ring_phantom(seed=3, ascans=400)
    Image.fromarray((phantom.bscans[0] * 255).astype(np.uint8)).save(tmp_path / "a.png")
    mask = np.zeros((*phantom.bscans[0].shape, 3), np.uint8)
    row = np.arange(len(mask))[:, None]
    for name in BOUNDARIES:
        if name in COLOURS:
            mask[row >= phantom.boundaries[name] + 0.5] = COLOURS[name]
    mask[row >= phantom.boundaries["RPE"] + 0.5] = LAST_LAYER
    mask[row >= phantom.boundaries["BM"] + 0.5] = 0
    Image.fromarray(mask).save(tmp_path / "a_layers.png")
    oct_layers(
        tmp_path / "out",
        experts=tmp_path,
        axial_um=phantom.axial_um,
        ascan_um=phantom.ascan_um,
        quiet=True,
    )
    rows = [line.split("\t") for line in (tmp_path / "out/scores.tsv").read_text().splitlines()]
    errors = {row[2]: float(row[3]) for row in rows if row[1] == "a"}
    for name in (*COLOURS, "BM"):
        assert errors[f"{name} mean absolute error, um"] < 5.0, name
