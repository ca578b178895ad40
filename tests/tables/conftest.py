"""A tiny output directory with numbers that can be checked by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from measured_output import kind_of
from write_all import write_text_table

from smartms_img.config import StudyConfig, unit_digest
from smartms_img.io.ledger import Attempt, write_attempt
from smartms_img.io.measures import Measure, check, write_measures, write_qc
from smartms_img.method import METHOD_VERSION

PLAN = """\
unit kind subject session reference eye scan status reason inputs depends day
sub-01_ses-M00_mri session 01 M00 - - - runnable - a/T1w.nii.gz;a/FLAIR.nii.gz - 10
sub-01_ses-M06_mri session 01 M06 - - - runnable - b/T1w.nii.gz;b/FLAIR.nii.gz - 213
sub-01_ses-M12_mri session 01 M12 - - - blocked no_session_M12 - - -
sub-01_ses-M06_ref-M00_pair pair 01 M06 M00 - - runnable - a/T1w.nii.gz;b/T1w.nii.gz X -
sub-01_ses-M12_ref-M00_pair pair 01 M12 M00 - - blocked no_session_M12 - - -
sub-01_ses-M00_eye-OD_acq-ring eye 01 M00 - OD ring runnable - a/OD.vol - -
sub-01_ses-M00_eye-OS_acq-ring eye 01 M00 - OS ring runnable - a/OS.vol - -
sub-01_ses-M06_eye-OD_acq-ring eye 01 M06 M00 OD ring runnable - b/OD.vol Y -
sub-01_ses-M06_eye-OS_acq-ring eye 01 M06 M00 OS ring runnable - b/OS.vol - -
sub-01_subject subject 01 - - - - runnable - a/OD.vol;a/OS.vol Y;Z -
sub-02_ses-M00_mri session 02 M00 - - - runnable - c/T1w.nii.gz - 0
sub-02_ses-M06_mri session 02 M06 - - - runnable - d/T1w.nii.gz - 182
"""
EYES_M00 = "sub-01_ses-M00_eye-OD_acq-ring;sub-01_ses-M00_eye-OS_acq-ring"


def _study() -> StudyConfig:
    visits = [
        {"label": "M00", "name": "Baseline", "number": 0, "window_days": [-60, 30]},
        {"label": "M06", "name": "Month 6", "number": 6, "window_days": [120, 270]},
        {"label": "M12", "name": "Month 12", "number": 12, "window_days": [271, 450]},
    ]
    return StudyConfig.model_validate({"study_id": "TRIAL", "baseline": "M00", "visits": visits})


@pytest.fixture
def config() -> StudyConfig:
    return _study()


@pytest.fixture
def make_table() -> Callable[[Path, StudyConfig], pd.DataFrame]:
    """Write the tables of a directory and read the text table as text."""

    def make(out: Path, config: StudyConfig) -> pd.DataFrame:
        folder = write_text_table(out, config)
        return pd.read_csv(folder / "endpoints.tsv", sep="\t", dtype=str, keep_default_na=False)

    return make


@pytest.fixture
def table(out: Path, config: StudyConfig, make_table) -> pd.DataFrame:
    return make_table(out, config)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Two subjects: 01 with holes, a failed unit and a QC failure; 02 with MRI only."""
    folder = tmp_path / "out"
    folder.mkdir()
    lines = [
        "\t".join("" if cell == "-" else cell.replace("_session_", " session ") for cell in row)
        for row in (line.split(" ") for line in PLAN.splitlines())
    ]
    text = "\n".join(lines).replace("Y;Z", EYES_M00) + "\n"
    (folder / "plan.tsv").write_text(text, encoding="utf-8")
    _session(folder, "01", "M00", bpv=1200.1234, lesions=0, raw="a")
    _session(folder, "01", "M06", bpv=1194.5, lesions=2, raw="b")
    _pair(folder)
    _eyes(folder)
    _session(folder, "02", "M00", bpv=1000.0, lesions=3, raw="c", snr=2.0)
    _session(folder, "02", "M06", bpv=990.0, lesions=3, raw="d")
    return folder


