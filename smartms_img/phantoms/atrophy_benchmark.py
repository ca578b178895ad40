"""The dataset of the atrophy benchmark: rescans, pseudo-rescans, injected change, scaled heads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from smartms_img.config import StudyConfig
from smartms_img.io.manual_labels import read_manual_regions
from smartms_img.io.nifti import load_image
from smartms_img.naming import Contrast
from smartms_img.phantoms.atrophy_expected import CODES, Expected, ManualVolume
from smartms_img.phantoms.benchmark_dataset import (
    BASE,
    benchmark_study,
    denoised,
    refuse_coarse,
    visit_label,
    write_days,
    write_scan,
)
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
from smartms_img.volume import Volume


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
_SHRUNK = "V04"
# For inversion and transitivity, besides every follow-up against the base.
EXTRA_PAIRS = (("V01", BASE), (_SHRUNK, BASE), ("V01", _SHRUNK), ("V01", "V02"))
STILL_VISITS = 6


def atrophy_study(base: StudyConfig) -> StudyConfig:
    """Return the study of this benchmark, with the method of ``base``."""
    return benchmark_study(base, len(INJECTED) + 1, EXTRA_PAIRS)


def write_rescans(bids: Path, scans: Path, pairs: Sequence[tuple[str, str]]) -> list[Expected]:
    """Lay real scan-rescan pairs into a dataset; the true change is taken to be none."""
    expected = []
    for first, second in pairs:
        subject = f"r{first}"
        for visit, name in enumerate((first, second)):
            scan = load_image(_scan(scans, name))
            write_scan(bids, subject, visit, scan)
        write_days(bids, subject, 2)
        for reference, follow in ((BASE, "V01"), ("V01", BASE)):
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
                ManualVolume(f"r{pair[0]}", visit_label(visit), code, float(mask.sum()) * voxel_ml)
                for code, mask in Anatomy(**regions).by_volume().items()
            ]
    return found


def write_injected(bids: Path, scans: Path, names: Sequence[str]) -> list[Expected]:
    """Make follow-ups with known change of every named scan."""
    expected = []
    for name in names:
        scan = load_image(_scan(scans, name))
        refuse_coarse(scan, _scan(scans, name))
        labels = scans / f"{name}_labels.nii.gz"
        regions = read_manual_regions(labels, scans / "labels.csv", scan.shape)
        anatomy, image = Anatomy(**regions), denoised(scan)
        subject = f"i{name}"
        truth: dict[str, dict[str, float]] = {}
        for visit, change in enumerate((Change(), *INJECTED)):
            rng = np.random.default_rng([int.from_bytes(name.encode(), "big"), visit])
            field = None
            if change.kind is not None:
                field = growth_field(change.kind, anatomy, change.percent, rng)
            settings = Acquisition(degrees=rng.uniform(0.5, 2.5))
            write_scan(bids, subject, visit, acquire(image, field, rng, settings))
            truth[visit_label(visit)] = true_changes(field, anatomy)
        write_days(bids, subject, len(truth))
        expected += _injected_pairs(subject, truth)
    return expected


def write_stills(bids: Path, scans: Path, names: Sequence[str]) -> list[Expected]:
    """Make pseudo-rescans of every named scan: moved, with new noise, bias field and gain."""
    expected = []
    for name in names:
        scan = load_image(_scan(scans, name))
        refuse_coarse(scan, _scan(scans, name))
        image, subject = denoised(scan), f"s{name}"
        for visit in range(STILL_VISITS):
            rng = np.random.default_rng([int.from_bytes(name.encode(), "big"), 100 + visit])
            settings = Acquisition(degrees=rng.uniform(0.5, 2.5))
            write_scan(bids, subject, visit, acquire(image, None, rng, settings))
        write_days(bids, subject, STILL_VISITS)
        visits = [visit_label(visit) for visit in range(STILL_VISITS)]
        pairs = [(BASE, visit) for visit in visits[1:]]
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
        write_scan(bids, subject, 0, base)
        true = {
            "PBVC": patient.truth.pbvc,
            "PTHALVC": patient.truth.pthalvc,
            "PVENTVC": patient.truth.pventvc,
        }
        for visit, scales in enumerate(DRIFTS, start=1):
            scaled = Volume(later.data, np.diag([*scales, 1.0]) @ later.affine)
            write_scan(bids, subject, visit, scaled)
            label = "scale " + " ".join(f"{100 * (s - 1):+.1f}%" for s in scales)
            expected.append(Expected(subject, BASE, visit_label(visit), "drift", label, true))
        write_days(bids, subject, len(DRIFTS) + 1)
    return expected


def _injected_pairs(subject: str, truth: dict[str, dict[str, float]]) -> list[Expected]:
    """Return every follow-up against the base, and the pairs for inversion and transitivity."""
    pairs = [(BASE, visit) for visit in truth if visit != BASE]
    pairs += EXTRA_PAIRS
    labels = {"V00": "base"} | {
        visit_label(number): f"{change.kind} {change.percent:g}" if change.kind else "none"
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


def _scan(scans: Path, name: str) -> Path:
    return scans / f"{name}_T1w.nii.gz"
