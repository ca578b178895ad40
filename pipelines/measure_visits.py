"""Run the workflows of a study on one or two visits without a dataset."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pipelines.pair import init_pair_wf
from pipelines.session import init_session_wf
from smartms_img.config import StudyConfig
from smartms_img.errors import InputError
from smartms_img.execution.nipype_run import run_workflow
from smartms_img.execution.units import Unit, UnitContext
from smartms_img.io.bids import MRI_EXTENSIONS
from smartms_img.io.nifti import validate_image
from smartms_img.naming import Contrast, UnitKind, pair_unit, session_unit

SUBJECT, BASE, FOLLOW = "pair", "BASE", "FOLLOW"
Scans = Mapping[Contrast, Path]


def measure_visits(
    base: Scans, follow: Scans | None, out: Path, config: StudyConfig, work: Path
) -> None:
    """Run the session workflows, and with a follow-up the pair workflow.

    Parameters
    ----------
    base, follow : mapping of Contrast to Path
        Scans of the visits ``BASE`` and ``FOLLOW`` of a subject ``pair``.
    out : Path
        Folder for the derivatives, made if absent.
    config : StudyConfig
        Method and thresholds.
    work : Path
        Scratch folder, empty.

    Raises
    ------
    InputError
        If a scan cannot be read.
    UnitError
        If a visit or the pair cannot be measured.
    """
    visits = {BASE: base} | ({FOLLOW: follow} if follow else {})
    names = {BASE: "earlier" if follow else "", FOLLOW: "later"}
    for label, scans in visits.items():
        for contrast, scan in scans.items():
            _check(scan, f"{names[label]} {contrast}".strip())
    units = [
        _unit(session_unit(SUBJECT, label), UnitKind.SESSION, label, _place(scans, label, work))
        for label, scans in visits.items()
    ]
    if follow:
        units.append(_pair(units))
    for unit in units:
        scratch = work / unit.id
        scratch.mkdir(parents=True, exist_ok=True)
        context = UnitContext(work, out, out, scratch, config)
        make = init_pair_wf if unit.kind is UnitKind.PAIR else init_session_wf
        run_workflow(make(unit, context), scratch)


def _check(scan: Path, item: str) -> None:
    if not scan.name.lower().endswith(MRI_EXTENSIONS):
        problem = "has no name of a NIfTI image"
        raise InputError(problem, "Give a .nii or .nii.gz", item=item, file=scan.name)
    validate_image(scan, item=item)


def _place(scans: Scans, label: str, work: Path) -> tuple[str, ...]:
    """Give the scans of a visit the names that the workflows know them by."""
    work.mkdir(parents=True, exist_ok=True)
    names = []
    for contrast, scan in scans.items():
        extension = ".nii.gz" if scan.name.lower().endswith(".gz") else ".nii"
        name = f"sub-{SUBJECT}_ses-{label}_{contrast}{extension}"
        (work / name).symlink_to(scan.resolve())
        names.append(name)
    return tuple(sorted(names))


def _pair(sessions: list[Unit]) -> Unit:
    return _unit(
        pair_unit(SUBJECT, BASE, FOLLOW),
        UnitKind.PAIR,
        FOLLOW,
        tuple(file for unit in sessions for file in unit.inputs),
        reference=BASE,
        depends=tuple(unit.id for unit in sessions),
    )


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
        reason="",
        inputs=inputs,
        depends=depends,
    )
