from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from smartms_img.config import default_study
from smartms_img.io.bids import index_dataset
from smartms_img.io.nifti import load_image
from smartms_img.naming import Contrast, Eye, OctScanKind
from smartms_img.phantoms.dataset import (
    RECIPES,
    VISITS,
    PatientRecipe,
    TrueValue,
    _write_tables,
    write_patient,
)
from smartms_img.phantoms.oct import macula_phantom, ring_phantom

COARSE_MM = 6.0


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[TrueValue]]:
    bids = tmp_path_factory.mktemp("demo") / "bids"
    _write_tables(bids)
    return bids, write_patient(bids, RECIPES[0], COARSE_MM)


def digests(bids: Path) -> dict[str, str]:
    files = sorted(path for path in bids.rglob("*") if path.is_file())
    return {str(f.relative_to(bids)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def test_every_scan_is_found_and_nothing_is_wrong_with_the_patient(written):
    bids, _ = written
    index = index_dataset(bids)
    found = {
        (file.session, file.contrast or (file.eye, file.scan))
        for file in index.files
        if file.subject == "01" and not file.problem
    }
    wanted = [*Contrast, *((eye, scan) for eye in Eye for scan in OctScanKind)]
    assert found == {(session, item) for session, _ in VISITS for item in wanted}


def test_scans_are_whole_images_of_the_stated_voxel_size(written):
    bids, _ = written
    for path in sorted(bids.rglob("*.nii.gz")):
        assert load_image(path).spacing_mm == pytest.approx((COARSE_MM,) * 3)


def test_truth_is_not_below_the_dataset_and_names_no_unplanned_visit(written):
    bids, truth = written
    assert not any("truth" in name for name in digests(bids))
    labels = {visit.label for visit in default_study().visits}
    assert {value.visit for value in truth} <= labels
    keys = [(v.subject, v.visit, v.PARAMCD, v.LOC, v.LAT) for v in truth]
    assert len(set(keys)) == len(keys)


def test_same_patient_same_bytes(written, tmp_path: Path):
    bids, truth = written
    _write_tables(tmp_path)
    assert write_patient(tmp_path, RECIPES[0], COARSE_MM) == truth
    assert digests(tmp_path) == digests(bids)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.subject)
def test_thickness_of_the_recipe_is_that_of_the_boundaries(recipe: PatientRecipe):
    for eye, thickness in recipe.eyes.items():
        ring = ring_phantom(rnfl_um=thickness.rnfl_um[0], laterality=eye)
        rnfl = (ring.boundaries["RNFL_GCL"] - ring.boundaries["ILM"]).mean() * ring.axial_um
        assert rnfl == pytest.approx(thickness.rnfl_um[0], abs=0.01)
        macula = macula_phantom(gcipl_um=thickness.gcipl_um[0], laterality=eye, fovea_mm=(0, 0))
        layer = (macula.boundaries["IPL_INL"] - macula.boundaries["RNFL_GCL"]) * macula.axial_um
        n, m = layer.shape
        y = (np.arange(n) - (n - 1) / 2)[:, None] * (macula.bscan_um or 0) / 1000
        x = (np.arange(m) - (m - 1) / 2)[None] * macula.ascan_um / 1000
        assert layer[np.hypot(x, y) <= 3].mean() == pytest.approx(thickness.gcipl_um[0], abs=0.5)
