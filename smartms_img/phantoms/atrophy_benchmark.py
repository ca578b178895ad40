"""The dataset of the atrophy benchmark: rescans, pseudo-rescans, injected change, scaled heads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage
from skimage.restoration import denoise_nl_means

from smartms_img.config import PairConfig, StudyConfig, VisitConfig
from smartms_img.errors import InputError
from smartms_img.io.atomic import write_text
from smartms_img.io.manual_labels import read_manual_regions
from smartms_img.io.nifti import load_image, save_image
from smartms_img.naming import Contrast
from smartms_img.phantoms.atrophy_expected import CODES, Expected, ManualVolume
from smartms_img.phantoms.brain import BrainPatient
from smartms_img.phantoms.injection import (
    Acquisition,
    Anatomy,
    Kind,
    acquire,
    growth_field,
    true_changes,
)
from smartms_img.phantoms.lesions import LesionFate
from smartms_img.robust import robust_sd
from smartms_img.volume import Volume

_DAYS_APART = 10
_SPACING_TOLERANCE_MM = 0.03


@dataclass(frozen=True)
class Change:
    """What a follow-up shows: a kind of change and its size in per cent of the brain."""

    kind: Kind | None = None
    percent: float = 0.0


# Follow-ups V01, V02, ... of every scan with labels.
INJECTED = (
    Change(),
    Change(),
    Change("whole", -0.25),
    Change("whole", -1.0),
    Change("whole", -2.0),
    Change("cortical", -0.5),
    Change("ventricular", -0.5),
    Change("thalamic", -0.5),
)
# Follow-ups of every phantom head: unchanged, scaled alike, scaled along one axis.
DRIFTS = ((1.0, 1.0, 1.0), (1.002, 1.002, 1.002), (1.0, 1.0, 1.003))
_BASE, _SHRUNK = "V00", "V04"
# For inversion and transitivity, besides every follow-up against the base.
EXTRA_PAIRS = (("V01", _BASE), (_SHRUNK, _BASE), ("V01", _SHRUNK), ("V01", "V02"))
STILL_VISITS = 6


def benchmark_study(base: StudyConfig) -> StudyConfig:
    """Return a study whose visits are those of the benchmark, with the method of ``base``."""
    visits = tuple(
        VisitConfig(
            label=f"V{number:02d}",
            name=f"V{number:02d}",
            number=number,
            window_days=(_DAYS_APART * number, _DAYS_APART * number + 1),
        )
        for number in range(len(INJECTED) + 1)
    )
    pairs = tuple(PairConfig(reference=first, follow=second) for first, second in EXTRA_PAIRS)
    changes = {"study_id": "BENCH", "visits": visits, "baseline": _BASE, "extra_pairs": pairs}
    return StudyConfig.model_validate(
        base.model_dump()
        | {
            name: [item.model_dump() for item in value] if isinstance(value, tuple) else value
            for name, value in changes.items()
        }
    )


def write_rescans(bids: Path, scans: Path, pairs: Sequence[tuple[str, str]]) -> list[Expected]:
    """Lay real scan-rescan pairs into a dataset; the true change is taken to be none."""
    expected = []
    for first, second in pairs:
        subject = f"r{first}"
        for visit, name in enumerate((first, second)):
            scan = load_image(_scan(scans, name))
            _write(bids, subject, visit, scan)
        _write_days(bids, subject, 2)
        for reference, follow in ((_BASE, "V01"), ("V01", _BASE)):
            expected.append(
                Expected(subject, reference, follow, "rescan", f"{first} {second}", {})
            )
    return expected


def manual_volumes(scans: Path, pairs: Sequence[tuple[str, str]]) -> list[ManualVolume]:
    """Return the volumes of the rescans by their manual labels, where they have such."""
    found = []
    for pair in pairs:
        for visit, name in enumerate(pair):
            labels = scans / f"{name}_labels.nii.gz"
            if not labels.is_file():
                continue
            scan = load_image(_scan(scans, name))
            regions = read_manual_regions(labels, scans / "labels.csv", scan.shape)
            voxel_ml = scan.voxel_volume_mm3 / 1000.0
            found += [
                ManualVolume(f"r{pair[0]}", f"V{visit:02d}", code, float(mask.sum()) * voxel_ml)
                for code, mask in Anatomy(**regions).by_volume().items()
            ]
    return found


def write_injected(bids: Path, scans: Path, names: Sequence[str]) -> list[Expected]:
    """Make follow-ups with known change of every named scan."""
    expected = []
    for name in names:
        scan = load_image(_scan(scans, name))
        _refuse_coarse(scan, _scan(scans, name))
        labels = scans / f"{name}_labels.nii.gz"
        regions = read_manual_regions(labels, scans / "labels.csv", scan.shape)
        anatomy, image = Anatomy(**regions), _denoised(scan)
        subject = f"i{name}"
        truth: dict[str, dict[str, float]] = {}
        for visit, change in enumerate((Change(), *INJECTED)):
            rng = np.random.default_rng([int.from_bytes(name.encode(), "big"), visit])
            field = None
            if change.kind is not None:
                field = growth_field(change.kind, anatomy, change.percent, rng)
            settings = Acquisition(degrees=rng.uniform(0.5, 2.5))
            _write(bids, subject, visit, acquire(image, field, rng, settings))
            truth[f"V{visit:02d}"] = true_changes(field, anatomy)
        _write_days(bids, subject, len(truth))
        expected += _injected_pairs(subject, truth)
    return expected


def write_stills(bids: Path, scans: Path, names: Sequence[str]) -> list[Expected]:
    """Make pseudo-rescans of every named scan: moved, with new noise, bias field and gain."""
    expected = []
    for name in names:
        scan = load_image(_scan(scans, name))
        _refuse_coarse(scan, _scan(scans, name))
        image, subject = _denoised(scan), f"s{name}"
        for visit in range(STILL_VISITS):
            rng = np.random.default_rng([int.from_bytes(name.encode(), "big"), 100 + visit])
            settings = Acquisition(degrees=rng.uniform(0.5, 2.5))
            _write(bids, subject, visit, acquire(image, None, rng, settings))
        _write_days(bids, subject, STILL_VISITS)
        visits = [f"V{visit:02d}" for visit in range(STILL_VISITS)]
        pairs = [(_BASE, visit) for visit in visits[1:]]
        pairs += [pair for pair in EXTRA_PAIRS if set(pair) <= set(visits)]
        expected += [
            Expected(subject, first, second, "still", "none", dict.fromkeys(CODES, 0.0))
            for first, second in pairs
        ]
    return expected


def write_drifts(bids: Path, seeds: Sequence[int]) -> list[Expected]:
    """Make whole heads whose scanner scales between the visits; seeds are of phantoms."""
    expected = []
    for seed in seeds:
        patient = BrainPatient(seed, -0.3, {LesionFate.STABLE: 2})
        subject = f"d{seed:03d}"
        base, later = (patient.scan(visit, 1.0)[Contrast.T1W] for visit in (0, 1))
        _write(bids, subject, 0, base)
        true = {
            "PBVC": patient.truth.pbvc,
            "PTHALVC": patient.truth.pthalvc,
            "PVENTVC": patient.truth.pventvc,
        }
        for visit, scales in enumerate(DRIFTS, start=1):
            scaled = Volume(later.data, np.diag([*scales, 1.0]) @ later.affine)
            _write(bids, subject, visit, scaled)
            label = "scale " + " ".join(f"{100 * (s - 1):+.1f}%" for s in scales)
            expected.append(Expected(subject, _BASE, f"V{visit:02d}", "drift", label, true))
        _write_days(bids, subject, len(DRIFTS) + 1)
    return expected


def _injected_pairs(subject: str, truth: dict[str, dict[str, float]]) -> list[Expected]:
    """Return every follow-up against the base, and the pairs for inversion and transitivity."""
    pairs = [(_BASE, visit) for visit in truth if visit != _BASE]
    pairs += EXTRA_PAIRS
    labels = {"V00": "base"} | {
        f"V{number:02d}": f"{change.kind} {change.percent:g}" if change.kind else "none"
        for number, change in enumerate(INJECTED, start=1)
    }
    return [
        Expected(
            subject,
            first,
            second,
            "injected",
            f"{labels[first]} to {labels[second]}",
            {
                code: 100.0 * ((1 + truth[second][code] / 100) / (1 + before / 100) - 1)
                for code, before in truth[first].items()
            },
        )
        for first, second in pairs
    ]


def _refuse_coarse(scan: Volume, path: Path) -> None:
    if not np.allclose(scan.spacing_mm, 1.0, atol=_SPACING_TOLERANCE_MM):
        problem = f"has voxels of {' x '.join(f'{mm:.2f}' for mm in scan.spacing_mm)} mm"
        raise InputError(problem, "Give a T1w of 1 mm voxels", file=path.name)


def _denoised(scan: Volume) -> Volume:
    """Take out the noise that a scan has: shared by both visits it would help to align them."""
    inside = ndimage.binary_erosion(scan.data > 0)
    # A voxel less the mean of its six neighbours: noise remains, and edges are the few.
    rough = ndimage.laplace(scan.data.astype(np.float32))[inside] / 6.0
    sigma = robust_sd(rough) / np.sqrt(7.0 / 6.0)
    clean = denoise_nl_means(
        scan.data, patch_size=3, patch_distance=3, h=0.8 * sigma, sigma=sigma, fast_mode=True
    )
    return scan.like((clean * (scan.data > 0)).astype(np.float32))


def _scan(scans: Path, name: str) -> Path:
    return scans / f"{name}_T1w.nii.gz"


def _write(bids: Path, subject: str, visit: int, scan: Volume) -> None:
    label = f"V{visit:02d}"
    folder = bids / f"sub-{subject}/ses-{label}/anat"
    folder.mkdir(parents=True, exist_ok=True)
    save_image(scan, folder / f"sub-{subject}_ses-{label}_T1w.nii.gz")


def _write_days(bids: Path, subject: str, visits: int) -> None:
    rows = "".join(f"ses-V{visit:02d}\t{_DAYS_APART * visit}\n" for visit in range(visits))
    write_text(bids / f"sub-{subject}/sub-{subject}_sessions.tsv", "session_id\tday\n" + rows)
