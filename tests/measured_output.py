"""An output directory whose units have measured what a test says."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from fake_smartms import fake_config, make_dataset

from smartms_img.cli.finish import write_results
from smartms_img.cli.run import Level, RunRequest, run_dataset
from smartms_img.config import StudyConfig, unit_digest
from smartms_img.execution.dataset import CONFIG_FILE, config_text
from smartms_img.io.atomic import sha256
from smartms_img.io.layout import measures_file, qc_file
from smartms_img.io.ledger import Attempt, latest_attempt, next_number, write_attempt
from smartms_img.io.measures import Measure, QcMetric, check, write_measures, write_qc
from smartms_img.io.plan_table import read_plan
from smartms_img.method import METHOD_VERSION
from smartms_img.naming import UnitKind

FIRST, SECOND, PAIR = "sub-01_ses-M00_mri", "sub-01_ses-M06_mri", "sub-01_ses-M06_ref-M00_pair"
RING = "sub-01_ses-M00_eye-OD_acq-ring"
GOOD = (check("snr", 20.0, at_least=5.0),)


def kind_of(unit: str) -> UnitKind:
    """Return the kind of a unit by its id."""
    endings = {"mri": "session", "pair": "pair", "subject": "subject"}
    return UnitKind(endings.get(unit.rpartition("_")[2], "eye"))


def make_output(folder: Path) -> Path:
    """One subject of two visits: brain volume at both, its change, and one ring."""
    make_dataset(folder / "bids", s01={})
    out = folder / "out"
    request = RunRequest(folder / "bids", out, Level.GROUP, config=fake_config(), quiet=True)
    run_dataset(request)
    measure(out, FIRST, brain("M00", 1200.0))
    measure(out, SECOND, brain("M06", 1194.5))
    measure(out, PAIR, change(-0.432))
    measure(out, RING, Measure("RNFL", 95.0, "um", "ring", "1", "M00", LOC="G", LAT="OD"))
    write_results(out, fake_config())
    return out


def brain(visit: str, value: float) -> Measure:
    source = f"sub-01/ses-{visit}/anat/sub-01_ses-{visit}_T1w.nii.gz"
    return Measure("BPV", value, "mL", "tissue", "1", visit, source=(source,))


def change(value: float) -> Measure:
    return Measure("PBVC", value, "%", "Jacobian", "1", "M06", reference="M00")


def measure(
    out: Path,
    unit: str,
    measured: Measure,
    checks: Sequence[QcMetric] = GOOD,
    config: StudyConfig | None = None,
) -> Attempt:
    """Leave what an attempt at a unit leaves that measured one value."""
    [row] = [row for row in read_plan(out) if row.unit == unit]
    version = METHOD_VERSION[row.kind]
    names = [measures_file(row.stem), qc_file(row.stem)]
    write_measures(out / names[0], [Measure(**(vars(measured) | {"method_version": version}))])
    write_qc(out / names[1], checks)
    inputs = {name: sha256(out.parent / "bids" / name) for name in row.inputs}
    for forerunner in row.depends:
        read = latest_attempt(out, forerunner)
        assert read is not None
        inputs |= {f"bids::{name}": digest for name, digest in read.outputs.items()}
    attempt = Attempt(
        unit=unit, number=next_number(out, unit), state="done", cause="", reason="", host="HOST",
        pid=os.getpid(), started="2020-01-01T00:00:00+00:00", ended="2020-01-01T00:00:01+00:00",
        exit_code=0, max_rss_mb=1.0, cpu_s=1.0, seed=7, versions={"numpy": "9.9.9"}, row_hash="",
        config_sha256=unit_digest(row.kind, config or fake_config()), method_version=version,
        inputs=inputs, outputs={name: sha256(out / name) for name in names},
    )  # fmt: skip
    write_attempt(out, attempt)
    return attempt


def reconfigure(out: Path, config: StudyConfig) -> None:
    """Give the output another configuration."""
    (out / CONFIG_FILE).write_text(config_text(config))
