"""Traps of the packages below us. A failure here is good news: a workaround can go.

Each test pins a measured defect that the code works around, and says where.
"""

import inspect
import os
import subprocess
import sys

import numpy as np
import pytest
from nipype.interfaces.base import BaseInterface, BaseInterfaceInputSpec, TraitedSpec, traits
from nipype.pipeline.engine import Node
from scipy import ndimage


@pytest.fixture(scope="module")
def ants():
    return pytest.importorskip("ants")


@pytest.fixture
def blob(ants):
    axes = np.indices((20, 20, 20)) - 9.5
    return ants.from_numpy(np.exp(-(axes**2).sum(0) / 30.0).astype(np.float32))


def test_ants_registration_swallows_unknown_arguments(ants, blob, tmp_path):
    """Mended: ``interfaces.ants._call`` need not check names."""
    result = ants.registration(
        blob,
        blob,
        type_of_transform="Translation",
        type_of_transformation="Rigid",
        aff_iterations=(1,),
        aff_shrink_factors=(1,),
        aff_smoothing_sigmas=(0,),
        outprefix=f"{tmp_path}/x_",
    )
    parameters = ants.read_transform(result["fwdtransforms"][0]).parameters
    assert np.asarray(parameters)[:9].reshape(3, 3) == pytest.approx(np.eye(3))


def test_ants_registration_has_no_seed_of_its_own(ants):
    """Mended: the seed can be passed instead of set for the whole process."""
    parameters = inspect.signature(ants.registration).parameters
    assert "random_seed" not in parameters
    assert inspect.Parameter.VAR_KEYWORD in {p.kind for p in parameters.values()}


def test_ants_determinism_does_not_refuse_several_threads(tmp_path):
    """Mended: ``interfaces.ants._ants`` need not look at the environment itself."""
    code = (
        "import ants, numpy as np\n"
        "ants.config.set_ants_deterministic(on=True, seed_value=1)\n"
        "image = ants.from_numpy(np.random.rand(8, 8, 8).astype('float32'))\n"
        "ants.registration(image, image, 'Translation', aff_iterations=(1,),\n"
        "                  aff_shrink_factors=(1,), aff_smoothing_sigmas=(0,), outprefix='x_')\n"
    )
    environment = os.environ | {"ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "2"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


class _InputSpec(BaseInterfaceInputSpec):
    number = traits.Int(mandatory=True)


class _OutputSpec(TraitedSpec):
    result = traits.Int()


class _Doubles(BaseInterface):
    input_spec, output_spec = _InputSpec, _OutputSpec
    factor = 2

    def _run_interface(self, runtime):
        self.result = self.factor * self.inputs.number
        return runtime

    def _list_outputs(self):
        return {"result": self.result}


def test_nipype_cache_does_not_see_changed_code(tmp_path, monkeypatch):
    """Mended: method versions still rule resuming, but the work directory could be kept."""
    results = []
    for factor in (2, 10):
        monkeypatch.setattr(_Doubles, "factor", factor)
        node = Node(_Doubles(number=3), name="doubles", base_dir=str(tmp_path))
        results.append(node.run().outputs.result)
    assert results == [6, 6]


def test_scipy_drops_a_border_slice_that_a_rounding_error_misses():
    """Mended: ``mri.geometry`` can use mode 'constant'."""
    image, nudge = np.ones((5, 5, 5)), np.array([1e-9, 0, 0])
    plain, grid = (
        ndimage.affine_transform(image, np.eye(3), -nudge, order=1, mode=mode)
        for mode in ("constant", "grid-constant")
    )
    assert (plain[0] == 0).all()
    assert grid == pytest.approx(image, abs=1e-6)


@pytest.mark.realdata
def test_eyepy_refuses_ring_scans(real_data):
    """Mended: ``io.oct_vol`` need not read ring scans by itself."""
    import eyepy  # noqa: PLC0415 - only this test needs it

    with pytest.raises(ValueError, match="does not support scan pattern"):
        eyepy.import_heyex_vol(real_data / "oct" / "ring_OD_1.vol")
