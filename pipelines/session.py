"""The MRI of one visit: brain, tissue, regions, lesions, cross-sectional endpoints."""

from __future__ import annotations

from collections.abc import Iterable

from nipype import Node, Workflow
from nipype.interfaces.utility import IdentityInterface

from smartms_img.config import LesionConfig, MriConfig, MriQcConfig
from smartms_img.execution.units import Unit, UnitContext
from smartms_img.interfaces.anatomy import AlignContrast, ExtractBrain, LoadScan, RegisterTemplate
from smartms_img.interfaces.lesion_nodes import (
    FillLesions,
    ReadLesions,
    SegmentLesions,
    SegmentTissue,
)
from smartms_img.interfaces.session_results import MeasureSession, StoreSession
from smartms_img.interfaces.snapshots import SessionSnapshots
from smartms_img.io.bids import is_contrast, is_lesion_mask
from smartms_img.io.layout import session_stem
from smartms_img.naming import Contrast

METHODS = (
    "The brain was found on the T1w by a deformable surface (doi:10.1002/hbm.10062) unless the "
    "scan came skull-stripped, and registered to MNI152 (doi:10.1016/j.neuroimage.2010.07.033) by "
    "affine and SyN registration (doi:10.1016/j.media.2007.06.004). Tissue and the bias field of "
    "the T1w were found together by a mixture model (cf. doi:10.1016/j.neuroimage.2005.02.018, "
    "doi:10.1006/nimg.2000.0730) with the template's priors, before and after that registration, "
    "and again after lesions, segmented by a small 3-D U-Net that was trained on synthetic images "
    "alone (doi:10.1016/j.media.2023.102789), had been filled (doi:10.1002/hbm.21402). The bias "
    "field of the FLAIR was found by the same model."
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
    raw = {
        contrast: file
        for contrast in (Contrast.T1W, Contrast.FLAIR)
        if (file := _raw(unit, contrast))
    }
    mask = next((file for file in unit.inputs if is_lesion_mask(file)), "")
    workflow = Workflow(name=f"session_{unit.subject}_{unit.session}", base_dir=context.work)
    if Contrast.FLAIR in raw:
        mask_file = str(context.bids / mask) if mask else ""
        core = init_lesion_wf(config, mask_file, name="core")
    else:
        core = init_anatomy_wf(config, name="core")
    common = {"staging": str(context.staging), "stem": stem}
    sources = [*raw.values(), *filter(None, [mask])]
    results = _result_nodes(common, unit, config, context.config.qc.mri, sources)
    made = core.get_node("outputnode").inputs.copyable_trait_names()
    for contrast, file in raw.items():
        load = Node(
            LoadScan(
                in_file=str(context.bids / file),
                subject=f"sub-{unit.subject}",
                session=f"ses-{unit.session}",
                item=contrast,
            ),
            name=f"load_{contrast.lower()}",
        )
        workflow.connect(load, "scan", core, f"inputnode.{contrast.lower()}")
    for node in results:
        wanted = node.interface.inputs.copyable_trait_names()
        wires = [(f"outputnode.{name}", name) for name in made if name in wanted]
        workflow.connect([(core, node, wires)])
    return workflow


# The first tissue only finds and fills lesions; the second gives the volumes.
FIRST_TISSUE_MM = 3.0

_ANATOMY = (
    "t1w",
    "brain_mask",
    "to_scan",
    "skull_stripped",
    "maps",
    "similarity",
    "tissue",
)
_LESIONS = ("t1w_filled", "flair", "flair_to_t1w", "lesions", "evidence", "context")


def init_anatomy_wf(config: MriConfig, *, name: str) -> Workflow:
    """Build the part that needs no names and no FLAIR: from a validated T1w to tissue.

    Inputs
    ------
    t1w : str
        Validated scan.

    Outputs
    -------
    t1w, brain_mask, to_scan, skull_stripped, maps, similarity, tissue
    """
    workflow = Workflow(name=name)
    inputnode = Node(IdentityInterface(["t1w"]), name="inputnode")
    outputnode = Node(IdentityInterface(list(_ANATOMY)), name="outputnode")
    _connect_anatomy(workflow, inputnode, outputnode, config)
    brain, tissue = workflow.get_node("brain"), workflow.get_node("tissue")
    workflow.connect(brain, "t1w", tissue, "t1w")
    return workflow


def init_lesion_wf(config: MriConfig, mask_file: str = "", *, name: str) -> Workflow:
    """Build the part that needs no names: from a validated T1w and FLAIR to tissue and lesions.

    Parameters
    ----------
    config : MriConfig
        Method.
    mask_file : str
        Lesion mask that takes the place of the built-in segmentation; empty for none.
    name : str
        Name of the workflow.

    Inputs
    ------
    t1w, flair : str
        Validated scans.

    Outputs
    -------
    t1w, brain_mask, to_scan, skull_stripped, maps, similarity, tissue, t1w_filled, flair,
    flair_to_t1w, lesions, evidence, context
    """
    workflow = Workflow(name=name)
    inputnode = Node(IdentityInterface(["t1w", "flair"]), name="inputnode")
    outputnode = Node(IdentityInterface([*_ANATOMY, *_LESIONS]), name="outputnode")
    _connect_anatomy(workflow, inputnode, outputnode, config)
    brain, template, tissue = (workflow.get_node(n) for n in ("brain", "template", "tissue"))
    align_flair = Node(AlignContrast(seed=config.seed), name="align_flair")
    first_tissue = Node(SegmentTissue(spacing_mm=FIRST_TISSUE_MM), name="first_tissue")
    make_lesions = (
        ReadLesions(mask_file=mask_file, masks=config.lesions.masks)
        if mask_file
        else SegmentLesions(
            least_probability=config.lesions.probability,
            least_z=config.lesions.flair_z,
            min_volume_mm3=config.lesions.min_volume_mm3,
        )
    )
    lesions = Node(make_lesions, name="lesions")
    fill = Node(FillLesions(seed=config.seed), name="fill")
    anatomy = [("t1w", "t1w"), ("brain_mask", "brain_mask")]
    found = [("lesions", "lesions"), ("evidence", "evidence"), ("context", "context")]
    workflow.connect(
        [
            (inputnode, align_flair, [("flair", "scan")]),
            (brain, align_flair, anatomy),
            (template, align_flair, [("maps", "maps")]),
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
            (fill, outputnode, [("t1w", "t1w_filled")]),
            (align_flair, outputnode, [("scan", "flair"), ("to_t1w", "flair_to_t1w")]),
            (lesions, outputnode, found),
        ]
    )
    return workflow


def _connect_anatomy(
    workflow: Workflow, inputnode: Node, outputnode: Node, config: MriConfig
) -> None:
    """Connect brain, template and tissue; the T1w of ``tissue`` is left open."""
    seed = config.seed
    brain = Node(ExtractBrain(seed=seed), name="brain")
    template = Node(
        RegisterTemplate(seed=seed, spacing_mm=config.atlas_spacing_mm), name="template"
    )
    tissue = Node(SegmentTissue(), name="tissue")
    anatomy = [("t1w", "t1w"), ("brain_mask", "brain_mask"), ("to_scan", "to_scan")]
    workflow.connect(
        [
            (inputnode, brain, [("t1w", "t1w")]),
            (brain, template, anatomy),
            (brain, tissue, [("brain_mask", "brain_mask")]),
            (template, tissue, [("maps", "maps")]),
            (brain, outputnode, [*anatomy, ("skull_stripped", "skull_stripped")]),
            (template, outputnode, [("maps", "maps"), ("similarity", "similarity")]),
            (tissue, outputnode, [("tissue", "tissue")]),
        ]
    )


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
            lesion_rule=lesion_source(config.lesions, sources),
            thresholds=thresholds,
        ),
        name="measure",
    )
    store = Node(StoreSession(**common, seed=config.seed, sources=sources), name="store")
    draw = Node(SessionSnapshots(**common, unit=unit.id), name="draw")
    return [measure, store, draw]


def lesion_source(config: LesionConfig, files: Iterable[str]) -> str:
    """Return what METHOD says of lesions: where masks from elsewhere, if any, come from."""
    return f"lesion masks of {config.masks}" if any(map(is_lesion_mask, files)) else ""


def _raw(unit: Unit, contrast: Contrast) -> str:
    """Return the file of a contrast among a unit's inputs, '' where there is none."""
    return next((file for file in unit.inputs if is_contrast(file, contrast)), "")
