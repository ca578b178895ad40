"""An output directory of two subjects with pictures that readers can rate."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image
from said import attempt

from smartms_img.config import StudyConfig, default_study, unit_digest
from smartms_img.execution.dataset import CONFIG_FILE, config_text
from smartms_img.io.atomic import sha256
from smartms_img.io.layout import figure_stem, measures_file, qc_file
from smartms_img.io.ledger import write_attempt
from smartms_img.io.measures import Measure, check, write_measures, write_qc
from smartms_img.io.nifti import save_image
from smartms_img.io.plan_table import read_plan
from smartms_img.io.results import UnitResult, read_results
from smartms_img.naming import UnitKind
from smartms_img.volume import Volume

HEADER = "unit kind subject session reference eye scan status reason inputs depends day"
ROWS = """\
sub-A1_ses-M00_mri session A1 M00 - - - runnable - x/T1w.nii.gz - 0
sub-A1_ses-M06_mri session A1 M06 - - - runnable - y/T1w.nii.gz - 180
sub-A1_ses-M06_ref-M00_pair pair A1 M06 M00 - - runnable - x/T1w.nii.gz;y/T1w.nii.gz - -
sub-B2_ses-M00_eye-OD_acq-ring eye B2 M00 - OD ring runnable - z/OD.vol - -
"""
# Names of pictures and derivatives by kind of unit.
FILES = {
    UnitKind.SESSION: (
        ("mask.png", "tissue.png", "regions.png", "lesions.png"),
        (
            "desc-preproc_T1w.nii.gz",
            "desc-brain_mask.nii.gz",
            "dseg.nii.gz",
            "label-lesion_mask.nii.gz",
        ),
    ),
    UnitKind.PAIR: (
        (
            "flicker1.webp",
            "flicker2.webp",
            "jacobian.webp",
            "change1.webp",
            "change2.webp",
            "change3.webp",
        ),
        ("space-halfway_desc-logjacobian_map.nii.gz",),
    ),
    UnitKind.EYE: (("layers.png", "tsnit.png"), ("desc-layers.npz",)),
}
VALUES = {
    UnitKind.SESSION: (("BPV", "mL", "", ""), ("T2LV", "mL", "", "")),
    UnitKind.PAIR: (("PBVC", "%", "", ""), ("NEWLN", "count", "", "")),
    UnitKind.EYE: (("RNFL", "um", "G", "OD"),),
}


def make_output(out: Path) -> dict[str, UnitResult]:
    """Write the directory, and return what is in it: 10 elements, of 4 units."""
    config = default_study()
    out.mkdir()
    (out / CONFIG_FILE).write_text(config_text(config), encoding="utf-8")
    lines = [HEADER, *ROWS.splitlines()]
    cells = ["\t".join("" if cell == "-" else cell for cell in line.split(" ")) for line in lines]
    (out / "plan.tsv").write_text("\n".join(cells) + "\n", encoding="utf-8")
    for number, row in enumerate(read_plan(out)):
        pictures, derivatives = FILES[row.kind]
        for shade, name in enumerate(pictures):
            _picture(out / f"{figure_stem(row.stem)}_{name}", 60 * number + 20 * shade)
        for name in derivatives:
            path = out / f"{row.stem}_{name}"
            path.parent.mkdir(parents=True, exist_ok=True)
            if name.endswith(".nii.gz"):
                _volume(path, number)
            else:
                path.write_bytes(f"{row.unit} {name}".encode())
        measures = [
            Measure(
                code, 1.0, unit, "m", "1", row.session, LOC=loc, LAT=lat, reference=row.reference
            )
            for code, unit, loc, lat in VALUES[row.kind]
        ]
        write_measures(out / measures_file(row.stem), measures)
        write_qc(out / qc_file(row.stem), [check("snr", 9, at_least=5)])
        record(out, row.unit, config)
    return read_results(out, config)


def record(out: Path, unit: str, config: StudyConfig, number: int = 1) -> None:
    """Write into the ledger that a unit wrote what lies there now."""
    (row,) = (row for row in read_plan(out) if row.unit == unit)
    names = [path for path in out.rglob("*") if path.name.startswith(Path(row.stem).name)]
    own = [path for path in names if path.is_file() and _is_of(path, row.stem)]
    outputs = {path.relative_to(out).as_posix(): sha256(path) for path in own}
    made = attempt(unit, outputs, unit_digest(row.kind, config))
    write_attempt(out, replace(made, number=number))


def _is_of(path: Path, stem: str) -> bool:
    """Tell whether a file is of a visit, and not of a pair whose name goes on."""
    rest = path.name.removeprefix(Path(stem).name)
    return not rest.startswith(("_ref-", "_eye-"))


def _volume(path: Path, number: int) -> None:
    """Write a cube in the middle, and a voxel far from it, where a nose may be."""
    voxels = np.zeros((40, 24, 24), np.float32)
    voxels[4:20, 4:20, 4:20] = np.arange(1, 17, dtype=np.float32)[:, None, None]
    voxels[38, 12, 12] = 0 if "mask" in path.name else 16 + number
    save_image(Volume(voxels, np.diag([2.0, 2.0, 2.0, 1.0])), path)


def _picture(path: Path, shade: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(np.full((60, 80, 3), shade % 256, np.uint8))
    image.save(path)
    note = {"title": "t", "alt": "a", "unit": "u", "order": 0}
    path.with_suffix(".json").write_text(json.dumps(note), encoding="utf-8")
