"""Make a cohort of 18 patients with 4 visits from real outputs, with what real cohorts lack.

Usage: python benchmarks/made_cohort.py FOLDER SOURCE...

A SOURCE is an output directory of ``smartms run``. Their measures are dealt to the units of made
patients and perturbed; the scans of these are empty files. There are visits that did not take
place, scans that are missing or there twice, units that failed, units that failed and ran again,
quality that failed, and a visit outside its window. Then the tables are written, and checked:
every planned value is a row, no key is there twice, one or eight partitions give the same bytes,
and the transport files hold what the table holds.
"""

from __future__ import annotations

import hashlib
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pyreadstat

from smartms_img.catalogue import PRECISION, planned_keys
from smartms_img.config import ClusterConfig, StudyConfig, default_study, unit_digest
from smartms_img.execution.engine import Engine
from smartms_img.execution.idle import write_empty_dataset
from smartms_img.execution.places import check_places
from smartms_img.execution.units import Unit
from smartms_img.io.atomic import sha256
from smartms_img.io.layout import measures_file, qc_file
from smartms_img.io.ledger import DERIVATIVE_PREFIX, Attempt, write_attempt
from smartms_img.io.measures import Measure, check, write_measures, write_qc
from smartms_img.io.plan_table import PlanRow, read_plan
from smartms_img.io.results import UnitResult, read_results
from smartms_img.method import METHOD_VERSION
from smartms_img.naming import UnitKind
from smartms_img.qc.decisions import automatic
from smartms_img.tables import write_tables
from smartms_img.tables.columns import KEY

SUBJECTS = 18
SEED = 20
FAILED = {"sub-0005_ses-M12_mri", "sub-0006_ses-M06_eye-OS_acq-macula"}
RAN_AGAIN = {"sub-0007_ses-M06_mri", "sub-0008_ses-M00_eye-OD_acq-ring"}
POOR = {
    "sub-0009_ses-M00_mri",
    "sub-0010_ses-M06_eye-OD_acq-ring",
    "sub-0004_ses-M18_ref-M00_pair",
}
LATE = ("0011", "M06", 300)
NO_FLAIR = ("0012", "M06")
TWICE = ("0013", "M12")
WITHDRAWN = {"0014": ("M12", "M18"), "0003": ("M18",), "0015": ("M06",)}
NO_LEFT_EYE = "0016"


def make_dataset(bids: Path, config: StudyConfig) -> None:
    """Write the scans, empty, and take away or add what real datasets do."""
    write_empty_dataset(bids, config, SUBJECTS)
    for subject, visits in WITHDRAWN.items():
        for visit in visits:
            for file in (bids / f"sub-{subject}/ses-{visit}").rglob("*.*"):
                file.unlink()
            _edit_days(bids, subject, visit, None)
    _edit_days(bids, *LATE)
    next((bids / f"sub-{NO_FLAIR[0]}/ses-{NO_FLAIR[1]}").rglob("*_FLAIR.nii.gz")).unlink()
    once = next((bids / f"sub-{TWICE[0]}/ses-{TWICE[1]}").rglob("*_T1w.nii.gz"))
    once.with_name(once.name.replace("_T1w", "_run-2_T1w")).touch()
    for file in (bids / f"sub-{NO_LEFT_EYE}").rglob("*_eye-OS_*"):
        file.unlink()


def _edit_days(bids: Path, subject: str, visit: str, day: int | None) -> None:
    table = bids / f"sub-{subject}" / f"sub-{subject}_sessions.tsv"
    lines = [line.split("\t") for line in table.read_text(encoding="utf-8").splitlines()]
    kept = [line for line in lines if line[0] != f"ses-{visit}"]
    if day is not None:
        kept.append([f"ses-{visit}", str(day)])
    table.write_text("".join("\t".join(line) + "\n" for line in kept), encoding="utf-8")


class Source:
    """Measures of real units, by what was measured."""

    def __init__(self, outs: list[Path], config: StudyConfig) -> None:
        self._pools: dict[tuple[str, ...], list[UnitResult]] = {}
        for result in (one for out in outs for one in read_results(out, config).values()):
            if result.standing == "done":
                self._pools.setdefault(_sort_of(result.row), []).append(result)

    def measures(self, row: PlanRow, rng: np.random.Generator) -> list[Measure]:
        """Return measures for a unit: those of a real unit of its sort, perturbed."""
        chosen = self.pick(row, rng)
        size = 1 + 0.05 * rng.standard_normal()
        return [_perturbed(measure, row, size, rng) for measure in chosen.measures]

    def pick(self, row: PlanRow, rng: np.random.Generator) -> UnitResult:
        """Return a real unit of the sort of a unit."""
        pool = self._pools[_sort_of(row)]
        return pool[int(rng.integers(len(pool)))]


def _sort_of(row: PlanRow) -> tuple[str, ...]:
    return (row.kind.value, row.scan.value if row.scan else "")


