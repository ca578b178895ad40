"""Lesions that somebody else has found take their place on the grid of the FLAIR."""

import numpy as np
import pytest
from scipy import ndimage

from smartms_img.errors import InputError
from smartms_img.interfaces.arrays import get_arrays, get_mask, put, put_arrays
from smartms_img.interfaces.lesion_nodes import ReadLesions
from smartms_img.io.nifti import save_image
from smartms_img.mri.atlas import Region
from smartms_img.volume import Volume

SHAPE = (32, 34, 30)
T1W = np.diag([1.0, 1.0, 1.0, 1.0])
# The FLAIR has slices of 2 mm, and the patient moved by 3 mm between the scans.
FLAIR, FLAIR_SHAPE = np.diag([1.0, 1.0, 2.0, 1.0]), (32, 34, 16)
TO_T1W = np.eye(4)
TO_T1W[0, 3] = 3.0
# Of 8 x 6 x 6 voxels on the T1w.
CUBE = (slice(10, 18), slice(12, 18), slice(12, 18))


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Return what the node makes of a mask file."""
    monkeypatch.chdir(tmp_path)
    grey = np.zeros(SHAPE, dtype=np.float32)
    white = np.ones(SHAPE, dtype=np.float32)
    regions = np.full(SHAPE, Region.CEREBRUM, dtype=np.uint8)
    inside = np.zeros(SHAPE, dtype=bool)
    inside[4:-4, 4:-4, 4:-4] = True
    given = {
        "flair": put(Volume(np.ones(FLAIR_SHAPE, dtype=np.float32), FLAIR), tmp_path / "f.nii"),
        "t1w": put(Volume(white, T1W), tmp_path / "t.nii"),
        "brain_mask": put(Volume(inside, T1W), tmp_path / "m.nii"),
        "tissue": put_arrays(tmp_path / "tissue.npz", csf=grey, grey=grey, white=white),
        "maps": put_arrays(
            tmp_path / "maps.npz", csf=grey, grey=grey, white=white, regions=regions
        ),
    }

    def run(mask, affine):
        file = tmp_path / "lesions.nii.gz"
        save_image(Volume(mask, affine), file)
        node = ReadLesions(**given, to_t1w=TO_T1W.tolist(), mask_file=str(file), masks="manual")
        return node.run().outputs

    return run


def test_a_mask_on_the_flair_is_taken_as_it_is(read):
    mask = np.zeros(FLAIR_SHAPE, dtype=np.uint8)
    mask[10:14, 12:18, 6:9] = 1
    found = read(mask, FLAIR)
    assert (get_mask(found.lesions).data == (mask > 0)).all()
    assert (get_arrays(found.evidence)["probability"] == mask).all()
    centre = ndimage.center_of_mass(get_mask(found.lesions_t1w).data)
    assert centre == pytest.approx((11.5 + 3.0, 14.5, 14.0), abs=0.3)


def test_a_mask_on_the_t1w_moves_to_the_flair(read):
    mask = np.zeros(SHAPE, dtype=np.uint8)
    mask[CUBE] = 1
    found = get_mask(read(mask, T1W).lesions)
    assert ndimage.center_of_mass(found.data) == pytest.approx((13.5 - 3, 14.5, 7.25), abs=0.3)
    assert found.data.sum() * 2.0 == pytest.approx(mask.sum(), rel=0.1)


def test_a_mask_without_lesions_is_read(read):
    found = read(np.zeros(FLAIR_SHAPE, dtype=np.uint8), FLAIR)
    assert not get_mask(found.lesions).data.any()


def test_a_mask_on_another_grid_is_refused(read):
    elsewhere = np.diag([1.5, 1.5, 1.5, 1.0])
    with pytest.raises(InputError, match=r"lesion mask of manual: lesions.nii.gz: .*neither"):
        read(np.ones((20, 20, 20), dtype=np.uint8), elsewhere)
