"""The MRI of one visit: brain, tissue, regions, lesions, cross-sectional endpoints."""

from __future__ import annotations

from nipype import Node, Workflow
from nipype.interfaces.utility import IdentityInterface

from smartms_img.config import MriConfig, MriQcConfig
from smartms_img.execution.units import Unit, UnitContext
from smartms_img.interfaces.anatomy import AlignContrast, ExtractBrain, LoadScan, RegisterTemplate
from smartms_img.interfaces.lesion_nodes import FillLesions, SegmentLesions, SegmentTissue
from smartms_img.interfaces.session_results import MeasureSession, StoreSession
from smartms_img.interfaces.snapshots import SessionSnapshots
from smartms_img.io.layout import session_stem
from smartms_img.naming import Contrast

METHODS = (
    "The T1w was corrected for its bias field (N4, doi:10.1109/TMI.2010.2046908); the brain was "
    "found by a deformable surface (doi:10.1002/hbm.10062) unless the scan came skull-stripped, "
    "and registered to MNI152 (doi:10.1016/j.neuroimage.2010.07.033) by affine and SyN "
    "registration (doi:10.1016/j.media.2007.06.004). Tissue was segmented by Atropos "
    "(doi:10.1007/s12021-011-9109-y) with the template's priors, before and after lesions, "
    "segmented on the FLAIR's own grid, had been filled (doi:10.1002/hbm.21402)."
)


def init_session_wf(unit: Unit, context: UnitContext) -> Workflow:
    """Build the workflow of one visit.

    Parameters
    ----------
    unit : Unit
        A session unit.
    context : UnitContext
        Where to read and write, and the configuration.

    Outputs
    -------
    Derivatives below ``context.staging``: bias-corrected T1w and FLAIR, brain mask, tissue,
    regions, lesion mask and probability, transforms, measures, automatic checks, snapshots.
    """
    config = context.config.mri
    stem = session_stem(unit.subject, unit.session)
    raw = {contrast: _raw(unit, contrast) for contrast in (Contrast.T1W, Contrast.FLAIR)}
    workflow = Workflow(name=f"session_{unit.subject}_{unit.session}", base_dir=context.work)
    load = {
        contrast: Node(
            LoadScan(
                in_file=str(context.bids / file),
                subject=f"sub-{unit.subject}",
                session=f"ses-{unit.session}",
                item=contrast,
            ),
            name=f"load_{contrast.lower()}",
        )
        for contrast, file in raw.items()
    }
    core = init_lesion_wf(config, name="core")
    sources = [raw[Contrast.T1W], raw[Contrast.FLAIR]]
    common = {"staging": str(context.staging), "stem": stem}
    results = _result_nodes(common, unit, config, context.config.qc.mri, sources)
    workflow.connect(
        [
            (load[Contrast.T1W], core, [("scan", "inputnode.t1w")]),
            (load[Contrast.FLAIR], core, [("scan", "inputnode.flair")]),
            *[
                (core, node, [(f"outputnode.{name}", name) for name in _wanted(node)])
                for node in results
            ],
        ]
    )
    return workflow


# The first tissue only finds and fills lesions; the second gives the volumes.
FIRST_TISSUE_MM = 3.0

_OUTPUTS = (
    "t1w",
    "t1w_filled",
    "brain_mask",
    "to_scan",
    "skull_stripped",
    "maps",
    "similarity",
    "tissue",
    "flair",
    "flair_to_t1w",
    "lesions",
    "evidence",
    "context",
)


def init_lesion_wf(config: MriConfig, *, name: str) -> Workflow:
    """Build the part that needs no names: from a validated T1w and FLAIR to tissue and lesions.

    Inputs
    ------
    t1w, flair : str
        Validated scans.

    Outputs
    -------
    t1w, t1w_filled, brain_mask, to_scan, skull_stripped, maps, similarity, tissue, flair,
    flair_to_t1w, lesions, evidence, context
    """
    workflow = Workflow(name=name)
    inputnode = Node(IdentityInterface(["t1w", "flair"]), name="inputnode")
    outputnode = Node(IdentityInterface(list(_OUTPUTS)), name="outputnode")
    seed = config.seed
    brain = Node(ExtractBrain(seed=seed), name="brain")
    template = Node(
        RegisterTemplate(seed=seed, spacing_mm=config.atlas_spacing_mm), name="template"
    )
    align_flair = Node(AlignContrast(seed=seed), name="align_flair")
    first_tissue = Node(SegmentTissue(seed=seed, spacing_mm=FIRST_TISSUE_MM), name="first_tissue")
    lesions = Node(
        SegmentLesions(
            threshold_z=config.lesions.flair_z, min_volume_mm3=config.lesions.min_volume_mm3
        ),
        name="lesions",
    )
    fill = Node(FillLesions(seed=seed), name="fill")
    tissue = Node(SegmentTissue(seed=seed), name="tissue")
    anatomy = [("t1w", "t1w"), ("brain_mask", "brain_mask")]
    workflow.connect(
        [
            (inputnode, brain, [("t1w", "t1w")]),
            (brain, template, [*anatomy, ("to_scan", "to_scan")]),
            (inputnode, align_flair, [("flair", "scan")]),
            (brain, align_flair, anatomy),
            (brain, first_tissue, anatomy),
            (template, first_tissue, [("maps", "maps")]),
            (align_flair, lesions, [("scan", "flair"), ("to_t1w", "to_t1w")]),
            (brain, lesions, anatomy),
            (template, lesions, [("maps", "maps")]),
            (first_tissue, lesions, [("tissue", "tissue")]),
            (brain, fill, [("t1w", "t1w")]),
            (lesions, fill, [("lesions_t1w", "lesions_t1w")]),
            (first_tissue, fill, [("tissue", "tissue")]),
            (fill, tissue, [("t1w", "t1w")]),
            (brain, tissue, [("brain_mask", "brain_mask")]),
            (template, tissue, [("maps", "maps")]),
            (
                brain,
                outputnode,
                [*anatomy, ("to_scan", "to_scan"), ("skull_stripped", "skull_stripped")],
            ),
            (fill, outputnode, [("t1w", "t1w_filled")]),
            (template, outputnode, [("maps", "maps"), ("similarity", "similarity")]),
            (tissue, outputnode, [("tissue", "tissue")]),
            (align_flair, outputnode, [("scan", "flair"), ("to_t1w", "flair_to_t1w")]),
            (
                lesions,
                outputnode,
                [("lesions", "lesions"), ("evidence", "evidence"), ("context", "context")],
            ),
        ]
    )
    return workflow


def _result_nodes(
    common: dict[str, str],
    unit: Unit,
    config: MriConfig,
    thresholds: MriQcConfig,
    sources: list[str],
) -> list[Node]:
    measure = Node(
        MeasureSession(
            **common,
            session=unit.session,
            sources=sources,
            min_volume_mm3=config.lesions.min_volume_mm3,
            thresholds=thresholds,
        ),
        name="measure",
    )
    store = Node(StoreSession(**common, seed=config.seed, sources=sources), name="store")
    draw = Node(SessionSnapshots(**common, unit=unit.id), name="draw")
    return [measure, store, draw]


def _wanted(node: Node) -> list[str]:
    """Return the outputs of the core that a node has an input for."""
    return [name for name in _OUTPUTS if name in node.interface.inputs.copyable_trait_names()]


def _raw(unit: Unit, contrast: Contrast) -> str:
    return next(
        file for file in unit.inputs if file.endswith((f"_{contrast}.nii.gz", f"_{contrast}.nii"))
    )
