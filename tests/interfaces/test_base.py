"""The base interface and the files between nodes."""

import json
from pathlib import Path

import numpy as np
import pytest
from nipype.interfaces.base import BaseInterfaceInputSpec, TraitedSpec, traits
from nipype.pipeline.engine import Node

from smartms_img.errors import ConfigurationError, InputError, MeasurementError
from smartms_img.interfaces.arrays import get, get_arrays, get_mask, put, put_arrays
from smartms_img.interfaces.base import ERROR_FILE_VARIABLE, SimpleInterface
from smartms_img.volume import Volume

AFFINE = np.array([[-0.9, 0.1, 0, 4], [0.1, 1.1, 0, -3], [0, 0, 2.5, 7], [0, 0, 0, 1.0]])
ERRORS = {
    "InputError": InputError("is empty", "Copy it again", "sub-01", "ses-M00", "T1w", "x.nii"),
    "ConfigurationError": ConfigurationError("has an unknown key", "Remove it", file="a.yaml"),
    "MeasurementError": MeasurementError("no brain found"),
    "ZeroDivisionError": ZeroDivisionError("by nothing"),
}


class _InputSpec(BaseInterfaceInputSpec):
    number = traits.Int(mandatory=True)
    error = traits.Str("", usedefault=True)


class _OutputSpec(TraitedSpec):
    double = traits.Int()
    where = traits.Str()


class _Double(SimpleInterface):
    input_spec, output_spec = _InputSpec, _OutputSpec

    def _compute(self, folder: Path) -> None:
        if self.inputs.error:
            raise ERRORS[self.inputs.error]
        self._results["double"] = 2 * self.inputs.number
        self._results["where"] = str(folder)


@pytest.fixture
def error_file(tmp_path, monkeypatch):
    path = tmp_path / "error.json"
    monkeypatch.setenv(ERROR_FILE_VARIABLE, str(path))
    monkeypatch.chdir(tmp_path)
    return path


def test_results_become_outputs_and_work_stays_in_the_node(tmp_path, error_file):
    node = Node(_Double(number=21), name="double", base_dir=str(tmp_path))
    outputs = node.run().outputs
    assert outputs.double == 42
    assert Path(outputs.where) == tmp_path / "double"
    assert not error_file.exists()


def test_two_nodes_of_one_class_keep_their_own_results(error_file):
    first, second = _Double(number=1), _Double(number=2)
    assert [i.run().outputs.double for i in (first, second, first)] == [2, 4, 2]


def test_a_mandatory_input_is_demanded(error_file):
    with pytest.raises(ValueError, match="requires a value for input 'number'"):
        _Double().run()


@pytest.mark.parametrize("name", ["InputError", "ConfigurationError", "MeasurementError"])
def test_an_error_for_the_user_is_kept_in_one_line(error_file, name):
    with pytest.raises(type(ERRORS[name])):
        _Double(number=1, error=name).run()
    content = json.loads(error_file.read_text())
    assert content == {"kind": name, "message": str(ERRORS[name])}
    assert "\n" not in content["message"]


def test_another_error_is_left_alone(error_file):
    with pytest.raises(ZeroDivisionError):
        _Double(number=1, error="ZeroDivisionError").run()
    assert not error_file.exists()


def test_without_an_error_file_the_error_still_rises(tmp_path, monkeypatch):
    monkeypatch.delenv(ERROR_FILE_VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="is empty"):
        _Double(number=1, error="InputError").run()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("dtype", [np.float32, np.uint8, np.int16])
def test_image_passes_between_nodes_unchanged(tmp_path, dtype):
    data = (100 * np.random.default_rng(0).random((4, 5, 6))).astype(dtype)
    back = get(put(Volume(data, AFFINE), tmp_path / "x.nii"))
    assert (back.data == data).all()
    assert back.data.dtype == dtype
    assert back.affine == pytest.approx(AFFINE, abs=1e-5)


def test_mask_passes_between_nodes_as_booleans(tmp_path):
    mask = np.random.default_rng(0).random((4, 5, 6)) > 0.5
    back = get_mask(put(Volume(mask, AFFINE), tmp_path / "x.nii"))
    assert back.data.dtype == bool
    assert (back.data == mask).all()


def test_arrays_pass_between_nodes_by_name(tmp_path):
    arrays = {"csf": np.ones((2, 3), np.float32), "regions": np.arange(6, dtype=np.uint8)}
    back = get_arrays(put_arrays(tmp_path / "x.npz", **arrays))
    assert list(back) == list(arrays)
    for name, array in arrays.items():
        assert back[name].dtype == array.dtype
        assert (back[name] == array).all()


def test_volume_knows_its_voxels():
    volume = Volume(np.zeros((2, 3, 4)), AFFINE)
    assert volume.spacing_mm == pytest.approx((np.sqrt(0.82), np.sqrt(1.22), 2.5))
    assert volume.voxel_volume_mm3 == pytest.approx((0.9 * 1.1 + 0.01) * 2.5)
    with pytest.raises(ValueError, match=r"shape \(2, 3\) is not \(2, 3, 4\)"):
        volume.like(np.zeros((2, 3)))
