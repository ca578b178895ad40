"""From a unit to its workflow."""

from __future__ import annotations

from collections.abc import Callable

from nipype import Workflow

from pipelines.eye import init_eye_wf
from pipelines.pair import init_pair_wf
from pipelines.session import init_session_wf
from pipelines.subject import init_subject_wf
from smartms_img.execution.units import Unit, UnitContext
from smartms_img.naming import UnitKind

_BUILDERS: dict[UnitKind, Callable[[Unit, UnitContext], Workflow]] = {
    UnitKind.SESSION: init_session_wf,
    UnitKind.PAIR: init_pair_wf,
    UnitKind.EYE: init_eye_wf,
    UnitKind.SUBJECT: init_subject_wf,
}


def build_workflow(unit: Unit, context: UnitContext) -> Workflow:
    """Build the workflow of a unit.

    When it runs, it leaves every output below ``context.staging``, at its place relative to the
    output directory.
    """
    return _BUILDERS[unit.kind](unit, context)
