"""Find lesions on the MRI of one visit, or their change between two, without a dataset."""

from __future__ import annotations

from pathlib import Path
from shutil import copyfile
from typing import Any

import numpy as np

from pipelines.measure_visits import BASE, FOLLOW, SUBJECT, Scans, measure_visits
from smartms_img.config import StudyConfig
from smartms_img.interfaces.oct_checks import values_by_name
from smartms_img.interfaces.session_files import SessionFiles, read_derivative, read_world_matrix
from smartms_img.io.layout import lesions_file, measures_file, pair_stem, qc_file, session_stem
from smartms_img.io.measures import Measure, read_measures, read_qc
from smartms_img.io.nifti import save_on_grid_of
from smartms_img.mri.geometry import resample
from smartms_img.naming import Contrast

_LESION_ENDPOINTS = ("T2L", "BHL", "NEWL", "ENLL", "SHRL", "RESL", "ATLV")


def measure_lesions(
    base: Scans, follow: Scans | None, out: Path, config: StudyConfig, work: Path
) -> dict[str, Any]:
    """Find lesions, and with a follow-up their change.

    Writes ``lesions.nii.gz`` on the grid of the FLAIR file and ``lesions.tsv``; with a follow-up
    also ``lesions_follow.nii.gz`` on the grid of its FLAIR file, and ``change.nii.gz`` on that of
    the earlier one: 1 new, 2 enlarging, 3 shrinking, 4 resolved.

    Parameters
    ----------
    base, follow : mapping of Contrast to Path
        T1w and FLAIR.
    out : Path
        Folder for these files and the derivatives, made if absent.
    config : StudyConfig
        Method and thresholds.
    work : Path
        Scratch folder, empty.

    Returns
    -------
    dict
        JSON-able: lesion endpoints of the earlier visit by PARAMCD, ``by_region``, ``qc``; with
        a follow-up those of the pair, its checks as ``qc`` and those of the earlier visit as
        ``base_qc``, and the same of the later visit under ``follow``.

    Raises
    ------
    InputError
        If a scan cannot be read.
    UnitError
        If a visit or the pair cannot be measured.
    """
    measure_visits(base, follow, out, config, work)
    result = _visit_result(out, BASE)
    _write_mask(out, BASE, base[Contrast.FLAIR], out / "lesions.nii.gz")
    stem = session_stem(SUBJECT, BASE)
    if follow:
        stem = pair_stem(SUBJECT, BASE, FOLLOW)
        _write_mask(out, FOLLOW, follow[Contrast.FLAIR], out / "lesions_follow.nii.gz")
        _write_change(out, base[Contrast.FLAIR], out / "change.nii.gz")
        result |= _values(read_measures(out / measures_file(stem)))
        result["follow"] = _visit_result(out, FOLLOW)
        result |= {"base_qc": result["qc"], "qc": _qc(out, stem)}
    copyfile(out / lesions_file(stem), out / "lesions.tsv")
    return result


def _visit_result(out: Path, visit: str) -> dict[str, Any]:
    measures = read_measures(out / measures_file(session_stem(SUBJECT, visit)))
    regions = sorted({m.LOC for m in measures if m.LOC and m.PARAMCD.startswith("T2L")})
    by_region = {
        region: {m.PARAMCD: m.value for m in measures if region == m.LOC} for region in regions
    }
    qc = _qc(out, session_stem(SUBJECT, visit))
    return {**_values(measures), "by_region": by_region, "qc": qc}


def _qc(out: Path, stem: str) -> dict[str, Any]:
    return dict(values_by_name(read_qc(out / qc_file(stem))))


def _values(measures: list[Measure]) -> dict[str, float | None]:
    return {
        m.PARAMCD: m.value
        for m in measures
        if not m.LOC and m.PARAMCD.startswith(_LESION_ENDPOINTS)
    }


def _write_mask(out: Path, visit: str, flair: Path, path: Path) -> None:
    save_on_grid_of(flair, SessionFiles(out, SUBJECT, visit).image("label-lesion_mask"), path)


def _write_change(out: Path, flair: Path, path: Path) -> None:
    """Bring the change from the halfway space to the grid of the earlier FLAIR."""
    stem = out / pair_stem(SUBJECT, BASE, FOLLOW)
    change, to_t1w = (
        stem.with_name(f"{stem.name}_{name}")
        for name in (
            "space-halfway_desc-lesionchange_dseg.nii.gz",
            f"from-halfway_to-{BASE}_mode-image_xfm.json",
        )
    )
    files = SessionFiles(out, SUBJECT, BASE)
    to_halfway = np.linalg.inv(read_world_matrix(to_t1w)) @ files.flair_to_t1w
    grid = files.image("label-lesion_mask")
    labels = resample(read_derivative(change), grid, to_halfway, order=0)
    save_on_grid_of(flair, grid.like(labels.astype(np.uint8)), path)
