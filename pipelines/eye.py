"""The eye workflow: one OCT scan of one eye."""

from __future__ import annotations

from nipype.interfaces.utility import IdentityInterface
from nipype.pipeline.engine import Node, Workflow

from smartms_img.errors import InputError
from smartms_img.execution.units import Unit, UnitContext
from smartms_img.interfaces.eye import DrawEye, FindLayers, MeasureEye
from smartms_img.io.layout import eye_stem
from smartms_img.naming import eye_unit


def init_eye_wf(unit: Unit, context: UnitContext, *, name: str = "eye_wf") -> Workflow:
    """Build the workflow of one OCT scan.

    The nine retinal boundaries are found by gradients and a net, joined by dynamic programming;
    thickness is measured in the Spectralis sectors of a ring or the ETDRS grid of a macula. A
    follow-up is aligned with the baseline scan of the same eye and measured at the same place.

    Parameters
    ----------
    unit : Unit
        A runnable eye unit; ``unit.depends`` holds the baseline's unit if that is done.
    context : UnitContext
        Where to read and write.
    name : str
        Name of the workflow.

    Inputs
    ------
    in_file
        Raw scan.

    Outputs
    -------
    figures
        Pictures, relative to the staging folder. Layers, landmarks, thickness maps, measures and
        checks lie below ``context.staging``.
    """
    if unit.eye is None or unit.scan is None:
        raise InputError("is no eye unit", "Give an eye unit", item=unit.id)
    whom = {
        "subject": unit.subject,
        "session": unit.session,
        "eye": unit.eye.value,
        "kind": unit.scan.value,
    }
    where = {
        "staging": str(context.staging),
        "stem": eye_stem(unit.subject, unit.session, unit.eye, unit.scan),
    }
    inputnode = Node(IdentityInterface(fields=["in_file"]), name="inputnode")
    outside = [path for path in unit.inputs if path.startswith("derivatives/")]
    (raw,) = (path for path in unit.inputs if path not in outside)
    inputnode.inputs.in_file = str(context.bids / raw)
    outputnode = Node(IdentityInterface(fields=["figures"]), name="outputnode")
    find_layers = Node(FindLayers(**whom), name="find_layers")
    before = _baseline(unit, context)
    measure_eye = Node(
        MeasureEye(
            **whom,
            **where,
            **before,
            outside=str(context.bids / outside[0]) if outside else "",
            sources=list(unit.inputs),
            config=context.config,
        ),
        name="measure_eye",
    )
    drawn = DrawEye(**whom, **where, baseline=before["baseline"], unit=unit.id)
    draw_eye = Node(drawn, name="draw_eye")
    workflow = Workflow(name=name)
    workflow.connect(
        [
            (inputnode, find_layers, [("in_file", "in_file")]),
            (inputnode, measure_eye, [("in_file", "in_file")]),
            (inputnode, draw_eye, [("in_file", "in_file")]),
            (find_layers, measure_eye, [("rows", "rows"), ("confidence", "confidence")]),
            (find_layers, draw_eye, [("rows", "rows"), ("confidence", "confidence")]),
            (measure_eye, draw_eye, [("fovea_mm", "fovea_mm"), ("aligned", "aligned")]),
            (draw_eye, outputnode, [("figures", "figures")]),
        ]
    )
    return workflow


def _baseline(unit: Unit, context: UnitContext) -> dict[str, str]:
    """Where the baseline's derivatives lie; a note where a follow-up has to do without."""
    none = {"baseline": "", "reference": "", "note": ""}
    if unit.eye is None or unit.scan is None or unit.session == context.config.baseline:
        return none
    if not unit.reference:
        return none | {"note": "not aligned: no baseline scan"}
    first = eye_unit(unit.subject, unit.reference, unit.eye, unit.scan)
    if first not in unit.depends:
        return none | {"note": f"not aligned: the baseline {unit.reference} could not be measured"}
    stem = eye_stem(unit.subject, unit.reference, unit.eye, unit.scan)
    return {"baseline": str(context.out / stem), "reference": unit.reference, "note": ""}
