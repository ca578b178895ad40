"""What the benchmarks share: a study of visits V00, V01, ..., and scans laid into a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy import ndimage
from skimage.restoration import denoise_nl_means

from smartms_img.config import PairConfig, StudyConfig, VisitConfig
from smartms_img.errors import InputError
from smartms_img.io.atomic import write_text
from smartms_img.io.nifti import save_image
from smartms_img.naming import Contrast
from smartms_img.robust import robust_sd
from smartms_img.volume import Volume

BASE = "V00"
_DAYS_APART = 10
_SPACING_TOLERANCE_MM = 0.03


def visit_label(number: int) -> str:
    """Return the session label of a visit.

    >>> visit_label(3)
    'V03'
    """
    return f"V{number:02d}"


def benchmark_study(
    base: StudyConfig, visits: int, extra_pairs: Sequence[tuple[str, str]] = ()
) -> StudyConfig:
    """Return a study whose visits are those of a benchmark, with the method of ``base``."""
    planned = [
        VisitConfig(
            label=visit_label(number),
            name=visit_label(number),
            number=number,
            window_days=(_DAYS_APART * number, _DAYS_APART * number + 1),
        )
        for number in range(visits)
    ]
    pairs = [PairConfig(reference=first, follow=second) for first, second in extra_pairs]
    return StudyConfig.model_validate(
        base.model_dump()
        | {
            "study_id": "BENCH",
            "baseline": BASE,
            "visits": [item.model_dump() for item in planned],
            "extra_pairs": [item.model_dump() for item in pairs],
        }
    )


def write_scan(
    bids: Path, subject: str, visit: int, scan: Volume, contrast: Contrast = Contrast.T1W
) -> None:
    """Write a scan of a visit into a dataset."""
    label = visit_label(visit)
    folder = bids / f"sub-{subject}/ses-{label}/anat"
    folder.mkdir(parents=True, exist_ok=True)
    save_image(scan, folder / f"sub-{subject}_ses-{label}_{contrast}.nii.gz")


def write_days(bids: Path, subject: str, visits: int) -> None:
    """Write the days of a participant's visits."""
    rows = "".join(f"ses-{visit_label(n)}\t{_DAYS_APART * n}\n" for n in range(visits))
    write_text(bids / f"sub-{subject}/sub-{subject}_sessions.tsv", "session_id\tday\n" + rows)


def write_description(
    bids: Path, name: str, subjects: Sequence[str], ignored: Sequence[str]
) -> None:
    """Write what makes a folder a dataset; participants last, for without them it is not done."""
    description = f'{{"Name": "smartms {name} benchmark", "BIDSVersion": "1.10.0"}}\n'
    write_text(bids / "dataset_description.json", description)
    write_text(bids / ".bidsignore", "".join(f"{pattern}\n" for pattern in ignored))
    rows = "".join(f"sub-{subject}\n" for subject in sorted(subjects))
    write_text(bids / "participants.tsv", "participant_id\n" + rows)


def refuse_coarse(scan: Volume, path: Path) -> None:
    """Refuse voxels that are not of 1 mm.

    Raises
    ------
    InputError
        If they are not.
    """
    if not np.allclose(scan.spacing_mm, 1.0, atol=_SPACING_TOLERANCE_MM):
        problem = f"has voxels of {' x '.join(f'{mm:.2f}' for mm in scan.spacing_mm)} mm"
        raise InputError(problem, "Give a scan of 1 mm voxels", file=path.name)


def denoised(scan: Volume) -> Volume:
    """Take out the noise that a scan has: shared by both visits it would help to align them."""
    inside = ndimage.binary_erosion(scan.data > 0)
    # A voxel less the mean of its six neighbours: noise remains, and edges are the few.
    rough = ndimage.laplace(scan.data.astype(np.float32))[inside] / 6.0
    sigma = robust_sd(rough) / np.sqrt(7.0 / 6.0)
    clean = denoise_nl_means(
        scan.data, patch_size=3, patch_distance=3, h=0.8 * sigma, sigma=sigma, fast_mode=True
    )
    return scan.like((clean * (scan.data > 0)).astype(np.float32))
