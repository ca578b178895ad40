"""Manual labels: regions by the names of the table, and one clear error for what is wrong."""

from pathlib import Path

import nibabel
import numpy as np
import pytest

from smartms_img.errors import InputError
from smartms_img.io.manual_labels import read_manual_regions

SHAPE = (24, 24, 24)
TABLE = """\
Label Number,Label Name,Class
4,3rd Ventricle,CSF
35,Brain Stem,WM
51,Right Lateral Ventricle,CSF
59,Right Thalamus Proper,GM
100,Right ACgG anterior cingulate gyrus,GM
"""


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    image = np.zeros(SHAPE, dtype=np.int16)
    image[1:9, 1:9, 1:9] = 35
    for place, number in enumerate((4, 51, 59, 100), start=2):
        image[place, 4:6, 4:6] = number
    nibabel.save(nibabel.Nifti1Image(image, np.eye(4)), tmp_path / "labels.nii.gz")
    (tmp_path / "labels.csv").write_text(TABLE, encoding="utf-8")
    return tmp_path / "labels.nii.gz"


def test_regions_are_chosen_by_name(labels: Path) -> None:
    found = read_manual_regions(labels, labels.with_name("labels.csv"), SHAPE)
    sizes = {name: int(mask.sum()) for name, mask in found.items()}
    # The brain is what is labelled, less both ventricles.
    assert sizes == {"brain": 512 - 8, "cortex": 4, "thalamus": 4, "ventricles": 4}


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ("Number,Name\n1,x\n", "lacks the column"),
        (TABLE.replace("Thalamus", "Putamen"), "labels no thalamus"),
    ],
)
def test_wrong_tables_are_refused(labels: Path, table: str, problem: str) -> None:
    labels.with_name("labels.csv").write_text(table, encoding="utf-8")
    with pytest.raises(InputError, match=problem):
        read_manual_regions(labels, labels.with_name("labels.csv"), SHAPE)


def test_a_missing_table_is_refused(labels: Path) -> None:
    labels.with_name("labels.csv").unlink()
    with pytest.raises(InputError, match="is missing"):
        read_manual_regions(labels, labels.with_name("labels.csv"), SHAPE)
