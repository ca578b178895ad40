"""Measure the volume change between two T1w without a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipelines.pair import init_pair_wf
from pipelines.session import init_session_wf
from smartms_img.config import StudyConfig
from smartms_img.errors import InputError
from smartms_img.execution.nipype_run import run_workflow
from smartms_img.execution.units import Unit, UnitContext
from smartms_img.interfaces.oct_checks import values_by_name
from smartms_img.io.bids import MRI_EXTENSIONS
from smartms_img.io.layout import measures_file, pair_stem, qc_file
from smartms_img.io.measures import read_measures, read_qc
from smartms_img.io.nifti import validate_image
from smartms_img.naming import Contrast, UnitKind, pair_unit, session_unit

SUBJECT, BASE, FOLLOW = "pair", "BASE", "FOLLOW"


def measure_atrophy(
    base: Path, follow: Path, out: Path, config: StudyConfig, work: Path
) -> dict[str, Any]:
    """Measure the volume change from one T1w to another, whole-head or skull-stripped.

    Both scans go through the workflows of a study, as visits ``BASE`` and ``FOLLOW`` of a subject
    ``pair`` without FLAIR.

    Parameters
    ----------
    base, follow : Path
        T1w, NIfTI.
    out : Path
        Folder for the derivatives, made if absent.
    config : StudyConfig
        Method and thresholds.
    work : Path
        Scratch folder, empty.

    Returns
    -------
    dict
        JSON-able: per cent by PARAMCD, negative for loss from ``base`` to ``follow``, and ``qc``.

    Raises
    ------
    InputError
        If a scan cannot be read.
    UnitError
        If a scan cannot be measured.
    """
    for scan, item in ((base, "earlier T1w"), (follow, "later T1w")):
        if not scan.name.lower().endswith(MRI_EXTENSIONS):
            problem = "has no name of a NIfTI image"
            raise InputError(problem, "Give a .nii or .nii.gz", item=item, file=scan.name)
        validate_image(scan, item=item)
    sessions = [
        _session(label, _place(scan, label, work))
        for label, scan in ((BASE, base), (FOLLOW, follow))
    ]
    pair = _unit(
        pair_unit(SUBJECT, BASE, FOLLOW),
        UnitKind.PAIR,
        FOLLOW,
        tuple(file for unit in sessions for file in unit.inputs),
        reference=BASE,
        depends=tuple(unit.id for unit in sessions),
    )
    for unit in (*sessions, pair):
        scratch = work / unit.id
        scratch.mkdir(parents=True, exist_ok=True)
        context = UnitContext(work, out, out, scratch, config)
        make = init_pair_wf if unit is pair else init_session_wf
        run_workflow(make(unit, context), scratch)
    stem = pair_stem(SUBJECT, BASE, FOLLOW)
    changes = {
        measure.PARAMCD: measure.value for measure in read_measures(out / measures_file(stem))
    }
    return {**changes, "qc": values_by_name(read_qc(out / qc_file(stem)))}


def _place(scan: Path, label: str, work: Path) -> str:
    """Give a scan the name that the workflows know it by."""
    extension = ".nii.gz" if scan.name.lower().endswith(".gz") else ".nii"
    name = f"sub-{SUBJECT}_ses-{label}_{Contrast.T1W}{extension}"
    work.mkdir(parents=True, exist_ok=True)
    (work / name).symlink_to(scan.resolve())
    return name


def _session(label: str, file: str) -> Unit:
    return _unit(session_unit(SUBJECT, label), UnitKind.SESSION, label, (file,))


def _unit(
    unit_id: str,
    kind: UnitKind,
    session: str,
    inputs: tuple[str, ...],
    *,
    reference: str = "",
    depends: tuple[str, ...] = (),
) -> Unit:
    return Unit(
        id=unit_id,
        kind=kind,
        subject=SUBJECT,
        session=session,
        reference=reference,
        eye=None,
        scan=None,
        status="runnable",
        reason="no FLAIR",
        inputs=inputs,
        depends=depends,
    )
