from pathlib import Path

import pytest
from nipype.interfaces.base import BaseInterfaceInputSpec, TraitedSpec, traits
from nipype.pipeline.engine import Node, Workflow

from smartms_img.errors import InputError, MeasurementError
from smartms_img.execution.nipype_run import run_workflow
from smartms_img.execution.worker import UnitError
from smartms_img.interfaces.base import SimpleInterface


class _InputSpec(BaseInterfaceInputSpec):
    mood = traits.Str()
    target = traits.Str()


class _OutputSpec(TraitedSpec):
    out = traits.Str()


class _Act(SimpleInterface):
    input_spec = _InputSpec
    output_spec = _OutputSpec

    def _compute(self, folder: Path) -> None:
        if self.inputs.mood == "input":
            raise InputError("is truncated", "Copy it again", "sub-01", "ses-M00", "T1w", "x.nii")
        if self.inputs.mood == "measurement":
            raise MeasurementError("no fovea found")
        if self.inputs.mood == "python":
            raise ZeroDivisionError("nothing to divide by")
        Path(self.inputs.target).write_text("made")
        self._results["out"] = "made"


def workflow_of(mood: str, target: Path) -> Workflow:
    workflow = Workflow(name="fake_wf")
    workflow.add_nodes([Node(_Act(mood=mood, target=str(target)), name="act")])
    return workflow


@pytest.mark.parametrize(
    ("mood", "cause", "reason"),
    [
        ("input", "bad-input", "sub-01 ses-M00 T1w: x.nii: is truncated. Copy it again."),
        ("measurement", "measurement-error", "no fovea found"),
        ("python", "python-error", "ZeroDivisionError: nothing to divide by"),
    ],
)
def test_cause_and_reason_come_through(tmp_path: Path, mood: str, cause: str, reason: str) -> None:
    with pytest.raises(UnitError) as failure:
        run_workflow(workflow_of(mood, tmp_path / "made"), tmp_path)
    assert (failure.value.cause, failure.value.reason) == (cause, reason)


def test_everything_stays_in_the_scratch_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, work = tmp_path / "here", tmp_path / "work"
    here.mkdir()
    work.mkdir()
    monkeypatch.chdir(here)
    run_workflow(workflow_of("well", work / "made"), work)
    assert (work / "made").read_text() == "made"
    assert (work / "fake_wf" / "act").is_dir()
    assert list(here.iterdir()) == []
