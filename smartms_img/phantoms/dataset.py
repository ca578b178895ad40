"""The synthetic trial: a BIDS dataset of patients whose truth is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from smartms_img.io.atomic import write_json, write_text
from smartms_img.io.nifti import save_image
from smartms_img.io.processes import process_pool
from smartms_img.naming import Contrast, Eye, OctScanKind
from smartms_img.phantoms.brain import BrainPatient
from smartms_img.phantoms.lesions import LesionFate
from smartms_img.phantoms.oct import macula_phantom, ring_phantom, write_oct_phantom
from smartms_img.volume import Volume

VISITS: tuple[tuple[str, int], ...] = (("M00", 0), ("M06", 183))
QUICK_MM, FULL_MM = 2.0, 1.0


@dataclass(frozen=True)
class TrueValue:
    """One true value, keyed as a row of the endpoints table.

    ``visit`` is a session label; ``LOC`` and ``LAT`` are empty where they do not apply.
    """

    subject: str
    visit: str
    PARAMCD: str
    value: float
    unit: str
    LOC: str = ""
    LAT: str = ""


@dataclass(frozen=True)
class EyeRecipe:
    """Mean RNFL on the ring and mean GCIPL in the 6 mm disc at each visit, in um."""

    rnfl_um: tuple[float, float]
    gcipl_um: tuple[float, float]


@dataclass(frozen=True)
class PatientRecipe:
    """What one patient is made from."""

    subject: str
    seed: int
    tissue_change_percent: float
    fates: Mapping[LesionFate, int]
    eyes: Mapping[Eye, EyeRecipe]


RECIPES: tuple[PatientRecipe, ...] = (
    PatientRecipe(
        subject="01",
        seed=101,
        tissue_change_percent=-0.6,
        fates={
            LesionFate.STABLE: 9,
            LesionFate.NEW: 2,
            LesionFate.ENLARGING: 1,
            LesionFate.SHRINKING: 1,
        },
        eyes={
            Eye.OD: EyeRecipe(rnfl_um=(94.0, 91.5), gcipl_um=(70.0, 68.5)),
            Eye.OS: EyeRecipe(rnfl_um=(92.0, 91.0), gcipl_um=(69.0, 68.0)),
        },
    ),
    PatientRecipe(
        subject="02",
        seed=202,
        tissue_change_percent=-1.2,
        fates={
            LesionFate.STABLE: 12,
            LesionFate.NEW: 3,
            LesionFate.ENLARGING: 2,
            LesionFate.SHRINKING: 1,
            LesionFate.RESOLVED: 1,
        },
        eyes={
            Eye.OD: EyeRecipe(rnfl_um=(86.0, 83.0), gcipl_um=(64.0, 62.0)),
            Eye.OS: EyeRecipe(rnfl_um=(88.0, 86.5), gcipl_um=(65.0, 64.0)),
        },
    ),
)


def write_dataset(bids: Path, *, full: bool = False) -> list[TrueValue]:
    """Write the synthetic trial and return its truth.

    Parameters
    ----------
    bids : Path
        Folder of the dataset; made if needed. Truth is not written below it.
    full : bool
        MRI of 1 mm instead of 2 mm voxels.
    """
    _write_tables(bids)
    spacing_mm = FULL_MM if full else QUICK_MM
    count = len(RECIPES)
    # A patient takes some 20 s on one core, so they are made side by side.
    with process_pool(count) as pool:
        truths = pool.map(write_patient, [bids] * count, RECIPES, [spacing_mm] * count)
        return [value for truth in truths for value in truth]


def write_patient(bids: Path, recipe: PatientRecipe, spacing_mm: float) -> list[TrueValue]:
    """Write all scans of one patient and return the truth.

    Parameters
    ----------
    bids : Path
        Folder of the dataset.
    recipe : PatientRecipe
        What to make.
    spacing_mm : float
        Edge of the MRI's cubic voxels.
    """
    patient = BrainPatient(recipe.seed, recipe.tissue_change_percent, recipe.fates)
    for number, (session, _) in enumerate(VISITS):
        folder = _session_folder(bids, recipe.subject, session)
        stem = f"sub-{recipe.subject}_ses-{session}"
        write_mri(folder, stem, patient.scan(number, spacing_mm))
        _write_eyes(folder / "oct", stem, recipe, number)
    return [*_brain_truth(recipe.subject, patient), *_eye_truth(recipe)]


def write_mri(session: Path, stem: str, scans: Mapping[Contrast, Volume]) -> None:
    """Write the MRI scans of a visit, with sidecars, into the folder of its session."""
    for contrast, scan in scans.items():
        _write_scan(session / "anat" / f"{stem}_{contrast}", contrast, scan)


def write_truth(path: Path, truth: list[TrueValue]) -> None:
    """Write true values as JSON."""
    write_json(path, [asdict(value) for value in truth])


def _session_folder(bids: Path, subject: str, session: str) -> Path:
    return bids / f"sub-{subject}" / f"ses-{session}"


def _write_tables(bids: Path) -> None:
    description = {
        "Name": "smartms demo: synthetic patients with known truth",
        "BIDSVersion": "1.10.0",
        "DatasetType": "raw",
        "License": "CC0",
    }
    write_json(bids / "dataset_description.json", description)
    write_text(bids / ".bidsignore", "**/oct\n")
    write_text(bids / "README", "Synthetic patients made by 'smartms demo'. Nobody was scanned.\n")
    subjects = [f"sub-{recipe.subject}" for recipe in RECIPES]
    rows = "".join(f"{subject}\tnone\n" for subject in subjects)
    write_text(bids / "participants.tsv", f"participant_id\toptic_neuritis\n{rows}")
    days = "".join(f"ses-{session}\t{day}\n" for session, day in VISITS)
    for subject in subjects:
        write_text(bids / subject / f"{subject}_sessions.tsv", f"session_id\tday\n{days}")


def _write_scan(stem: Path, contrast: Contrast, scan: Volume) -> None:
    save_image(scan, stem.with_name(f"{stem.name}.nii.gz"), dtype=np.int16)
    sidecar: dict[str, Any] = {
        "Modality": "MR",
        "MagneticFieldStrength": 3,
        "Manufacturer": "smartms phantom",
        "ManufacturersModelName": "synthetic",
        "SeriesDescription": f"synthetic {contrast}",
    }
    write_json(stem.with_name(f"{stem.name}.json"), sidecar)


def _brain_truth(subject: str, patient: BrainPatient) -> list[TrueValue]:
    truth = patient.truth
    first, follow = (session for session, _ in VISITS)
    change = {
        "PBVC": (truth.pbvc, "%"),
        "PVENTVC": (truth.pventvc, "%"),
        "PTHALVC": (truth.pthalvc, "%"),
        "NEWLN": (truth.fates["new"], "count"),
        "NEWLV": (truth.new_ml, "mL"),
        "ENLLN": (truth.fates["enlarging"], "count"),
        "SHRLN": (truth.fates["shrinking"], "count"),
        "RESLN": (truth.fates["resolved"], "count"),
    }
    values = [TrueValue(subject, follow, code, *pair) for code, pair in change.items()]
    for number, session in enumerate((first, follow)):
        values.append(TrueValue(subject, session, "T2LN", truth.lesions_count[number], "count"))
        values.append(TrueValue(subject, session, "T2LV", truth.lesion_ml[number], "mL"))
        values.append(TrueValue(subject, session, "BPV", truth.tissue_ml[number], "mL"))
        values.append(TrueValue(subject, session, "GMV", truth.grey_ml[number], "mL"))
        values.append(TrueValue(subject, session, "WMV", truth.white_ml[number], "mL"))
    return values


def _write_eyes(folder: Path, stem: str, recipe: PatientRecipe, visit: int) -> None:
    """Write ring and macula of both eyes; at follow-up they lie a little differently."""
    for number, (eye, thickness) in enumerate(recipe.eyes.items()):
        seed = recipe.seed + 10 * visit + number
        ring = ring_phantom(
            rnfl_um=thickness.rnfl_um[visit],
            laterality=eye,
            seed=seed,
            rotation_deg=1.5 * visit,
        )
        macula = macula_phantom(
            gcipl_um=thickness.gcipl_um[visit],
            laterality=eye,
            fovea_mm=(0.1 - 0.12 * visit, -0.05 + 0.08 * visit),
            seed=seed,
        )
        for scan, phantom in ((OctScanKind.RING, ring), (OctScanKind.MACULA, macula)):
            write_oct_phantom(folder, f"{stem}_eye-{eye}_acq-{scan}", phantom)


def _eye_truth(recipe: PatientRecipe) -> list[TrueValue]:
    values = []
    for visit, (session, _) in enumerate(VISITS):
        for eye, thickness in recipe.eyes.items():
            lat = eye.value
            rnfl, gcipl = thickness.rnfl_um[visit], thickness.gcipl_um[visit]
            values.append(TrueValue(recipe.subject, session, "RNFL", rnfl, "um", "G", lat))
            values.append(TrueValue(recipe.subject, session, "GCIPL", gcipl, "um", "M6", lat))
    return values
