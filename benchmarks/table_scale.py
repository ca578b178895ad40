"""Assemble and export the tables of ever larger studies of synthetic measures.

Usage: python benchmarks/table_scale.py FOLDER [SUBJECTS...]

Every subject has 4 visits and a value of each planned endpoint, made where its rows are made. For
each number of subjects (1000, 2000, 5000 and 10000 if none is given) a line says what it took:
seconds until all files of the endpoint table were written, how many of them the processes made
values up, the most memory that all held together until then, the same for overview.html, and the
size of the files, which are then deleted. Checked: to assemble and write takes at most 5 minutes
without overview.html, at most 6 GB also with it, and for a subject of the largest study at most a
quarter longer than for one of the smallest.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from smartms_img.catalogue import PlannedKey, planned_keys
from smartms_img.config import StudyConfig, default_study
from smartms_img.io.decisions import Decision
from smartms_img.io.measures import Measure
from smartms_img.io.plan_table import PlanRow
from smartms_img.naming import QcStatus, UnitKind
from smartms_img.tables import SubjectEvidence, UnitEvidence, assemble
from smartms_img.tables.assemble import no_collector
from smartms_img.tables.evidence import MeasureKey
from smartms_img.tables.overview import OVERVIEW_COLUMNS, write_overview
from smartms_img.tables.parts import read_endpoints, write_endpoint_files
from smartms_img.tables.value_plan import ValuePlan

SUBJECTS_A_PART = 100
MOST_S, MOST_GB, MOST_GROWTH = 300.0, 6.0, 1.25
COLUMNS = (
    *(
        "subjects",
        "rows",
        "seconds",
        "made_up_s",
        "memory_gb",
        "overview_s",
        "overview_gb",
        "files_gb",
    ),
    "ms_a_subject",
)
MEMORY = ("memory_gb", "overview_gb")
EVERY_S = 0.5


def synthetic_table(first: int, count: int, config: StudyConfig, notes: Path) -> pd.DataFrame:
    """Return the rows of subjects with consecutive numbers; note how long their values took."""
    start = time.monotonic()
    plan = ValuePlan(config)
    labels = [f"{number:05d}" for number in range(first, first + count)]
    with no_collector():
        subjects = [_subject(label, plan) for label in labels]
    (notes / labels[0]).write_text(str(time.monotonic() - start), encoding="ascii")
    return assemble(subjects, config)


def _subject(label: str, plan: ValuePlan) -> SubjectEvidence:
    rng = np.random.default_rng(int(label))
    names = plan.units(label)
    measures: dict[str, dict[MeasureKey, Measure]] = {name: {} for name in names}
    for key, name, place, value in zip(
        plan.keys, names, plan.measures, rng.normal(50, 5, len(names)).tolist(), strict=True
    ):
        item = key.endpoint
        measures[name][place] = Measure(
            key.paramcd,
            value,
            item.unit,
            item.method,
            "1",
            key.visit,
            key.loc,
            key.lat,
            key.reference,
            (f"sub-{label}/ses-{key.visit}/anat/sub-{label}_ses-{key.visit}_T1w.nii.gz",),
        )
    of_unit = dict(zip(names, plan.keys, strict=True))
    days = {visit.label: sum(visit.window_days) // 2 for visit in plan.config.visits}
    units = {
        name: _unit(name, label, of_unit[name], days[of_unit[name].visit], found)
        for name, found in measures.items()
    }
    passed = [Decision(name, QcStatus.PASS, "all checks passed", "automatic") for name in units]
    return SubjectEvidence(label, units, tuple(passed))


def _unit(
    name: str, subject: str, key: PlannedKey, day: int, measures: dict[MeasureKey, Measure]
) -> UnitEvidence:
    kind = key.endpoint.measured_by(key.lat)
    row = PlanRow(name, kind, subject, "" if kind is UnitKind.SUBJECT else key.visit, day=day)
    files = {file for measure in measures.values() for file in measure.source}
    return UnitEvidence(row, measures, "", dict.fromkeys(files, "a" * 64), "c" * 64)


class Memory:
    """The most memory that this process and those below it held together, in GB."""

    def __init__(self) -> None:
        self.most_gb = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(EVERY_S):
            self.most_gb = max(self.most_gb, sum(map(_own_gb, _processes())))


def _processes() -> list[int]:
    """Return this process and all that descend from it."""
    below: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = path.read_text(encoding="utf-8")
        except OSError:
            continue
        below.setdefault(int(text.rpartition(")")[2].split()[1]), []).append(int(path.parent.name))
    found = [os.getpid()]
    for pid in found:
        found += below.get(pid, [])
    return found


def _own_gb(pid: int) -> float:
    """Return the memory of a process without the pages of files, which all of them share."""
    try:
        text = (Path("/proc") / str(pid) / "status").read_text(encoding="utf-8")
    except OSError:
        return 0.0
    fields = dict(line.split(":", 1) for line in text.splitlines())
    return int(fields.get("RssAnon", "0 kB").split()[0]) * 1024 / 1e9


def measure(folder: Path, subjects: int) -> dict[str, float]:
    """Write the tables of so many subjects, and return the line."""
    config = default_study()
    starts = range(0, subjects, SUBJECTS_A_PART)
    notes, workers = folder.with_name(f"{folder.name}-notes"), len(os.sched_getaffinity(0))
    notes.mkdir(parents=True)
    parts = [
        partial(synthetic_table, start, min(SUBJECTS_A_PART, subjects - start), config, notes)
        for start in starts
    ]
    start = time.monotonic()
    with Memory() as memory:
        write_endpoint_files(folder, parts, config, workers)
    written = time.monotonic()
    made_up_s = sum(float(note.read_text(encoding="ascii")) for note in notes.iterdir()) / workers
    with Memory() as memory_seen:
        write_overview(folder, read_endpoints(folder, OVERVIEW_COLUMNS), config)
    seen = time.monotonic()
    size = sum(path.stat().st_size for path in folder.iterdir())
    shutil.rmtree(folder)
    shutil.rmtree(notes)
    values = (
        subjects,
        subjects * len(planned_keys(config)),
        written - start,
        made_up_s,
        memory.most_gb,
        seen - written,
        memory_seen.most_gb,
        size / 1e9,
        1000 * (written - start - made_up_s) / subjects,
    )
    return dict(zip(COLUMNS, values, strict=True))


def main(folder: Path, counts: list[int]) -> None:
    """Measure, print, check."""
    print("\t".join(COLUMNS), flush=True)
    lines = []
    for count in counts:
        line = measure(folder, count)
        lines.append(line)
        print("\t".join(f"{line[name]:.6g}" for name in COLUMNS), flush=True)
    first, last = lines[0], lines[-1]
    failed = [
        name
        for name, bad in (
            ("seconds", last["seconds"] - last["made_up_s"] > MOST_S),
            ("memory", max(max(line[n] for n in MEMORY) for line in lines) > MOST_GB),
            ("not linear", last["ms_a_subject"] > MOST_GROWTH * first["ms_a_subject"]),
        )
        if bad
    ]
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")
    print("all held")


if __name__ == "__main__":
    main(Path(sys.argv[1]), [int(word) for word in sys.argv[2:]] or [1000, 2000, 5000, 10000])
