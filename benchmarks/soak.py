"""Run many synthetic patients unattended, and show that nothing piles up.

Usage: python benchmarks/soak.py OUT [SUBJECTS]

The patients of the demo are copied until there are SUBJECTS of them (100 if not given), with 4
visits each: T1w of 4 mm without a skull, and small ring scans of the right eye, measured on coarse
grids. The scans of the last two visits are those of the second. While they run on two workers,
memory, open files and processes of ``smartms run`` and the files in its scratch folders are
counted each minute. Checked at the end: every unit is done, memory from the first fifth of the
units to the last has not grown by more than a tenth, and neither files nor processes are left
behind.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import yaml

from smartms_img.config import default_study
from smartms_img.mri.skullstrip import surface_brain_mask
from smartms_img.naming import Contrast, Eye, OctScanKind
from smartms_img.phantoms.brain import BrainPatient
from smartms_img.phantoms.dataset import RECIPES, write_mri
from smartms_img.phantoms.oct import ring_phantom, write_oct_phantom

SPACING_MM = 4.0
EVERY_S = 60.0
GROWTH = 1.1
MIB = 2**20
COLUMNS = ("minutes", "ended", "rss_mib", "open_files", "processes", "scratch_files", "tmp_files")


def make_patients(bids: Path) -> list[str]:
    """Write the patients that all others are copies of; return their labels."""
    visits = default_study().visits
    for recipe in RECIPES:
        patient = BrainPatient(recipe.seed, recipe.tissue_change_percent, recipe.fates)
        for number, visit in enumerate(visits):
            folder = bids / f"sub-{recipe.subject}" / f"ses-{visit.label}"
            stem = f"sub-{recipe.subject}_ses-{visit.label}"
            head = patient.scan(min(number, 1), SPACING_MM)[Contrast.T1W]
            brain = head.like(head.data * surface_brain_mask(head))
            write_mri(folder, stem, {Contrast.T1W: brain})
            seed = recipe.seed + min(number, 1)
            ring = ring_phantom(seed=seed, ascans=384)
            write_oct_phantom(folder / "oct", f"{stem}_eye-{Eye.OD}_acq-{OctScanKind.RING}", ring)
        days = [f"ses-{visit.label}\t{sum(visit.window_days) // 2}\n" for visit in visits]
        table = bids / f"sub-{recipe.subject}" / f"sub-{recipe.subject}_sessions.tsv"
        table.write_text("session_id\tday\n" + "".join(days), encoding="utf-8")
    return [recipe.subject for recipe in RECIPES]


def write_study(path: Path) -> None:
    """Write the default study with coarse grids and one OCT scan a visit."""
    study = default_study().model_dump(mode="json")
    study["mri"] |= {"atlas_spacing_mm": 5.0, "pair_spacing_mm": 5.0}
    study["oct"] |= {"eyes": [Eye.OD.value], "scans": [OctScanKind.RING.value]}
    path.write_text(yaml.safe_dump(study), encoding="utf-8")


def copy_patients(source: Path, bids: Path, labels: list[str], count: int) -> None:
    """Copy patients under new labels until there are so many."""
    bids.mkdir()
    names = [f"{number:03d}" for number in range(1, count + 1)]
    for number, name in enumerate(names):
        old = f"sub-{labels[number % len(labels)]}"
        for path in sorted((source / old).rglob("*")):
            if path.is_file():
                relative = str(path.relative_to(source)).replace(old, f"sub-{name}")
                (bids / relative).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, bids / relative)
    rows = "".join(f"sub-{name}\n" for name in names)
    (bids / "participants.tsv").write_text(f"participant_id\n{rows}", encoding="utf-8")
    (bids / ".bidsignore").write_text("**/oct\n", encoding="utf-8")
    description = {"Name": "soak", "BIDSVersion": "1.10.0"}
    (bids / "dataset_description.json").write_text(json.dumps(description), encoding="utf-8")


def files_below(folder: Path) -> int:
    """Return the number of files below a folder that others write to meanwhile."""
    return sum(len(names) for _, _, names in os.walk(folder))


def children(pid: int) -> list[int]:
    """Return the processes below a process."""
    listed = subprocess.check_output(["ps", "-eo", "pid=,ppid="], text=True)
    parents = dict(tuple(map(int, line.split())) for line in listed.splitlines())
    found = [pid]
    for parent in found:
        found += [child for child, above in parents.items() if above == parent]
    return found[1:]


def sample(pid: int, start: float, out: Path, tmp: Path) -> dict[str, float]:
    """Return one row of the table."""
    proc = Path("/proc") / str(pid)
    pages = int((proc / "statm").read_text(encoding="ascii").split()[1])
    values = (
        (time.monotonic() - start) / 60,
        len(list((out / "ledger").glob("*/attempt-*.json"))),
        pages * 4096 / MIB,
        len(list((proc / "fd").iterdir())),
        len(children(pid)),
        files_below(out / "work"),
        files_below(tmp),
    )
    return dict(zip(COLUMNS, values, strict=True))


def watch(command: list[str], out: Path, tmp: Path) -> list[dict[str, float]]:
    """Run a command to its end, and sample it meanwhile."""
    log = out.with_name("run.log")
    environment = os.environ | {"TMPDIR": str(tmp)}
    rows: list[dict[str, float]] = []
    with log.open("w", encoding="utf-8") as stream:
        run = subprocess.Popen(command, stdout=stream, stderr=stream, env=environment)
        start = time.monotonic()
        print("\t".join(COLUMNS), flush=True)
        while run.poll() is None:
            try:
                run.wait(EVERY_S)
            except subprocess.TimeoutExpired:
                rows.append(sample(run.pid, start, out, tmp))
                print("\t".join(f"{value:.1f}" for value in rows[-1].values()), flush=True)
    if run.returncode != 0:
        sys.exit(f"smartms run ended with exit code {run.returncode}; see {log}")
    return rows


def main(folder: Path, subjects: int) -> None:
    """Make, run, check."""
    folder.mkdir(parents=True)
    tmp, out = folder / "tmp", folder / "out"
    tmp.mkdir()
    copy_patients(folder / "made", folder / "bids", make_patients(folder / "made"), subjects)
    study = folder / "study.yaml"
    write_study(study)
    command = [sys.executable, "-m", "smartms_img", "run", folder / "bids", out, "participant"]
    rows = watch([*map(str, command), "--n-procs", "2", "--config", str(study)], out, tmp)
    told = subprocess.run(
        [sys.executable, "-m", "smartms_img", "status", str(out), "--json"],
        capture_output=True,
        check=True,
    )
    counts = json.loads(told.stdout)["counts"]
    print(f"units: {counts}")
    # At the end the same process writes the tables, which takes memory of its own.
    running = [row for row in rows if row["ended"] < sum(counts.values())]
    early = next(row for row in running if row["ended"] >= sum(counts.values()) / 5)
    late = running[-1]
    print(
        f"MiB after a fifth and with the last units: {early['rss_mib']:.0f}, {late['rss_mib']:.0f}"
    )
    wrong = [f"{counts[name]} units {name}" for name in counts if name != "done" and counts[name]]
    if late["rss_mib"] > GROWTH * early["rss_mib"]:
        wrong.append("memory has grown")
    if left := files_below(tmp) + files_below(out / "work"):
        wrong.append(f"{left} scratch files are left")
    if wrong:
        sys.exit("; ".join(wrong))
    print("soak: all held")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 100)
