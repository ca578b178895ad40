"""The models of docs/statistics.md, on a made cohort whose effects are known."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from smartms_img.config import default_study
from smartms_img.io.decisions import Decision
from smartms_img.io.measures import Measure
from smartms_img.io.plan_table import PlanRow
from smartms_img.naming import QcStatus, UnitKind, pair_unit, session_unit, subject_unit
from smartms_img.tables import SubjectEvidence, UnitEvidence, assemble
from smartms_img.tables.parts import write_endpoint_files

PAGE = (Path(__file__).parents[1] / "docs/statistics.md").read_text(encoding="utf-8")
SUBJECTS = 60
# What placebo adds at month 6 to GCIPL (um) and T2LV (mL), and to PBVC (%) each month.
GCIPL_EFFECT, LESION_EFFECT, SLOPE_EFFECT = -2.0, 1.5, -0.05


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return found


def _unit(name: str, kind: UnitKind, *measures: Measure) -> UnitEvidence:
    subject, visit = name.partition("_")[0].removeprefix("sub-"), measures[0].visit
    day = {"M00": 0, "M06": 180, "M12": 360, "M18": 540}[visit]
    row = PlanRow(name, kind, subject, "" if kind is UnitKind.SUBJECT else visit, day=day)
    keyed = {(one.visit, one.PARAMCD, one.LOC, one.LAT): one for one in measures}
    return UnitEvidence(row, keyed)


def _subject(label: str, *, placebo: bool, rng: np.random.Generator) -> SubjectEvidence:
    units: dict[str, UnitEvidence] = {}
    size, gcipl, lesions = rng.normal(0, 0.1), rng.normal(70, 5), rng.normal(10, 3)
    thickness = []
    for visit in default_study().visits:
        months = visit.number
        at = visit.label
        volume = lesions + (LESION_EFFECT * placebo * months / 6) + rng.normal(0, 0.05)
        name = session_unit(label, at)
        units[name] = _unit(name, UnitKind.SESSION, Measure("T2LV", volume, "mL", "m", "1", at))
        value = gcipl + GCIPL_EFFECT * placebo * months / 6 + rng.normal(0, 0.1)
        thickness.append(Measure("GCIPL", value, "um", "m", "1", at, LOC="M6", LAT="BOTH"))
        if months:
            change = (-0.05 + SLOPE_EFFECT * placebo) * months + size + rng.normal(0, 0.05)
            name = pair_unit(label, "M00", at)
            units[name] = _unit(
                name, UnitKind.PAIR, Measure("PBVC", change, "%", "m", "1", at, reference="M00")
            )
    name = subject_unit(label)
    units[name] = _unit(name, UnitKind.SUBJECT, *thickness)
    decisions = tuple(Decision(name, QcStatus.PASS, "good", "automatic") for name in units)
    return SubjectEvidence(label, units, decisions)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory) -> Path:
    rng = np.random.default_rng(5)
    folder = tmp_path_factory.mktemp("cohort")
    labels = [f"{number:02d}" for number in range(SUBJECTS)]
    placebo = {label: number % 2 == 1 for number, label in enumerate(labels)}
    subjects = [_subject(label, placebo=placebo[label], rng=rng) for label in labels]
    config = default_study()
    write_endpoint_files(folder / "tables", [partial(assemble, subjects, config)], config)
    rows = [
        f"{config.study_id}-{label},{'placebo' if placebo[label] else 'active'}"
        for label in labels
    ]
    (folder / "randomisation.csv").write_text("\n".join(["USUBJID,arm", *rows]) + "\n")
    return folder


def test_python(cohort: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", block("python")],
        cwd=cohort,
        capture_output=True,
        text=True,
        check=True,
    )
    first, last = done.stdout.splitlines()
    effect, low, high = map(float, first.split())
    assert low < GCIPL_EFFECT < high
    assert effect == pytest.approx(GCIPL_EFFECT, abs=0.2)
    assert float(last) == pytest.approx(SLOPE_EFFECT, abs=0.005)


def test_r(cohort: Path) -> None:
    if not shutil.which("Rscript"):
        pytest.skip("R is not installed")
    present = subprocess.run(
        ["Rscript", "-e", "library(haven); library(nlme)"], check=False, capture_output=True
    )
    if present.returncode:
        pytest.skip("R lacks the packages haven and nlme")
    (cohort / "page.R").write_text(block("r"), encoding="utf-8")
    done = subprocess.run(
        ["Rscript", "page.R"], cwd=cohort, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    numbers = [float(word) for word in re.findall(r"-?\d+\.\d+(?:e[-+]\d+)?", done.stdout)]
    # Estimate, standard error, t and p of the ANCOVA; then the slope of the mixed model.
    assert numbers[0] == pytest.approx(LESION_EFFECT, abs=0.1)
    assert numbers[-1] == pytest.approx(SLOPE_EFFECT, abs=0.005)