def attempt(unit: str, inputs: dict[str, str], **changes: object) -> Attempt:
    """Return a successful attempt, or another one by naming what differs."""
    values: dict[str, object] = {
        "unit": unit,
        "number": 1,
        "state": "done",
        "cause": "",
        "reason": "",
        "host": "host",
        "pid": 1,
        "started": "2020-01-01T00:00:00+00:00",
        "ended": "2020-01-01T00:00:01+00:00",
        "exit_code": 0,
        "max_rss_mb": 1.0,
        "cpu_s": 1.0,
        "seed": 1,
        "versions": {},
        "row_hash": "r",
        "config_sha256": unit_digest(kind_of(unit), _study()),
        "method_version": METHOD_VERSION[kind_of(unit)],
        "inputs": inputs,
        "outputs": {},
    }
    return Attempt(**(values | changes))  # type: ignore[arg-type]


def _session(
    out: Path, subject: str, visit: str, *, bpv: float, lesions: int, raw: str, snr: float = 20.0
) -> None:
    source = (f"{raw}/T1w.nii.gz", f"{raw}/FLAIR.nii.gz")
    stem = out / f"sub-{subject}/ses-{visit}/anat/sub-{subject}_ses-{visit}"
    measures = [
        Measure("BPV", bpv, "mL", "tissue", "1", visit, source=source[:1]),
        Measure("T2LN", lesions, "count", "lesions", "1", visit, source=source),
        Measure("T2LN", 1, "count", "lesions", "1", visit, LOC="PV", source=source),
        Measure("DGMV", None, "mL", "tissue", "1", visit, reason="no deep grey matter found"),
    ]
    write_measures(Path(f"{stem}_desc-measures.json"), measures)
    write_qc(Path(f"{stem}_desc-qc.json"), [check("snr", snr, at_least=5)])
    digests = {source[0]: f"{raw}1", source[1]: f"{raw}2"}
    write_attempt(out, attempt(f"sub-{subject}_ses-{visit}_mri", digests))


def _pair(out: Path) -> None:
    stem = "sub-01/ses-M06/anat/sub-01_ses-M06_ref-M00"
    both = ("a/T1w.nii.gz", "b/T1w.nii.gz")
    measures = [
        Measure("PBVC", -0.43215, "%", "Jacobian", "1", "M06", reference="M00", source=both),
        Measure("NEWLN", 1, "count", "new", "1", "M06", reference="M00", source=both),
        Measure("SELLN", 0, "count", "Jacobian", "1", "M06", reference="M00", source=both),
    ]
    write_measures(out / f"{stem}_desc-measures.json", measures)
    lesion_check = check("flair_gain", 9, at_most=1, scope=["NEWLN"])
    write_qc(
        out / f"{stem}_desc-qc.json", [check("correlation", 0.98, at_least=0.9), lesion_check]
    )
    inputs = {"a/T1w.nii.gz": "a1", "b/T1w.nii.gz": "b1"}
    write_attempt(out, attempt("sub-01_ses-M06_ref-M00_pair", inputs))


def _eyes(out: Path) -> None:
    for visit, eye, value, quality in (("M00", "OD", 95.126, 30), ("M00", "OS", 90.0, 12)):
        unit = f"sub-01_ses-{visit}_eye-{eye}_acq-ring"
        file = f"a/{eye}.vol"
        stem = out / f"sub-01/ses-{visit}/oct/{unit}"
        rnfl = Measure("RNFL", value, "um", "ring", "1", visit, LOC="G", LAT=eye, source=(file,))
        write_measures(Path(f"{stem}_desc-measures.json"), [rnfl])
        write_qc(Path(f"{stem}_desc-qc.json"), [check("quality", quality, at_least=15)])
        write_attempt(out, attempt(unit, {file: f"sha{eye}"}))
    failure = {"state": "failed", "cause": "bad-input", "reason": "file is truncated"}
    write_attempt(out, attempt("sub-01_ses-M06_eye-OD_acq-ring", {}, **failure))
    sources = ("a/OD.vol", "a/OS.vol")
    method = "McDonald-2024"
    subject = [
        Measure("RNFL", 95.126, "um", "mean", "1", "M00", LOC="G", LAT="BOTH", source=sources[:1]),
        Measure("IEDRNFL", 5.126, "um", method, "1", "M00", source=sources, reason="below 6 um"),
    ]
    write_measures(out / "sub-01/sub-01_desc-measures.json", subject)
    write_attempt(out, attempt("sub-01_subject", {}))
