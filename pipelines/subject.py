"""The subject workflow: values that need both eyes of a visit."""

from __future__ import annotations

from nipype.interfaces.utility import IdentityInterface
from nipype.pipeline.engine import Node, Workflow

from smartms_img.execution.units import Unit, UnitContext
from smartms_img.interfaces.oct_results import thickness_file
from smartms_img.interfaces.subject import CombineEyes, DrawEyes
from smartms_img.io.layout import eye_stem, measures_file
from smartms_img.naming import OctScanKind, eye_unit


def init_subject_wf(unit: Unit, context: UnitContext, *, name: str = "subject_wf") -> Workflow:
    """Build the workflow of one subject.

    Inter-eye differences of RNFL and GCIPL are compared with the configured threshold set; means
    of both eyes leave out eyes with optic neuritis where the configuration says so.

    Parameters
    ----------
    unit : Unit
        A runnable subject unit; ``unit.depends`` holds the eye units that are done.
    context : UnitContext
        Where to read and write.
    name : str
        Name of the workflow.

    Inputs
    ------
    measure_files
        Measures of the eye units.

    Outputs
    -------
    measures
        Measures file below ``context.staging``.
    figures
        Pictures, relative to the staging folder.
    """
    inputnode = Node(IdentityInterface(fields=["measure_files"]), name="inputnode")
    inputnode.inputs.measure_files = _measure_files(unit, context)
    outputnode = Node(IdentityInterface(fields=["measures", "figures"]), name="outputnode")
    combine_eyes = Node(
        CombineEyes(
            bids=str(context.bids),
            subject=unit.subject,
            visits=[visit.label for visit in context.config.visits],
            config=context.config.oct,
            staging=str(context.staging),
        ),
        name="combine_eyes",
    )
    draw_eyes = Node(
        DrawEyes(subject=unit.subject, rings=_rings(unit, context), staging=str(context.staging)),
        name="draw_eyes",
    )
    workflow = Workflow(name=name)
    workflow.connect(
        [
            (inputnode, combine_eyes, [("measure_files", "measure_files")]),
            (combine_eyes, outputnode, [("measures", "measures")]),
            (draw_eyes, outputnode, [("figures", "figures")]),
        ]
    )
    return workflow


def _measure_files(unit: Unit, context: UnitContext) -> list[str]:
    return [
        str(context.out / measures_file(eye_stem(unit.subject, visit.label, eye, scan)))
        for visit in context.config.visits
        for eye in context.config.oct.eyes
        for scan in context.config.oct.scans
        if eye_unit(unit.subject, visit.label, eye, scan) in unit.depends
    ]


def _rings(unit: Unit, context: UnitContext) -> list[tuple[str, str, str]]:
    """Eye, visit and thickness file of each ring that is done."""
    ring = OctScanKind.RING
    return [
        (eye.value, visit.label, str(thickness_file(context.out / stem)))
        for eye in context.config.oct.eyes
        for visit in context.config.visits
        if eye_unit(unit.subject, visit.label, eye, ring) in unit.depends
        for stem in [eye_stem(unit.subject, visit.label, eye, ring)]
    ]
