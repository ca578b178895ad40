"""``smartms bench lesions``: lesion masks beside experts' masks, and change beside true change."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from smartms_img.cli.console import check_folder, print_table, say
from smartms_img.cli.run import RunRequest, run_dataset
from smartms_img.config import StudyConfig, default_study
from smartms_img.errors import InputError
from smartms_img.execution.select import Selection
from smartms_img.interfaces.session_files import SessionFiles, read_derivative, read_world_matrix
from smartms_img.io.atomic import write_text
from smartms_img.io.change_truth import read_change_truth
from smartms_img.io.layout import measures_file, pair_stem, session_stem
from smartms_img.io.nifti import load_image, load_mask
from smartms_img.io.tsv import tsv_text
from smartms_img.mri.geometry import resample
from smartms_img.mri.lesion_change import LesionChange
from smartms_img.naming import UnitKind
from smartms_img.phantoms.benchmark_dataset import BASE
from smartms_img.phantoms.lesion_benchmark import (
    Follow,
    lesion_study,
    manual_mask_file,
    read_truth,
    read_wanted,
    write_cases,
)
from smartms_img.phantoms.lesion_scores import (
    Figure,
    mask_figures,
    pair_figures,
    pair_result,
    score_mask,
)
from smartms_img.volume import Volume

HEADER = ("test", "case", "statistic", "value", "n")


def lesions(
    out: Annotated[Path, typer.Argument(help="Folder for everything; a second run resumes.")],
    cases: Annotated[
        Path | None,
        typer.Option(help="Folder of NAME/T1w.nii.gz, FLAIR.nii.gz, lesions.nii.gz."),
    ] = None,
    case: Annotated[list[str] | None, typer.Option(help="Name of a case.")] = None,
    stable: Annotated[
        bool, typer.Option("--stable", help="Make follow-ups of the cases without change.")
    ] = False,
    inject: Annotated[
        bool, typer.Option("--inject", help="Make pairs of the cases with injected lesions.")
    ] = False,
    change_bids: Annotated[
        Path | None, typer.Option(help="BIDS dataset of a patient whose change experts marked.")
    ] = None,
    change_truth: Annotated[
        Path | None, typer.Option(help="Folder of that change: gt.nii.gz and its transform.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print only the result.")] = False,
) -> None:
    """Measure lesions of cases with experts' masks, and lesion change that is known.

    Writes OUT/scores.tsv.

    Example: smartms bench lesions /tmp/bench --cases /data/lesions --case lj07 --stable --inject
    """
    check_folder(out)
    bids, names = out / "bids", case or []
    resumed = (bids / "participants.tsv").is_file()
    if resumed:
        read_truth(bids)
    _check(cases, names, change_bids, change_truth, resumed=resumed)
    wanted = {"cases": names, "stable": stable, "injected": inject}
    if resumed:
        if names and wanted != read_wanted(bids):
            problem = f"'{out.name}' holds a benchmark of other scans"
            raise InputError(problem, "Give another folder, or only the folder to resume it")
    elif names:
        if not quiet:
            say("Making the scans")
        if bids.exists():
            shutil.rmtree(bids)
        write_cases(bids, cases or Path(), names, stable=stable, injected=inject)
    figures: list[Figure] = []
    codes = []
    if names or resumed:
        config = lesion_study(default_study())
        codes.append(_run(bids, out / "derivatives", config, quiet=quiet))
        figures += _case_figures(bids, out / "derivatives", config)
    if change_bids and change_truth:
        config = default_study()
        codes.append(_run(change_bids, out / "change", config, quiet=quiet))
        figures += _change_figures(out / "change", change_truth, config)
    table = [[f.test, f.case, f.statistic, f"{f.value:.3f}", str(f.count)] for f in figures]
    write_text(out / "scores.tsv", tsv_text([HEADER, *table]))
    print_table(HEADER, table)
    raise typer.Exit(max(codes))


def _check(
    cases: Path | None,
    names: Sequence[str],
    change_bids: Path | None,
    change_truth: Path | None,
    *,
    resumed: bool,
) -> None:
    """Refuse what cannot be done, before anything is written."""
    if not names and not change_bids and not resumed:
        raise InputError("there is nothing to do", "Give --case or --change-bids")
    if bool(change_bids) != bool(change_truth):
        remedy = "Give --change-bids and --change-truth together"
        raise InputError("a change without its dataset is no test", remedy)
    if change_bids and change_truth:
        if not change_bids.is_dir():
            raise InputError("is no folder", "Give a BIDS dataset", file=change_bids.name)
        read_change_truth(change_truth)
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(f"{', '.join(twice)} is given twice", "Name every case once")
    for name in names:
        if not (name.isascii() and name.isalnum()):
            remedy = "Name cases by letters and digits"
            raise InputError(f"'{name}' cannot be a participant label", remedy)
        for file in ("T1w.nii.gz", "FLAIR.nii.gz", "lesions.nii.gz"):
            if cases is None or not (cases / name / file).is_file():
                remedy = "Give the folder that holds it with --cases"
                raise InputError("does not exist", remedy, file=f"{name}/{file}")


def _run(bids: Path, derivatives: Path, config: StudyConfig, *, quiet: bool) -> int:
    request = RunRequest(
        bids,
        derivatives,
        selection=Selection(stop_after=UnitKind.PAIR),
        config=config,
        quiet=quiet,
        show_missing=False,
    )
    return run_dataset(request)


def _case_figures(bids: Path, out: Path, config: StudyConfig) -> list[Figure]:
    names, follow_ups = read_truth(bids)
    least = config.mri.lesions.min_volume_mm3
    scored = {}
    for name in names:
        files = SessionFiles(out, name, BASE)
        if not (out / measures_file(session_stem(name, BASE))).is_file():
            continue
        found, true = files.mask("label-lesion_mask"), load_mask(manual_mask_file(bids, name))
        on_found = resample(true, found, order=0) > 0.5
        scored[name] = score_mask(found.data, on_found, found.voxel_volume_mm3, least)
    results = {}
    for item in follow_ups:
        change = _read_change(out, item.subject, BASE, item.visit)
        if change is not None:
            by_class = {fate.name.lower(): change.data == fate for fate in LesionChange}
            injected = list(_injected_lesions(bids, out, item, change))
            results[f"{item.subject} {item.visit}"] = pair_result(by_class, injected)
    return mask_figures(scored) + pair_figures(results)


def _injected_lesions(
    bids: Path, out: Path, item: Follow, change: Volume
) -> Iterator[tuple[str, float, NDArray[np.bool_]]]:
    """Bring every injected lesion to the space of the change that was measured."""
    stem = f"sub-{item.subject}_ses-{BASE}"
    scan = load_image(bids / f"sub-{item.subject}/ses-{BASE}/anat/{stem}_T1w.nii.gz")
    to_base = read_world_matrix(_pair_file(out, item.subject, BASE, item.visit, "xfm"))
    to_voxel = np.linalg.inv(scan.affine) @ to_base @ change.affine
    index = np.indices(change.shape, dtype=np.float32).reshape(3, -1)
    points = (to_voxel[:3, :3] @ index + to_voxel[:3, 3:]).astype(np.float32)
    for injected in item.lesions:
        before, after = (
            injected.lesion.weight(points, visit).reshape(change.shape) >= 0.5 for visit in (0, 1)
        )
        yield injected.fate, injected.diameter_mm, before ^ after


def _change_figures(out: Path, truth: Path, config: StudyConfig) -> list[Figure]:
    """Score change where the experts marked it; all changes count alike."""
    known = read_change_truth(truth)
    figures = []
    for path in sorted(out.glob("sub-*/ses-*/anat/*_desc-lesionchange_dseg.nii.gz")):
        subject, session = (part.split("-")[1] for part in path.name.split("_")[:2])
        change = _read_change(out, subject, config.baseline, session)
        if change is None:
            continue
        to_base = read_world_matrix(_pair_file(out, subject, config.baseline, session, "xfm"))
        files = SessionFiles(out, subject, config.baseline)
        world = np.linalg.inv(to_base) @ files.flair_to_t1w @ known.to_flair
        found = resample(change, known.change, world, order=0) > 0.5
        least = config.mri.lesions.change_min_volume_mm3
        score = score_mask(found, known.change.data > 0.5, known.change.voxel_volume_mm3, least)
        figures += mask_figures({f"{subject} {session}": score}, test="marked change")
    return figures


def _read_change(out: Path, subject: str, reference: str, session: str) -> Volume | None:
    path = _pair_file(out, subject, reference, session, "change")
    return read_derivative(path) if path.is_file() else None


def _pair_file(out: Path, subject: str, reference: str, session: str, what: str) -> Path:
    stem = out / pair_stem(subject, reference, session)
    names = {
        "change": "space-halfway_desc-lesionchange_dseg.nii.gz",
        "xfm": f"from-halfway_to-{reference}_mode-image_xfm.json",
    }
    return stem.with_name(f"{stem.name}_{names[what]}")
