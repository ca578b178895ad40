"""Session and pair graphs, built over a few configurations without any data."""

from dataclasses import replace
from pathlib import Path

import pytest
from nipype.interfaces.base import isdefined
from nipype.interfaces.utility import IdentityInterface

from pipelines.pair import change_rule
from pipelines.registry import build_workflow
from smartms_img.config import default_study
from smartms_img.execution.units import Unit, UnitContext
from smartms_img.naming import Contrast, UnitKind, pair_unit, session_unit

RAW = {
    label: tuple(
        f"sub-01/ses-{label}/anat/sub-01_ses-{label}_{contrast}.nii.gz"
        for contrast in (Contrast.FLAIR, Contrast.T1W)
    )
    for label in ("M00", "M06")
}
SESSION = Unit(
    session_unit("01", "M00"), UnitKind.SESSION, "01", "M00", "", None, None,
    "runnable", "", RAW["M00"], (),
)  # fmt: skip
PAIR = Unit(
    pair_unit("01", "M00", "M06"), UnitKind.PAIR, "01", "M06", "M00", None, None,
    "runnable", "", tuple(sorted(RAW["M00"] + RAW["M06"])),
    (session_unit("01", "M00"), session_unit("01", "M06")),
)  # fmt: skip


def without_flair(unit):
    inputs = tuple(file for file in unit.inputs if Contrast.FLAIR not in file)
    return replace(unit, inputs=inputs, reason="no FLAIR")


def with_mask(unit):
    mask = "derivatives/manual/sub-01/ses-M00/anat/sub-01_ses-M00_label-lesion_mask.nii.gz"
    return replace(unit, inputs=tuple(sorted((*unit.inputs, mask))))


def configured(**mri):
    study = default_study()
    lesions = study.mri.lesions.model_copy(update=mri.pop("lesions", {}))
    changed = study.mri.model_copy(update=mri | {"lesions": lesions})
    return study.model_copy(update={"mri": changed})


STUDIES = {
    "default": configured(),
    "other seed and grids": configured(seed=99, atlas_spacing_mm=3.0, pair_spacing_mm=1.5),
    "other lesions": configured(
        lesions={
            "min_volume_mm3": 3.0,
            "probability": 0.4,
            "flair_z": 3.0,
            "change_z": 4.0,
            "shrinking_fraction": 0.2,
        }
    ),
}
RANDOM_STEPS = {
    UnitKind.SESSION: {f"core.{step}" for step in ("brain", "template", "align_flair", "fill")},
    UnitKind.PAIR: {"halfway"},
}
EVERY_STUDY = pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
UNITS = [SESSION, PAIR, without_flair(SESSION), without_flair(PAIR), with_mask(SESSION)]
BOTH = pytest.mark.parametrize(
    "unit",
    UNITS,
    ids=["session", "pair", "session of T1w", "pair of T1w", "session with a lesion mask"],
)


def build(unit, study):
    places = (Path("/nowhere") / name for name in ("bids", "out", "staging", "work"))
    return build_workflow(unit, UnitContext(*places, study))


def flat(workflow):
    """Node by full name below the workflow, and (from, output, to, input) of every connection."""
    graph = workflow._create_flat_graph()
    short = {node: node.fullname.split(".", maxsplit=1)[1] for node in graph}
    wires = [
        (short[source], output if isinstance(output, str) else output[0], short[target], field)
        for source, target, data in graph.edges(data=True)
        for output, field in data["connect"]
    ]
    return {name: node for node, name in short.items()}, wires


@BOTH
@EVERY_STUDY
def test_every_mandatory_input_is_connected_or_set(unit, study):
    nodes, wires = flat(build(unit, study))
    connected = {(target, field) for _, _, target, field in wires}
    for name, node in nodes.items():
        for field in node.interface.inputs.traits(mandatory=True):
            given = isdefined(getattr(node.interface.inputs, field))
            assert given != ((name, field) in connected), f"{name}.{field}"


@BOTH
@EVERY_STUDY
def test_nothing_runs_in_vain(unit, study):
    """Every node feeds another one or writes to the staging folder; every wire has its ends."""
    nodes, wires = flat(build(unit, study))
    feeding = {source for source, *_ in wires}
    for name, node in nodes.items():
        assert name in feeding or node.interface.inputs.staging == "/nowhere/staging"
    for source, output, target, field in wires:
        assert output in nodes[source].interface._outputs().copyable_trait_names()
        assert field in nodes[target].interface.inputs.copyable_trait_names()


