"""The eye and subject workflows, end to end on phantoms and on the real rings."""

import json
from dataclasses import replace

import numpy as np
import pytest

from pipelines.eye import init_eye_wf
from pipelines.subject import init_subject_wf
from smartms_img.catalogue import planned_keys
from smartms_img.config import default_study
from smartms_img.execution.nipype_run import run_workflow
from smartms_img.execution.units import Unit, UnitContext
from smartms_img.execution.worker import UnitError
from smartms_img.io.layout import eye_stem, measures_file, qc_file, subject_stem
from smartms_img.io.measures import read_measures, read_qc
from smartms_img.io.oct_layers import save_arrays
from smartms_img.naming import Eye, OctScanKind, QcStatus, UnitKind, eye_unit, subject_unit
from smartms_img.phantoms.oct import macula_phantom, ring_phantom, thinner, write_oct_phantom

PLANTED = (b"CANARY", b"4242424", b"7373737", b"1971-11-11")


def eye(session, which, kind, file, reference=""):
    depends = (eye_unit("01", reference, which, kind),) if reference else ()
    return Unit(
        eye_unit("01", session, which, kind), UnitKind.EYE, "01", session, reference, which, kind,
        "runnable", "", (file,), depends,
    )  # fmt: skip


def run(workflow, work):
    work.mkdir()
    run_workflow(workflow, work)


