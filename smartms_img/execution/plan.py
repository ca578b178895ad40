"""What should exist: one unit a visit, pair, OCT scan and subject, runnable or not, and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from smartms_img.config import StudyConfig
from smartms_img.execution.units import Unit
from smartms_img.io.bids import DatasetIndex, ImageFile, layers_from_elsewhere
from smartms_img.io.layout import eye_stem
from smartms_img.naming import (
    Contrast,
    Eye,
    OctScanKind,
    UnitKind,
    eye_unit,
    pair_unit,
    session_unit,
    subject_unit,
)

# What the pipeline of a visit reads; other contrasts are left alone. Only lesions need a FLAIR.
SESSION_CONTRASTS = (Contrast.T1W, Contrast.FLAIR)


@dataclass
class _Visit:
    """The images of one session folder."""

    mri: dict[Contrast, ImageFile] = field(default_factory=dict)
    oct: dict[tuple[Eye, OctScanKind], ImageFile] = field(default_factory=dict)
    problems: list[ImageFile] = field(default_factory=list)
    lesion_masks: tuple[str, ...] = ()


def build_plan(index: DatasetIndex, config: StudyConfig, subjects: Iterable[str]) -> list[Unit]:
    """Lay out every planned unit; a unit comes after those it depends on.

    Parameters
    ----------
    index : DatasetIndex
        What the dataset has.
    config : StudyConfig
        What the study plans.
    subjects : iterable of str
        Labels of all participants, also of those without any image.

    Returns
    -------
    list of Unit
        By subject; within a subject visits, pairs, OCT scans, the subject.
    """
    visits = {
        (subject, session): _Visit()
        for subject, sessions in index.sessions.items()
        for session in sessions
    }
    for file in index.files:
        _place(visits[file.subject, file.session], file)
    for place, masks in index.lesion_masks.items():
        visits[place].lesion_masks = masks
    units: list[Unit] = []
    for subject in subjects:
        own = {session: visit for (name, session), visit in visits.items() if name == subject}
        units += _SubjectPlan(subject, own, config, index.layer_files).units()
    return units


def _place(visit: _Visit, file: ImageFile) -> None:
    if file.problem:
        visit.problems.append(file)
    elif file.contrast:
        visit.mri[file.contrast] = file
    elif file.eye and file.scan:
        visit.oct[file.eye, file.scan] = file


class _SubjectPlan:
    """The plan of one subject."""

    def __init__(
        self,
        subject: str,
        visits: dict[str, _Visit],
        config: StudyConfig,
        layer_files: frozenset[str],
    ) -> None:
        self._subject, self._visits, self._config = subject, visits, config
        self._layer_files = layer_files

    def units(self) -> list[Unit]:
        planned = [visit.label for visit in self._config.visits]
        sessions = {label: self._session(label) for label in planned}
        pairs = [
            self._pair(sessions[pair.reference], sessions[pair.follow])
            for pair in self._config.pairs
        ]
        eyes = self._eyes(planned)
        rows = [*sessions.values(), *pairs, *eyes, self._whole(eyes)]
        for label in sorted(self._visits.keys() - set(planned)):
            rows += self._unplanned(label)
        return rows

    def _session(self, label: str) -> Unit:
        visit = self._visits.get(label)
        if visit is None:
            reason, inputs, runnable = f"no session {label}", [], False
        else:
            reasons = [
                _why_absent(str(contrast), visit, [contrast, None])
                for contrast in SESSION_CONTRASTS
                if contrast not in visit.mri
            ]
            present = [contrast for contrast in SESSION_CONTRASTS if contrast in visit.mri]
            masks = self._config.mri.lesions.masks
            if masks and Contrast.FLAIR in present and len(visit.lesion_masks) != 1:
                # Without its lesions a FLAIR says nothing; ours must not stand in for theirs.
                present.remove(Contrast.FLAIR)
                many = len(visit.lesion_masks)
                reasons.append(f"{many or 'no'} lesion mask{'s' * (many > 1)} of {masks}")
            inputs = [visit.mri[contrast].path for contrast in present]
            if Contrast.FLAIR in present:
                inputs += visit.lesion_masks
            reason = "; ".join(reasons)
            runnable = Contrast.T1W in visit.mri
        unit_id = session_unit(self._subject, label)
        return self._unit(unit_id, UnitKind.SESSION, label, reason, inputs, runnable=runnable)

    def _pair(self, reference: Unit, follow: Unit) -> Unit:
        visits = (reference, follow)
        runnable = all(unit.status == "runnable" for unit in visits)
        reason = "; ".join(
            unit.reason
            if unit.reason.startswith("no session")
            else f"{unit.session}: {unit.reason}"
            for unit in visits
            if unit.reason and (runnable or unit.status != "runnable")
        )
        return self._unit(
            pair_unit(self._subject, reference.session, follow.session),
            UnitKind.PAIR,
            follow.session,
            reason,
            [*reference.inputs, *follow.inputs] if runnable else [],
            reference=reference.session,
            depends=(reference.id, follow.id),
            runnable=runnable,
        )

    def _eyes(self, planned: list[str]) -> list[Unit]:
        baseline = self._config.baseline
        at_baseline: dict[tuple[Eye, OctScanKind], Unit] = {}
        for eye in self._config.oct.eyes:
            for scan in self._config.oct.scans:
                at_baseline[eye, scan] = self._eye(baseline, eye, scan, None)
        rows = []
        for label in planned:
            for (eye, scan), first in at_baseline.items():
                rows.append(first if label == baseline else self._eye(label, eye, scan, first))
        # A follow-up comes after the baseline even where the baseline is not the first visit.
        return sorted(rows, key=lambda unit: unit.session != baseline)

    def _eye(self, label: str, eye: Eye, scan: OctScanKind, first: Unit | None) -> Unit:
        visit = self._visits.get(label)
        file = visit.oct.get((eye, scan)) if visit else None
        reason, reference = "", ""
        depends: tuple[str, ...] = ()
        if visit is None:
            reason = f"no session {label}"
        elif file is None:
            reason = _why_absent(f"{scan} scan of {eye}", visit, [], (eye, scan))
        inputs = [file.path] if file else []
        if file and (layers := self._config.oct.layers):
            # Ours must not stand in for theirs.
            theirs = layers_from_elsewhere(layers, eye_stem(self._subject, label, eye, scan))
            if theirs not in self._layer_files:
                reason = f"no layers of {layers}"
            inputs.append(theirs)
        runnable = not reason
        if runnable and first is not None:
            if first.status == "runnable":
                reference, depends = first.session, (first.id,)
            else:
                reason = "no baseline scan to align with"
        return self._unit(
            eye_unit(self._subject, label, eye, scan),
            UnitKind.EYE,
            label,
            reason,
            inputs if runnable else [],
            reference=reference,
            depends=depends,
            eye=eye,
            scan=scan,
            runnable=runnable,
        )

    def _whole(self, eyes: list[Unit]) -> Unit:
        ready = [unit for unit in eyes if unit.status == "runnable"]
        return self._unit(
            subject_unit(self._subject),
            UnitKind.SUBJECT,
            "",
            "" if ready else "no OCT scan",
            [path for unit in ready for path in unit.inputs],
            depends=tuple(unit.id for unit in ready),
        )

    def _unplanned(self, label: str) -> list[Unit]:
        visit, reason = self._visits[label], f"visit {label} is not planned"
        rows = []
        if visit.mri or not visit.oct:
            files = [file.path for file in visit.mri.values()]
            unit_id = session_unit(self._subject, label)
            rows.append(self._unit(unit_id, UnitKind.SESSION, label, reason, files, excluded=True))
        for (eye, scan), file in visit.oct.items():
            rows.append(
                self._unit(
                    eye_unit(self._subject, label, eye, scan),
                    UnitKind.EYE,
                    label,
                    reason,
                    [file.path],
                    eye=eye,
                    scan=scan,
                    excluded=True,
                )
            )
        return rows

    def _unit(  # noqa: PLR0913 - one argument a column of the plan
        self,
        unit_id: str,
        kind: UnitKind,
        session: str,
        reason: str,
        inputs: list[str],
        *,
        reference: str = "",
        depends: tuple[str, ...] = (),
        eye: Eye | None = None,
        scan: OctScanKind | None = None,
        runnable: bool | None = None,
        excluded: bool = False,
    ) -> Unit:
        runs = not reason if runnable is None else runnable
        return Unit(
            id=unit_id,
            kind=kind,
            subject=self._subject,
            session=session,
            reference=reference,
            eye=eye,
            scan=scan,
            status="excluded" if excluded else "runnable" if runs else "blocked",
            reason=reason,
            inputs=tuple(sorted(inputs)),
            depends=depends,
        )


def _why_absent(
    what: str,
    visit: _Visit,
    contrasts: list[Contrast | None],
    oct_scan: tuple[Eye, OctScanKind] | None = None,
) -> str:
    """Name what is missing, and the files that might have been it."""
    suspects = [
        f"{Path(file.path).name} {file.problem}"
        for file in visit.problems
        if (_may_be_scan(file, oct_scan) if oct_scan else _may_be_mri(file, contrasts))
    ]
    return f"no {what}" + (f" ({', '.join(suspects)})" if suspects else "")


def _may_be_mri(file: ImageFile, contrasts: list[Contrast | None]) -> bool:
    return "/anat/" in file.path and file.contrast in contrasts


def _may_be_scan(file: ImageFile, oct_scan: tuple[Eye, OctScanKind]) -> bool:
    eye, scan = oct_scan
    return "/oct/" in file.path and file.eye in {eye, None} and file.scan in {scan, None}