@BOTH
def test_building_touches_no_file(unit, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    workflow = build(unit, STUDIES["default"])
    assert str(workflow.base_dir) == "/nowhere/work"
    assert list(tmp_path.iterdir()) == []


@BOTH
@EVERY_STUDY
def test_every_random_step_has_the_configured_seed(unit, study):
    """ANTs and the noise in filled lesions; what is stored names the seed."""
    nodes, _ = flat(build(unit, study))
    seeds = {
        name: node.interface.inputs.seed
        for name, node in nodes.items()
        if "seed" in node.interface.inputs.copyable_trait_names()
    }
    expected = RANDOM_STEPS[unit.kind] | {"store"}
    if unit.reason == "no FLAIR":
        expected -= {f"core.{step}" for step in ("align_flair", "fill")}
    assert set(seeds) == expected
    assert set(seeds.values()) == {study.mri.seed}


def test_without_a_flair_nothing_looks_for_lesions():
    for unit in UNITS[2:4]:
        nodes, _ = flat(build(unit, STUDIES["default"]))
        assert not {"core.lesions", "core.fill", "load_flair", "change"} & set(nodes)


def test_a_lesion_mask_takes_the_place_of_the_segmentation():
    study = configured(lesions={"masks": "manual"})
    nodes, _ = flat(build(with_mask(SESSION), study))
    lesions = nodes["core.lesions"].interface
    assert type(lesions).__name__ == "ReadLesions"
    assert lesions.inputs.mask_file.endswith("ses-M00_label-lesion_mask.nii.gz")
    assert nodes["measure"].interface.inputs.lesion_rule == "lesion masks of manual"
    assert len(nodes["store"].interface.inputs.sources) == 3
    pair, _ = flat(build(with_mask(PAIR), study))
    assert pair["measure"].interface.inputs.lesion_source == "lesion masks of manual"
    # A visit that is measured without a dataset has no such mask, whatever the study says.
    own, _ = flat(build(SESSION, study))
    assert own["measure"].interface.inputs.lesion_rule == ""


def test_nodes_of_a_session():
    nodes, wires = flat(build(SESSION, STUDIES["default"]))
    steps = {
        name for name, node in nodes.items() if not isinstance(node.interface, IdentityInterface)
    }
    core = ("brain", "template", "align_flair", "first_tissue", "lesions", "fill", "tissue")
    assert steps == {
        *("load_t1w", "load_flair", "measure", "store", "draw"),
        *(f"core.{name}" for name in core),
    }
    between = {(source, target) for source, _, target, _ in wires}
    assert {
        ("load_t1w", "core.inputnode"),
        ("core.brain", "core.template"),
        ("core.first_tissue", "core.lesions"),
        ("core.lesions", "core.fill"),
        ("core.fill", "core.tissue"),
        ("core.outputnode", "measure"),
    } <= between
    assert ("core.first_tissue", "core.tissue") not in between


def test_session_reads_its_own_scans_and_measures_the_filled_tissue():
    nodes, wires = flat(build(SESSION, STUDIES["default"]))
    for contrast in ("T1w", "FLAIR"):
        inputs = nodes[f"load_{contrast.lower()}"].interface.inputs
        assert inputs.in_file == (
            f"/nowhere/bids/sub-01/ses-M00/anat/sub-01_ses-M00_{contrast}.nii.gz"
        )
        assert (inputs.subject, inputs.session, inputs.item) == ("sub-01", "ses-M00", contrast)
    assert ("core.tissue", "tissue", "core.outputnode", "tissue") in wires
    assert ("core.brain", "t1w", "core.outputnode", "t1w") in wires
    assert ("core.fill", "t1w", "core.outputnode", "t1w_filled") in wires
    assert ("core.fill", "t1w", "core.tissue", "t1w") in wires
    measure = nodes["measure"].interface.inputs
    assert measure.sources == [RAW["M00"][1], RAW["M00"][0]]
    assert measure.stem == "sub-01/ses-M00/anat/sub-01_ses-M00"


def test_nodes_of_a_pair():
    nodes, wires = flat(build(PAIR, STUDIES["default"]))
    assert set(nodes) == {"halfway", "deform", "change", "measure", "store", "draw"}
    assert nodes["halfway"].interface.inputs.sessions == ["M00", "M06"]
    assert nodes["halfway"].interface.inputs.out == "/nowhere/out"
    assert nodes["measure"].interface.inputs.sources == list(PAIR.inputs)
    assert nodes["store"].interface.inputs.stem == "sub-01/ses-M06/anat/sub-01_ses-M06_ref-M00"
    assert {
        ("halfway", "both", "deform", "both"),
        ("deform", "middle", "change", "middle"),
        ("deform", "middle", "measure", "middle"),
        ("deform", "log_jacobian", "store", "log_jacobian"),
        ("change", "change", "store", "change"),
        ("change", "change", "measure", "change"),
        ("change", "lesions", "measure", "lesions"),
        ("change", "atrophied", "measure", "atrophied"),
    } <= set(wires)


@EVERY_STUDY
def test_the_configuration_reaches_its_step(study):
    session, _ = flat(build(SESSION, study))
    pair, _ = flat(build(PAIR, study))
    lesions = study.mri.lesions
    step = session["core.lesions"].interface.inputs
    rule = (lesions.probability, lesions.flair_z, lesions.min_volume_mm3)
    assert (step.least_probability, step.least_z, step.min_volume_mm3) == rule
    assert session["core.template"].interface.inputs.spacing_mm == study.mri.atlas_spacing_mm
    assert session["measure"].interface.inputs.thresholds == study.qc.mri
    assert pair["halfway"].interface.inputs.spacing_mm == study.mri.pair_spacing_mm
    rule = change_rule(lesions)
    assert rule.signal_z == lesions.change_z
    assert rule.shrinking_fraction == lesions.shrinking_fraction
    for name in ("change", "measure", "store"):
        assert pair[name].interface.inputs.rule == rule


@pytest.mark.parametrize(
    ("days", "years"),
    [("M00\t0\nses-M06\t183", 183 / 365.25), ("M00\t0\nses-M06\tn/a", None), (None, None)],
)
def test_years_between_the_visits_come_from_the_sessions_table(tmp_path, days, years):
    bids = tmp_path / "bids"
    (bids / "sub-01").mkdir(parents=True)
    if days:
        table = bids / "sub-01" / "sub-01_sessions.tsv"
        table.write_text(f"session_id\tday\nses-{days}\n")
    context = UnitContext(bids, tmp_path, tmp_path, tmp_path, STUDIES["default"])
    nodes, _ = flat(build_workflow(PAIR, context))
    found = nodes["measure"].interface.inputs.years
    assert found == (pytest.approx(years) if years else None)
