"""A derivative lies beside a sidecar that says where it came from."""

import json

import nibabel
import numpy as np
import pytest

from smartms_img.io.derivatives import save_derivative, save_world_matrix
from smartms_img.volume import Volume

SOURCES = ["sub-01/ses-M00/anat/sub-01_ses-M00_T1w.nii.gz"]
NOTE = {"sources": SOURCES, "method_version": "7", "seed": 42}


def test_image_and_sidecar(tmp_path):
    mask = Volume(np.indices((4, 4, 4)).sum(0) > 4, np.diag([1.0, 1.0, 2.0, 1.0]))
    path = tmp_path / "anat" / "sub-01_ses-M00_desc-brain_mask.nii.gz"
    save_derivative(
        mask, path, description="Brain mask", dtype=np.uint8, extra={"SkullStripped": True}, **NOTE
    )
    image = nibabel.load(path)
    assert (np.asarray(image.dataobj) == mask.data).all()
    assert image.header.get_zooms() == pytest.approx((1.0, 1.0, 2.0))
    sidecar = path.with_name("sub-01_ses-M00_desc-brain_mask.json")
    assert json.loads(sidecar.read_text()) == {
        "Description": "Brain mask",
        "Sources": [f"bids:raw:{SOURCES[0]}"],
        "MethodVersion": "7",
        "Seed": 42,
        "Threads": 1,
        "SkullStripped": True,
    }
    assert len(list(path.parent.iterdir())) == 2


def test_the_same_derivative_is_the_same_two_files(tmp_path):
    volume = Volume(np.random.default_rng(0).random((5, 6, 7)).astype(np.float32), np.eye(4))
    written = []
    for name in ("one", "two"):
        save_derivative(volume, tmp_path / name / "x.nii.gz", description="X", **NOTE)
        written.append([(tmp_path / name / f"x.{end}").read_bytes() for end in ("nii.gz", "json")])
    assert written[0] == written[1]


def test_matrix_says_from_where_to_where(tmp_path):
    matrix = np.eye(4)
    matrix[0, 3] = 1 / 3
    path = tmp_path / "from-FLAIR_to-T1w_mode-image_xfm.json"
    save_world_matrix(matrix, path, source="FLAIR", target="T1w")
    content = json.loads(path.read_text())
    assert np.array(content["Matrix"]) == pytest.approx(matrix, abs=1e-9)
    assert content["Description"] == "RAS+ mm, maps points of FLAIR to points of T1w"
