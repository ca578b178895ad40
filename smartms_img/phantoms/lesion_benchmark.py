"""The dataset of the lesion benchmark: real scans, stable follow-ups, injected lesions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smartms_img.config import StudyConfig
from smartms_img.errors import InputError
from smartms_img.io.atomic import write_text
from smartms_img.io.nifti import load_image, load_mask, save_image
from smartms_img.naming import Contrast
from smartms_img.phantoms.benchmark_dataset import (
    BASE,
    benchmark_study,
    denoised,
    refuse_coarse,
    visit_label,
    write_days,
    write_description,
    write_scan,
)
from smartms_img.phantoms.injection import Acquisition, acquire
from smartms_img.phantoms.lesion_injection import (
    inject,
    own_contrast,
    place_in_white_matter,
    white_matter,
)
from smartms_img.phantoms.lesions import Lesion, LesionFate
from smartms_img.volume import Volume

STABLE_VISITS = 5
INJECTED_PAIRS = 2
TRUTH_FILE = "truth.json"
MASK_FILE = "lesions.nii.gz"
Mask = NDArray[np.bool_]
_SCANS = (Contrast.T1W, Contrast.FLAIR)


@dataclass(frozen=True)
class Injected:
    """A lesion of a follow-up; centre in voxel indices of the base T1w, axes in mm."""

    centre: tuple[float, float, float]
    semi_axes_mm: tuple[float, float, float]
    fate: LesionFate

    @property
    def lesion(self) -> Lesion:
        """The lesion as it was put in."""
        return Lesion(self.centre, self.semi_axes_mm, self.fate, False, False)

    @property
    def diameter_mm(self) -> float:
        """Of a sphere of the same volume, at the visit where it is largest."""
        return 2.0 * float(np.prod(self.semi_axes_mm)) ** (1 / 3)


@dataclass(frozen=True)
class Follow:
    """A follow-up of a case: ``group`` is 'stable' or 'injected'."""

    subject: str
    visit: str
    group: str
    lesions: tuple[Injected, ...]


def lesion_study(base: StudyConfig) -> StudyConfig:
    """Return the study of this benchmark, with the method of ``base``."""
    return benchmark_study(base, 1 + STABLE_VISITS)


def write_cases(
    bids: Path, cases: Path, names: Sequence[str], *, stable: bool, injected: bool
) -> None:
    """Lay cases into a dataset, with the follow-ups that are asked for.

    Parameters
    ----------
    bids : Path
        Folder to write.
    cases : Path
        Folder of NAME/T1w.nii.gz, FLAIR.nii.gz and lesions.nii.gz on one grid; skull-stripped
        and of 1 mm voxels where follow-ups are wanted.
    names : sequence of str
        Cases.
    stable, injected : bool
        Follow-ups to make.

    Raises
    ------
    InputError
        If a scan cannot be read, or has no voxels of 1 mm where follow-ups are wanted.
    """
    made: list[Follow] = []
    for name in names:
        scans = {contrast: load_image(cases / name / f"{contrast}.nii.gz") for contrast in _SCANS}
        lesions = load_mask(cases / name / MASK_FILE)
        _refuse_odd(name, scans, lesions, injected=injected)
        for contrast, scan in scans.items():
            write_scan(bids, name, 0, scan, contrast)
        _write_mask(bids, name, lesions)
        write_days(bids, name, 1)
        if stable or injected:
            for contrast, scan in scans.items():
                refuse_coarse(scan, cases / name / f"{contrast}.nii.gz")
            clean = {contrast: denoised(scan) for contrast, scan in scans.items()}
            made += _write_stable(bids, name, clean) if stable else []
            made += _write_injected(bids, name, clean, lesions.data > 0.5) if injected else []
    truth = [
        {
            "subject": item.subject,
            "visit": item.visit,
            "group": item.group,
            "lesions": [[list(x.centre), list(x.semi_axes_mm), x.fate] for x in item.lesions],
        }
        for item in made
    ]
    wanted = {"cases": list(names), "stable": stable, "injected": injected}
    write_text(bids / TRUTH_FILE, json.dumps({"wanted": wanted, "follow": truth}) + "\n")
    subjects = {*names, *(item.subject for item in made)}
    write_description(bids, "lesion", sorted(subjects), (TRUTH_FILE, "**/oct"))


def read_truth(bids: Path) -> tuple[list[str], list[Follow]]:
    """Read the names of the cases, and what :func:`write_cases` has put into follow-ups."""
    content = _read(bids)
    return content["wanted"]["cases"], [
        Follow(
            item["subject"],
            item["visit"],
            item["group"],
            tuple(Injected(tuple(c), tuple(a), LesionFate(f)) for c, a, f in item["lesions"]),
        )
        for item in content["follow"]
    ]


def read_wanted(bids: Path) -> dict[str, Any]:
    """Read which cases and follow-ups :func:`write_cases` was asked for."""
    wanted: dict[str, Any] = _read(bids)["wanted"]
    return wanted


def _read(bids: Path) -> dict[str, Any]:
    remedy = "Start the benchmark in another folder"
    try:
        content: Any = json.loads((bids / TRUTH_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError("is missing or damaged", remedy, file=TRUTH_FILE) from error
    if not isinstance(content, dict) or not {"wanted", "follow"} <= content.keys():
        raise InputError("is of another benchmark", remedy, file=TRUTH_FILE)
    return content


def manual_mask_file(bids: Path, name: str) -> Path:
    """Return where the lesion mask of a case lies."""
    stem = f"sub-{name}_ses-{BASE}"
    folder = bids / f"derivatives/manual/sub-{name}/ses-{BASE}/anat"
    return folder / f"{stem}_label-lesion_mask.nii.gz"


def _refuse_odd(
    name: str, scans: Mapping[Contrast, Volume], lesions: Volume, *, injected: bool
) -> None:
    t1w, flair = scans[Contrast.T1W], scans[Contrast.FLAIR]
    for file, image in ((f"{Contrast.FLAIR}.nii.gz", flair), (MASK_FILE, lesions)):
        if image.shape != t1w.shape or not np.allclose(image.affine, t1w.affine, atol=0.01):
            problem, remedy = "lies on another grid than the T1w", "Resample it"
            raise InputError(problem, remedy, file=f"{name}/{file}")
    if injected and not (lesions.data > 0.5).any():
        problem, remedy = "holds no lesion whose contrast could be injected", "Leave the case out"
        raise InputError(problem, remedy, file=f"{name}/{MASK_FILE}")


def _write_mask(bids: Path, name: str, lesions: Volume) -> None:
    path = manual_mask_file(bids, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_image(lesions.like((lesions.data > 0.5).astype(np.uint8)), path)


def _write_stable(bids: Path, name: str, clean: Mapping[Contrast, Volume]) -> list[Follow]:
    """Make visits that differ in nothing: the scan itself is sharper than what is made of it."""
    subject = f"{name}still"
    for visit in range(1 + STABLE_VISITS):
        rng = _source(name, visit)
        for contrast, scan in clean.items():
            settings = Acquisition(degrees=rng.uniform(0.5, 2.5))
            write_scan(bids, subject, visit, acquire(scan, None, rng, settings), contrast)
    write_days(bids, subject, 1 + STABLE_VISITS)
    return [Follow(subject, visit_label(n), "stable", ()) for n in range(1, 1 + STABLE_VISITS)]


def _write_injected(
    bids: Path, name: str, clean: Mapping[Contrast, Volume], lesions: Mask
) -> list[Follow]:
    """Make pairs whose base is the scan where it lies, and whose follow-up has moved."""
    t1w, flair = clean[Contrast.T1W].data, clean[Contrast.FLAIR].data
    white = white_matter(t1w)
    own = own_contrast(flair, t1w, lesions, white)
    ratios = {Contrast.T1W: own.t1w, Contrast.FLAIR: own.flair}
    made = []
    for number in range(1, 1 + INJECTED_PAIRS):
        rng, subject = _source(name, 100 + number), f"{name}inj{number}"
        put = place_in_white_matter(white & ~lesions, lesions, rng)
        for contrast, scan in clean.items():
            still = Acquisition(degrees=0.0, shift_mm=0.0)
            moved = Acquisition(degrees=rng.uniform(0.5, 2.5))
            for visit, settings in enumerate((still, moved)):
                image = scan.like(inject(scan.data, white, put, visit, ratios[contrast]))
                write_scan(bids, subject, visit, acquire(image, None, rng, settings), contrast)
        write_days(bids, subject, 2)
        injected = tuple(Injected(x.centre_mm, x.semi_axes_mm, x.fate) for x in put)
        made.append(Follow(subject, visit_label(1), "injected", injected))
    return made


def _source(name: str, number: int) -> np.random.Generator:
    return np.random.default_rng([int.from_bytes(name.encode(), "big"), number])
