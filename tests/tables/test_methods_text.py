from __future__ import annotations

import re
from dataclasses import replace

import pytest

from smartms_img.io.ledger import latest_attempt, write_attempt
from smartms_img.io.results import read_results
from smartms_img.tables.citations import CITATIONS, bibliography
from smartms_img.tables.methods import write_methods


@pytest.fixture
def written(out, config):
    def write(study=config) -> tuple[str, str]:
        write_methods(out, read_results(out, study), study)
        return (out / "methods.md").read_text(), (out / "citations.bib").read_text()

    return write


def test_what_is_cited_is_listed_and_nothing_else(written):
    text, bibliography_text = written()
    cited = set(re.findall(r"\[@(\w+)\]", text))
    listed = set(re.findall(r"^@article\{(\w+),", bibliography_text, re.MULTILINE))
    assert cited == listed
    # The thresholds of the other set are cited where they are used.
    assert {citation.key for citation in CITATIONS} - listed == {"nolankenney2019"}


def test_whose_layers_and_thresholds(written, config):
    text, cited = written()
    assert "Nine boundaries were found on each B-scan by a neural network" in " ".join(
        text.split()
    )
    oct_config = config.oct.model_copy(
        update={"layer_source": "device", "inter_eye_thresholds": "IMSVISUAL-2019"}
    )
    text, cited = written(config.model_copy(update={"oct": oct_config}))
    words = " ".join(text.split())
    assert "Retinal layers are those of device. RNFL is measured on the ring" in words
    assert "IMSVISUAL-2019 [@nolankenney2019]" in words
    assert "nolankenney2019" in cited


def test_numbers_are_those_of_the_configuration(written, config):
    lesions = config.mri.lesions.model_copy(update={"change_z": 3.25, "masks": "readers"})
    mri = config.mri.model_copy(update={"pair_spacing_mm": 0.9, "lesions": lesions})
    text, _ = written(config.model_copy(update={"mri": mri, "extra_baselines": ("M06",)}))
    words = " ".join(text.split())
    assert "resampled once to 0.9 mm" in words
    assert "a signal change of 3.25 standard deviations" in words
    assert "Lesions are masks of readers;" in words
    assert "Change is measured from Baseline and Month 6." in words
    assert "Month 6 (120 to 270 days since baseline)" in words


def test_a_study_of_one_visit_does_not_speak_of_change(written, config):
    text, cited = written(config.model_copy(update={"visits": config.visits[:1]}))
    assert "between two visits" not in text
    assert "elliott2019" not in cited


def test_software_is_that_of_the_attempts_that_count(out, written):
    unit = "sub-01_ses-M00_mri"
    last = latest_attempt(out, unit)
    assert last is not None
    write_attempt(out, replace(last, number=2, versions={"ants": "1.2"}))
    assert "Software of the measurements: ants 1.2." in written()[0]


def test_every_planned_endpoint_is_there(written):
    text, _ = written()
    rows = [line for line in text.splitlines() if re.match(r"\| [A-Z0-9]{2,8} \|", line)]
    assert len(rows) == 46 + 1


def test_entries_are_bibtex():
    text = bibliography(["smith2002"])
    assert text.startswith("@article{smith2002,\n  author = {Smith, S. M.},\n")
    assert text.count("{") == text.count("}")
