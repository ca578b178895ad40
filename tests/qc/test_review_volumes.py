"""What the view in three dimensions is given."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
from review_output import make_output

from smartms_img.config import default_study
from smartms_img.errors import InputError
from smartms_img.io.nifti import save_image
from smartms_img.io.results import read_results
from smartms_img.qc.review.desk import Desk
from smartms_img.qc.review.store import Store
from smartms_img.qc.review.volumes import LayerFile, layer_bytes, layer_files
from smartms_img.qc.rubric import ELEMENTS, LayerKind
from smartms_img.volume import Volume

AFFINE = np.array([[2.0, 0, 0, -20], [0, 2, 0, 7], [0, 0, 2, 3], [0, 0, 0, 1]])
BRAIN = "sub-1_desc-brain_mask.nii.gz"
SHAPE = (60, 50, 50)


def brain_of(shape: tuple[int, int, int]) -> np.ndarray:
    inside = np.zeros(shape, np.float32)
    inside[20:40, 20:30, 20:30] = 1
    return inside


@pytest.fixture
def out(tmp_path) -> Path:
    save_image(Volume(brain_of(SHAPE), AFFINE), tmp_path / BRAIN)
    return tmp_path


def shown(out: Path, data: np.ndarray, kind: LayerKind, affine: np.ndarray = AFFINE):
    save_image(Volume(data.astype(np.float32), affine), out / "sub-1_x.nii.gz")
    content = layer_bytes(out, LayerFile("sub-1_x.nii.gz", kind), {BRAIN: "1"})
    return nibabel.Nifti1Image.from_bytes(content)


def test_nothing_far_from_the_brain_is_shown_and_places_stay(out):
    data = np.full(SHAPE, 100.0)
    data[20:40, 20:30, 20:30] += np.arange(20.0)[:, None, None]
    data[58, 25, 25] = 5000.0
    image = shown(out, data, LayerKind.GREY)
    voxels = np.asarray(image.dataobj)
    # Ten millimetres are five voxels.
    assert voxels.shape == (30, 20, 20) and voxels.dtype == np.uint8
    assert image.affine[:3, 3] == pytest.approx((AFFINE @ [15, 15, 15, 1])[:3])
    inside = voxels[5:-5, 5:-5, 5:-5].astype(int)
    assert inside.min() < 40 and inside.max() == 255
    assert (np.diff(inside[:, 0, 0]) >= 0).all()
    assert voxels[0, 0, 0] == 0


def test_the_header_tells_nothing(out):
    header = shown(out, brain_of(SHAPE), LayerKind.LABELS).header
    told = [bytes(header[name]).strip(b"\0") for name in ("descrip", "aux_file", "intent_name")]
    assert told == [b"", b"", b""]


def test_labels_stay_as_they_are(out):
    labels = brain_of(SHAPE)
    labels[30, 25, 25] = 4
    voxels = np.asarray(shown(out, labels, LayerKind.LABELS).dataobj)
    assert set(np.unique(voxels)) == {0, 1, 4}
    assert voxels[15, 10, 10] == 4


def test_loss_and_growth_are_apart_and_inside_the_brain(out):
    change = np.full(SHAPE, np.log(0.95))
    change[30:] = np.log(1.10)
    loss, growth = (
        np.asarray(shown(out, change, kind).dataobj) for kind in (LayerKind.LOSS, LayerKind.GROWTH)
    )
    # 10 % is the whole range.
    assert (loss[6, 8, 8], loss[20, 8, 8]) == (127, 0)
    assert (growth[6, 8, 8], growth[20, 8, 8]) == (0, pytest.approx(255, abs=1))
    assert loss[0, 0, 0] == growth[-1, -1, -1] == 0


def test_the_brain_is_found_on_another_grid(out):
    fine = np.diag([1.0, 1.0, 1.0, 1.0])
    fine[:3, 3] = AFFINE[:3, 3]
    data = np.full((120, 100, 100), 100.0)
    data[40:80, 40:60, 40:60] += np.arange(40.0)[:, None, None]
    voxels = np.asarray(shown(out, data, LayerKind.GREY, fine).dataobj)
    assert np.array(voxels.shape) == pytest.approx((60, 40, 40), abs=2)


def test_without_a_brain_mask_nothing_is_shown():
    outputs = {"sub-1_desc-preproc_T1w.nii.gz": "1"}
    assert layer_files(ELEMENTS["brain_mask"], outputs) == []
    found = layer_files(ELEMENTS["brain_mask"], outputs | {BRAIN: "2"})
    assert [layer.kind for layer in found] == [LayerKind.GREY, LayerKind.LABELS]


def test_a_desk_gives_volumes_that_are_what_was_made(tmp_path):
    out = tmp_path / "out"
    make_output(out)
    store = Store(f"sqlite:///{tmp_path / 'review.sqlite'}")
    desk = Desk(out, read_results(out, default_study()), store, "R1", "reader")
    keys = {entry.title: entry.key for entry in desk.queue()}
    assert desk.view(keys["Retinal layers"]).layers == ()
    key = keys["Brain mask"]
    assert desk.view(key).layers == ("grey", "labels")
    assert nibabel.Nifti1Image.from_bytes(desk.volume(key, 1)).shape == (25, 24, 24)
    with pytest.raises(InputError, match="no such item"):
        desk.volume(key, 3)
    for path in out.rglob("*_T1w.nii.gz"):
        path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(InputError, match="not the one that was made"):
        desk.volume(key, 1)
    store.close()
