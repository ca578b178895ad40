"""The change between two visits: halfway space, volume change, lesion change."""

from __future__ import annotations

from nipype import Node, Workflow

from pipelines.session import lesion_source
from smartms_img.config import LesionConfig
from smartms_img.execution.units import Unit, UnitContext
from smartms_img.interfaces.lesion_change_node import FindLesionChange
from smartms_img.interfaces.pair_nodes import Deformation, HalfwaySpace
from smartms_img.interfaces.pair_results import MeasurePair, StorePair
from smartms_img.interfaces.snapshots import PairSnapshots
from smartms_img.io.bids import is_contrast
from smartms_img.io.layout import pair_stem
from smartms_img.io.sessions import session_days
from smartms_img.mri.lesion_change import ChangeRule
from smartms_img.naming import Contrast

DAYS_PER_YEAR = 365.25

METHODS = (
    "The T1w of both visits were aligned rigidly in both directions, met in the space half way "
    "between them and were resampled there once, where both show the skull together with the "
    "scaling of the scanner that it tells (cf. doi:10.1006/nimg.2002.1040). Lesions, where both "
    "visits have a FLAIR, were left out of the comparison. The displacement of the visits was "
    "estimated at its midpoint by Gauss-Newton steps on squared difference with bending energy, "
    "after the model of doi:10.3389/fnins.2012.00197, jointly with the ratio of their gains and "
    "bias fields, a sum of cosines (cf. doi:10.1016/j.neuroimage.2004.04.037). The Jacobians of "
    "its two halves were integrated over the tissue posteriors of both visits."
)


def init_pair_wf(unit: Unit, context: UnitContext) -> Workflow:
    """Build the workflow of a pair of visits.

    Parameters
    ----------
    unit : Unit
        A pair unit; change runs from ``unit.reference`` to ``unit.session``.
    context : UnitContext
        Where to read and write, and the configuration.

    Outputs
    -------
    Derivatives below ``context.staging``: both visits in the halfway space, log-Jacobian, lesion
    change, transforms, measures, automatic checks, snapshots.
    """
    config = context.config.mri
    sessions = [unit.reference, unit.session]
    common = {
        "staging": str(context.staging),
        "stem": pair_stem(unit.subject, unit.reference, unit.session),
    }
    rule = change_rule(config.lesions)
    sources = list(unit.inputs)
    with_flair = sum(is_contrast(file, Contrast.FLAIR) for file in sources) == len(sessions)
    halfway = Node(
        HalfwaySpace(
            out=str(context.out),
            subject=unit.subject,
            sessions=sessions,
            with_flair=with_flair,
            spacing_mm=config.pair_spacing_mm,
            seed=config.seed,
        ),
        name="halfway",
    )
    deform = Node(Deformation(), name="deform")
    measure = Node(
        MeasurePair(
            **common,
            sessions=sessions,
            years=_years(unit, context),
            sources=sources,
            rule=rule,
            lesion_source=lesion_source(config.lesions, sources),
            thresholds=context.config.qc.mri,
        ),
        name="measure",
    )
    store = Node(
        StorePair(**common, sessions=sessions, seed=config.seed, sources=sources, rule=rule),
        name="store",
    )
    draw = Node(PairSnapshots(**common, unit=unit.id), name="draw")
    placed = [("both", "both"), ("grid", "grid")]
    workflow = Workflow(
        name=f"pair_{unit.subject}_{unit.reference}_{unit.session}", base_dir=context.work
    )
    workflow.connect(
        [
            (halfway, deform, placed),
            (
                halfway,
                measure,
                [(name, name) for name in ("both", "spacings_mm", "scale")],
            ),
            (deform, measure, [("middle", "middle")]),
            (halfway, store, [*placed, ("to_base", "to_base"), ("to_follow", "to_follow")]),
            (deform, store, [("log_jacobian", "log_jacobian")]),
            (halfway, draw, [("both", "halfway")]),
            (deform, draw, [("log_jacobian", "log_jacobian")]),
        ]
    )
    if with_flair:
        change = Node(FindLesionChange(rule=rule, years=_years(unit, context)), name="change")
        found = [(name, name) for name in ("change", "lesions", "atrophied", "expanding")]
        workflow.connect(
            [
                (halfway, change, placed),
                (deform, change, [("middle", "middle")]),
                (halfway, measure, [("flair_spacings_mm", "flair_spacings_mm")]),
                (change, measure, found),
                (change, store, [("change", "change"), ("rows", "rows")]),
                (change, draw, [("change", "change"), ("lesions", "lesions")]),
            ]
        )
    return workflow


def change_rule(config: LesionConfig) -> ChangeRule:
    """Return the configured rule of lesion change."""
    return ChangeRule(
        min_volume_mm3=config.change_min_volume_mm3,
        signal_z=config.change_z,
        weak_probability=config.change_probability,
        enlarging_fraction=config.enlarging_fraction,
        shrinking_fraction=config.shrinking_fraction,
    )


def _years(unit: Unit, context: UnitContext) -> float | None:
    """Return the time between the visits, or None where a day is unknown."""
    days = session_days(context.bids, unit.subject, context.config.baseline).days
    if unit.reference not in days or unit.session not in days:
        return None
    return (days[unit.session] - days[unit.reference]) / DAYS_PER_YEAR
