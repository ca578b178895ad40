"""MNI152 and its atlas lie where published coordinates say."""

from importlib.metadata import PackageNotFoundError

import nibabel
import numpy as np
import pytest

from smartms_img.errors import InputError
from smartms_img.io import template_files
from smartms_img.io.template_files import read_template


@pytest.fixture(scope="module")
def files():
    return read_template()


def at(files, *mni_mm):
    index = np.linalg.inv(files.t1.affine) @ [*mni_mm, 1.0]
    return tuple(np.rint(index[:3]).astype(int))


def test_one_grid_of_one_millimetre(files):
    assert files.t1.shape == files.grey.shape == files.white.shape == files.atlas.shape
    assert files.t1.spacing_mm == pytest.approx((1.0, 1.0, 1.0))
    assert nibabel.aff2axcodes(files.t1.affine) == ("R", "A", "S")
    for tissue in (files.grey, files.white):
        assert (tissue.min(), tissue.max()) == (0.0, pytest.approx(1.0))
    assert (files.grey + files.white).max() <= 1.0 + 1e-5


def test_the_template_is_the_symmetric_one(files):
    middle = at(files, 0, 0, 0)[0]
    assert files.t1.shape[0] == 2 * middle + 1
    assert np.abs(files.t1.data - files.t1.data[::-1]).max() <= 2


@pytest.mark.parametrize(
    ("mni_mm", "name", "tissue"),
    [
        ((-11, -19, 8), "thalamusproper", "grey"),
        ((11, -19, 8), "thalamusproper", "grey"),
        ((13, 13, 10), "caudate", "grey"),
        ((-26, 4, 2), "putamen", "grey"),
        ((27, -22, -14), "hippocampus", "grey"),
        ((0, -26, -32), "brainstem", None),
        ((-40, -22, 55), "precentral", None),
        ((26, 30, 15), None, "white"),
    ],
)
def test_structures_lie_at_their_coordinates(files, mni_mm, name, tissue):
    index = at(files, *mni_mm)
    if name:
        assert files.names[int(files.atlas[index])] == name
    if tissue:
        assert getattr(files, tissue)[index] > 0.5


def test_left_and_right_have_their_own_labels(files):
    left, right = (files.atlas[at(files, x, -19, 8)] for x in (-11, 11))
    assert left != right
    assert files.names[int(left)] == files.names[int(right)]


def test_a_missing_package_is_one_clear_line(monkeypatch):
    def missing(package):
        raise PackageNotFoundError(package)

    monkeypatch.setattr(template_files, "distribution", missing)
    with pytest.raises(
        InputError, match=r"the package nilearn is missing\. Install smartms again"
    ):
        read_template()