def _perturbed(measure: Measure, row: PlanRow, size: float, rng: np.random.Generator) -> Measure:
    value = measure.value
    if value is not None:
        value *= size * (1 + 0.01 * rng.standard_normal())
        value = round(value, PRECISION[measure.unit])
    changes = {"visit": row.session, "reference": row.reference, "source": row.inputs}
    if row.kind is UnitKind.SUBJECT:
        return replace(measure, value=value)
    return replace(measure, value=value, LAT=row.eye.value if row.eye else "", **changes)


def write_unit(
    out: Path, unit: Unit, row: PlanRow, measures: list[Measure], done: dict[str, Attempt]
) -> Attempt:
    """Write what a unit leaves, and its attempts."""
    config = default_study()
    write_measures(out / measures_file(row.stem), measures)
    write_qc(out / qc_file(row.stem), [check("snr", 2.0 if unit.id in POOR else 20.0, at_least=5)])
    files = [measures_file(row.stem), qc_file(row.stem)]
    inputs = {name: hashlib.sha256(name.encode()).hexdigest() for name in unit.inputs}
    for name in unit.depends:
        if name in done:
            outputs = done[name].outputs
            inputs |= {DERIVATIVE_PREFIX + file: digest for file, digest in outputs.items()}
    attempt = Attempt(
        unit=unit.id, number=1, state="done", cause="", reason="", host="made", pid=1,
        started="2020-01-01T00:00:00+00:00", ended="2020-01-01T00:01:00+00:00", exit_code=0,
        max_rss_mb=1.0, cpu_s=1.0, seed=config.mri.seed, versions={}, row_hash="",
        config_sha256=unit_digest(unit.kind, config), method_version=METHOD_VERSION[unit.kind],
        inputs=inputs, outputs={file: sha256(out / file) for file in files},
    )  # fmt: skip
    if unit.id in FAILED | RAN_AGAIN:
        reason = "file is truncated"
        write_attempt(out, replace(attempt, state="failed", cause="bad-input", reason=reason))
        attempt = replace(attempt, number=2)
    if unit.id not in FAILED:
        write_attempt(out, attempt)
    return attempt


def make(folder: Path, sources: list[Path]) -> Path:
    """Make the cohort; return its output directory."""
    config = default_study()
    make_dataset(folder / "bids", config)
    places = check_places(folder / "bids", folder / "out")
    units = Engine(places, config, ClusterConfig.model_validate({})).prepare().units
    rows = {row.unit: row for row in read_plan(places.out)}
    real, rng = Source(sources, config), np.random.default_rng(SEED)
    done: dict[str, Attempt] = {}
    for unit in units:
        row = rows[unit.id]
        without_visit = unit.kind is UnitKind.PAIR and FAILED & set(unit.depends)
        if unit.status != "runnable" or without_visit:
            continue
        measures = real.measures(row, rng)
        if unit.kind is UnitKind.SUBJECT:
            measures = _at_visits(measures, unit, config)
        attempt = write_unit(places.out, unit, row, measures, done)
        if unit.id not in FAILED:
            done[unit.id] = attempt
    return places.out


def _at_visits(measures: list[Measure], unit: Unit, config: StudyConfig) -> list[Measure]:
    """Repeat what both eyes gave at one visit for every visit of a subject."""
    once = {(one.PARAMCD, one.LOC, one.LAT): one for one in measures}
    there = [
        visit.label
        for visit in config.visits
        if any(f"_ses-{visit.label}_eye-OS" in name for name in unit.depends)
    ]
    return [replace(one, visit=label) for label in there for one in once.values()]


def tables_of(out: Path, partitions: int) -> dict[str, str]:
    """Write the tables; return the SHA-256 of each."""
    config = default_study()
    results = read_results(out, config)
    folder = write_tables(out, results, config, automatic(results), partitions)
    return {path.name: sha256(path) for path in sorted(folder.iterdir())}


def verify(out: Path) -> None:
    """Check the tables, and say what is in them."""
    alone = tables_of(out, 1)
    if tables_of(out, 8) != alone:
        sys.exit("eight partitions give other bytes")
    table = pq.read_table(out / "tables/endpoints.parquet").to_pandas()
    planned = SUBJECTS * len(planned_keys(default_study()))
    if len(table) != planned or table.duplicated(list(KEY)).any():
        sys.exit(f"{len(table)} rows instead of {planned}, or a key is there twice")
    exported = pd.concat(
        pyreadstat.read_xport(str(out / "tables" / f"{name}.xpt"))[0]
        for name in ("adimg", "adoct")
    )
    for name in ("AVAL", "BASE", "CHG", "PCHG", "AVALERR", "INTERVAL"):
        ours = table.sort_values(list(KEY))[name].to_numpy()
        theirs = exported.sort_values(list(KEY))[name].to_numpy()
        if not np.array_equal(ours, theirs, equal_nan=True):
            sys.exit(f"the transport files hold another {name}")
    print(f"{len(table)} rows, {len(alone)} files")
    print(table.groupby(["PARCAT1", "QCSTAT"]).size().to_string())
    for reason, count in Counter(table.QCREAS[table.AVAL.isna()]).most_common(12):
        print(f"{count}\t{reason}")
    print("made cohort: all held")


if __name__ == "__main__":
    verify(make(Path(sys.argv[1]), [Path(word) for word in sys.argv[2:]]))