def values(out, session, which, kind):
    stem = eye_stem("01", session, which, kind)
    return {(m.PARAMCD, m.LOC): m.value for m in read_measures(out / measures_file(stem))}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Both eyes of one person: rings at two visits, maculas at the first."""
    root = tmp_path_factory.mktemp("study")
    bids, out = root / "bids", root / "out"
    out.mkdir()
    context = UnitContext(bids, out, out, root, default_study())
    first = ring_phantom(rnfl_um=95, seed=1, ascans=512)
    scans = [
        ("M00", Eye.OD, OctScanKind.RING, first, ""),
        ("M06", Eye.OD, OctScanKind.RING, thinner(first, 8.0, seed=2), "M00"),
        ("M00", Eye.OS, OctScanKind.RING,
         ring_phantom(rnfl_um=85, seed=3, ascans=512, laterality=Eye.OS), ""),
        ("M00", Eye.OD, OctScanKind.MACULA, macula_phantom(gcipl_um=70, n_bscans=33, ascans=200),
         ""),
        ("M00", Eye.OS, OctScanKind.MACULA,
         macula_phantom(gcipl_um=63, n_bscans=21, ascans=200, laterality=Eye.OS, seed=7), ""),
        ("M06", Eye.OD, OctScanKind.MACULA,
         macula_phantom(gcipl_um=66, n_bscans=33, ascans=200, fovea_mm=(0.2, 0.1),
                        rotation_deg=5.0, seed=4), "M00"),
    ]  # fmt: skip
    done = []
    for session, which, kind, phantom, reference in scans:
        stem = f"sub-01_ses-{session}_eye-{which}_acq-{kind}"
        file = write_oct_phantom(bids / f"sub-01/ses-{session}/oct", stem, phantom)
        unit = eye(session, which, kind, file.relative_to(bids).as_posix(), reference)
        run(init_eye_wf(unit, context), root / f"work-{unit.id}")
        done.append(unit)
    (bids / "participants.tsv").write_text("participant_id\toptic_neuritis\nsub-01\tnone\n")
    return context, done


def test_scratch_files_of_a_scan_are_few(study):
    """A dataset of thousands of scans must not fill the tables of a file system."""
    folders = sorted(study[0].work.glob("work-*"))
    assert len(folders) == len(study[1])
    for folder in folders:
        files = [path for path in folder.rglob("*") if path.is_file()]
        assert len(files) <= 60
        assert sum(path.stat().st_size for path in files) <= 50e6


def test_follow_up_loss_is_measured(study):
    out = study[0].out
    before = values(out, "M00", Eye.OD, OctScanKind.RING)["RNFL", "G"]
    after = values(out, "M06", Eye.OD, OctScanKind.RING)["RNFL", "G"]
    assert before == pytest.approx(95, abs=2)
    assert after - before == pytest.approx(-8.0, abs=1.0)
    stem = eye_stem("01", "M06", Eye.OD, OctScanKind.RING)
    assert all("aligned to M00" in m.method for m in read_measures(out / measures_file(stem)))
    metrics = {m.metric: m for m in read_qc(out / qc_file(stem))}
    assert metrics["alignment_similarity"].status is QcStatus.PASS


def test_macular_loss_is_measured_and_drawn_at_the_same_place(study):
    out = study[0].out
    before, after = (values(out, v, Eye.OD, OctScanKind.MACULA) for v in ("M00", "M06"))
    for sector in ("M6", "IS", "IN", "II", "IT"):
        share = before["GCIPL", sector] / 70
        loss = after["GCIPL", sector] - before["GCIPL", sector]
        assert loss == pytest.approx(-4.0 * share, abs=1.0), sector
    stem = eye_stem("01", "M06", Eye.OD, OctScanKind.MACULA)
    alignment = json.loads((out / f"{stem}_desc-layers.json").read_text())["alignment"]
    assert alignment["rotation_deg"] == pytest.approx(5.0, abs=0.5)
    unit = eye_unit("01", "M06", Eye.OD, OctScanKind.MACULA)
    assert (out / f"sub-01/figures/{unit}_gciplchange.png").is_file()


def test_every_planned_macular_value_is_there(study):
    found = values(study[0].out, "M00", Eye.OD, OctScanKind.MACULA)
    assert found["GCIPL", "M6"] == pytest.approx(70, abs=3)
    assert found["TMV", ""] == pytest.approx(8.6, abs=0.3)
    assert found["GCIPLV", ""] == pytest.approx(0.070 * np.pi * 9, abs=0.1)
    assert len(found) == 6 * 11 + 3


def test_checks_pass(study):
    context, units = study
    for unit in units:
        stem = eye_stem("01", unit.session, unit.eye, unit.scan)
        failed = [m for m in read_qc(context.out / qc_file(stem)) if m.status is QcStatus.FAIL]
        assert failed == []


def test_layers_lie_in_the_picture_and_figures_have_their_json(study):
    context, units = study
    for unit in units:
        stem = eye_stem("01", unit.session, unit.eye, unit.scan)
        with np.load(context.out / f"{stem}_desc-layers.npz") as layers:
            assert len(layers.files) == 9
        document = json.loads((context.out / f"{stem}_desc-layers.json").read_text())
        assert document["boundaries"].keys() == document["confidence"].keys()
        pictures = sorted(context.out.glob(f"sub-01/figures/{unit.id}_*.png"))
        assert pictures
        for picture in pictures:
            entry = json.loads(picture.with_suffix(".json").read_text())
            assert entry.keys() == {"title", "alt", "unit", "order"}
            assert entry["unit"] == unit.id


def test_repeated_run_gives_the_same_bytes(study, tmp_path):
    context, units = study
    again = replace(context, staging=tmp_path / "again")
    run(init_eye_wf(units[1], again), tmp_path / "work")
    written = [path for path in again.staging.rglob("*") if path.is_file()]
    assert written
    for path in written:
        first = context.out / path.relative_to(again.staging)
        assert path.read_bytes() == first.read_bytes(), path.name


def test_layers_of_a_reader_are_measured(study, tmp_path):
    context, units = study
    unit, theirs = units[0], "derivatives/manual/layers_desc-layers.npz"
    with np.load(
        context.out / f"{eye_stem('01', 'M00', unit.eye, unit.scan)}_desc-layers.npz"
    ) as f:
        layers = {"ILM": f["ILM"], "RNFL_GCL": f["ILM"] + 25.0}
    save_arrays(context.bids / theirs, layers)
    oct_config = context.config.oct.model_copy(update={"layers": "manual"})
    config = context.config.model_copy(update={"oct": oct_config})
    staged = replace(context, staging=tmp_path / "staging", config=config)
    run(init_eye_wf(replace(unit, inputs=(*unit.inputs, theirs)), staged), tmp_path / "work")
    file = staged.staging / measures_file(eye_stem("01", "M00", unit.eye, unit.scan))
    found = {(m.PARAMCD, m.LOC): m for m in read_measures(file)}
    assert found["RNFL", "G"].value == pytest.approx(25 * 3.87, abs=0.01)
    assert found["RNFL", "G"].method.startswith("manual layers")
    assert theirs in found["RNFL", "G"].source
    save_arrays(context.bids / theirs, {"ILM": layers["ILM"][:, :-1]})
    with pytest.raises(UnitError, match=r"ILM has shape \(1, 511\), the scan has \(1, 512\)"):
        run(init_eye_wf(replace(unit, inputs=(*unit.inputs, theirs)), staged), tmp_path / "again")


@pytest.mark.parametrize(
    ("history", "rnfl", "reason"),
    [("none", 90.0, ""), ("OS", 95.0, "OD only: OS had optic neuritis"),
     ("both", None, "both eyes had optic neuritis")],
)  # fmt: skip
def test_subject(study, tmp_path, history, rnfl, reason):
    context, units = study
    (context.bids / "participants.tsv").write_text(
        f"participant_id\toptic_neuritis\nsub-01\t{history}\n"
    )
    unit = Unit(
        subject_unit("01"), UnitKind.SUBJECT, "01", "", "", None, None, "runnable", "",
        tuple(u.inputs[0] for u in units), tuple(u.id for u in units),
    )  # fmt: skip
    staged = replace(context, staging=tmp_path / "staging")
    run(init_subject_wf(unit, staged), tmp_path / "work")
    measures = read_measures(staged.staging / measures_file(subject_stem("01")))
    found = {(m.PARAMCD, m.LOC, m.LAT, m.visit): m for m in measures}
    entry = json.loads((staged.staging / "sub-01/figures/sub-01_tsnit.json").read_text())
    assert entry["unit"] == unit.id
    assert (staged.staging / "sub-01/figures/sub-01_tsnit.png").is_file()
    difference = found["IEDRNFL", "", "", "M00"]
    assert difference.value == pytest.approx(10, abs=2)
    assert "McDonald-2024" in difference.method
    assert "reaches" in difference.reason
    assert len(difference.source) == 2
    assert found["IEDGCIP", "", "", "M00"].value == pytest.approx(7, abs=3)
    assert found["IEDRNFL", "", "", "M06"].reason == "OS: not measured"
    mean = found["RNFL", "G", "BOTH", "M00"]
    assert mean.reason == reason
    assert mean.value == (None if rnfl is None else pytest.approx(rnfl, abs=2))


@pytest.mark.parametrize("scan", OctScanKind)
def test_subject_measures_nothing_that_is_not_planned(study, tmp_path, scan):
    """A study with one kind of scan only: the tables refuse what its plan does not name."""
    context, units = study
    oct_config = context.config.oct.model_copy(update={"scans": (scan,)})
    config = context.config.model_copy(update={"oct": oct_config})
    staged = replace(context, staging=tmp_path / "staging", config=config)
    done = [u for u in units if u.scan is scan]
    unit = Unit(
        subject_unit("01"), UnitKind.SUBJECT, "01", "", "", None, None, "runnable", "",
        tuple(u.inputs[0] for u in done), tuple(u.id for u in done),
    )  # fmt: skip
    run(init_subject_wf(unit, staged), tmp_path / "work")
    measures = read_measures(staged.staging / measures_file(subject_stem("01")))
    planned = {(key.paramcd, key.loc, key.lat, key.visit) for key in planned_keys(config)}
    assert measures
    assert {(m.PARAMCD, m.LOC, m.LAT, m.visit) for m in measures} <= planned


def test_wrong_eye_and_wrong_pattern_are_refused(study, tmp_path):
    context, units = study
    ring = units[0].inputs[0]
    cases = (
        (eye("M00", Eye.OS, OctScanKind.RING, ring), "is named OS but says it shows OD"),
        (eye("M00", Eye.OD, OctScanKind.MACULA, ring), "is named macula but holds a ring"),
    )
    for k, (unit, part) in enumerate(cases):
        with pytest.raises(UnitError, match=part) as caught:
            run(init_eye_wf(unit, context), tmp_path / f"work{k}")
        assert caught.value.cause == "bad-input"


def test_graph_is_built_without_files(tmp_path):
    context = UnitContext(tmp_path, tmp_path, tmp_path, tmp_path, default_study())
    for kind in OctScanKind:
        for which in Eye:
            workflow = init_eye_wf(eye("M06", which, kind, "x.vol", "M00"), context)
            assert set(workflow.list_node_names()) == {
                "inputnode", "find_layers", "measure_eye", "draw_eye", "outputnode",
            }  # fmt: skip


@pytest.mark.realdata
def test_real_ring_leaves_no_identity(real_data, tmp_path):
    bids, out = real_data / "bids", tmp_path / "out"
    context = UnitContext(bids, out, out, tmp_path, default_study())
    for session, reference in (("M00", ""), ("M06", "M00")):
        file = f"sub-01/ses-{session}/oct/sub-01_ses-{session}_eye-OD_acq-ring_oct.vol"
        unit = eye(session, Eye.OD, OctScanKind.RING, file, reference)
        run(init_eye_wf(unit, context), tmp_path / f"work-{session}")
    first, second = (values(out, session, Eye.OD, OctScanKind.RING) for session in ("M00", "M06"))
    assert abs(first["RNFL", "G"] - second["RNFL", "G"]) < 1.5
    for path in tmp_path.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not any(planted in content for planted in PLANTED), path.name
