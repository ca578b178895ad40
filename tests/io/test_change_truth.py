"""Expert-marked change: affines of ITK become world matrices."""

import numpy as np
import pytest

from smartms_img.errors import InputError
from smartms_img.io.change_truth import read_itk_affine

TEXT = """#Insight Transform File V1.0
#Transform 0
Transform: MatrixOffsetTransformBase_double_3_3
Parameters: {linear} 1.0 2.0 3.0
FixedParameters: 10.0 20.0 30.0
"""


def test_a_shift_changes_its_sign_where_the_axes_do(tmp_path):
    """ITK counts to the left and to the back, NIfTI to the right and to the front."""
    file = tmp_path / "affine.txt"
    file.write_text(TEXT.format(linear="1 0 0 0 1 0 0 0 1"))
    matrix = read_itk_affine(file)
    assert matrix[:3, 3] == pytest.approx([-1, -2, 3])


def test_a_rotation_turns_about_its_centre(tmp_path):
    """A quarter turn about z takes x to y about the centre (10, 20, 30) of ITK."""
    file = tmp_path / "affine.txt"
    file.write_text(TEXT.format(linear="0 -1 0 1 0 0 0 0 1"))
    point = np.array([-10.0 - 5.0, -20.0, 30.0, 1.0])  # 5 mm beside the centre along ITK's x
    assert read_itk_affine(file) @ point == pytest.approx([-10 - 1, -20 - 5 - 2, 33, 1])


@pytest.mark.parametrize("text", ["", "Parameters: 1 2\nFixedParameters: 0 0 0\n", "no affine"])
def test_what_is_no_affine_is_refused(tmp_path, text):
    file = tmp_path / "affine.txt"
    file.write_text(text)
    with pytest.raises(InputError, match=r"affine.txt: holds no affine transform"):
        read_itk_affine(file)
