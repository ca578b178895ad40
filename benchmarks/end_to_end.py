"""Run a real dataset through everything and check what must hold whatever the scans are.

Usage: python benchmarks/end_to_end.py BIDS OUT

Checked: every runnable unit is done; a second run does nothing and leaves the tables as they
were, byte for byte; a deleted derivative comes back as it was, and only its unit runs again; no
identifying text that the raw OCT headers hold reaches an output; no unit leaves more scratch files
than it may. Where SMARTMS_MINI_SLURM names a script that starts a SLURM on this machine, the
dataset runs through that as well, and the tables have to be the same bytes.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

PLANTED = re.compile(rb"CANARY|1971-11-11|19711111|4242424|7373737")
OCT_HEADER_BYTES = 2048
# Scratch files, and MB, that a unit may leave.
BUDGET = {"_mri$": (120, 800), "_pair$": (120, 800), "_eye-": (60, 50), "_subject$": (40, 20)}
CLUSTER = """
launcher: slurm
slurm:
  walltime: "01:00:00"
  longest_unit_minutes: 30
  jobs: 2
  memory_gb: 3.5
  interface: lo
"""


def smartms(*arguments: str | Path) -> tuple[float, str]:
    """Run a command that must end with exit code 0; return seconds and output."""
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "smartms_img", *map(str, arguments)],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    print(done.stdout, flush=True)
    if done.returncode != 0:
        sys.exit(f"smartms {arguments[0]} ended with exit code {done.returncode}")
    return time.monotonic() - start, done.stdout


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of the files of a folder."""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def attempts(out: Path) -> dict[str, int]:
    """Return the number of attempts of every unit."""
    return {
        folder.name: len(list(folder.glob("attempt-*.json")))
        for folder in sorted((out / "ledger").iterdir())
        if folder.is_dir()
    }


def leaks(out: Path) -> list[str]:
    """Return the files below an output directory that hold planted identifying text."""
    found = []
    for path in sorted(path for path in out.rglob("*") if path.is_file()):
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)[:OCT_HEADER_BYTES]
        if PLANTED.search(content):
            found.append(str(path.relative_to(out)))
    return found


def check_scratch(out: Path) -> None:
    """Compare the scratch files that each unit has left with its budget; remove them."""
    for folder in sorted((out / "work").iterdir()):
        kind = next(kind for kind in BUDGET if re.search(kind, folder.name))
        files = [path for path in folder.rglob("*") if path.is_file()]
        size_mb = sum(path.stat().st_size for path in files) / 1e6
        print(f"scratch of {folder.name}: {len(files)} files, {size_mb:.0f} MB")
        if len(files) > BUDGET[kind][0] or size_mb > BUDGET[kind][1]:
            sys.exit(f"{folder.name} leaves more than {BUDGET[kind]} files and MB")
    shutil.rmtree(out / "work")


def check_slurm(bids: Path, out: Path, script: str, tables: dict[str, str]) -> None:
    """Run the dataset through a SLURM of two nodes, and compare the tables."""
    out.mkdir()
    places = {"MINI_SLURM_DIR": f"{out}/slurm", "SLURM_CONF": f"{out}/slurm/slurm.conf"}
    os.environ.update(places)
    cluster = out / "cluster.yaml"
    cluster.write_text(CLUSTER, encoding="utf-8")
    subprocess.run(["bash", script, "start", "--nodes", "2"], check=True)
    try:
        seconds, _ = smartms("run", bids, out / "out", "participant", "--cluster", cluster)
    finally:
        subprocess.run(["bash", script, "stop"], check=False)
    print(f"run on SLURM: {seconds:.0f} s")
    if digests(out / "out" / "tables") != tables:
        sys.exit("SLURM gives other tables")


def main(bids: Path, out: Path) -> None:
    """Run and check."""
    seconds, _ = smartms("run", bids, out, "participant", "--n-procs", "2", "--keep", "all")
    print(f"first run: {seconds:.0f} s")
    check_scratch(out)
    tables, before = digests(out / "tables"), attempts(out)
    _, status = smartms("status", out, "--json")
    counts = json.loads(status)["counts"]
    unfinished = {name: n for name, n in counts.items() if name not in {"done", "blocked"} and n}
    if unfinished:
        sys.exit(f"units that are not done: {unfinished}")

    seconds, _ = smartms("run", bids, out, "participant", "--n-procs", "2")
    print(f"second run: {seconds:.0f} s")
    if attempts(out) != before or digests(out / "tables") != tables:
        sys.exit("the second run did something")

    layers = sorted(out.rglob("*_desc-layers.npz"))[0]
    digest = digests(layers.parent)
    layers.unlink()
    smartms("run", bids, out, "participant", "--n-procs", "2")
    again = {name for name, count in attempts(out).items() if count != before.get(name)}
    if len(again) != 1 or digests(layers.parent) != digest:
        sys.exit(f"a deleted derivative made these units run again: {sorted(again)}")
    if digests(out / "tables") != tables:
        sys.exit("the tables changed after a derivative was remade")

    if found := leaks(out):
        sys.exit(f"identifying text in {', '.join(found)}")
    if script := os.environ.get("SMARTMS_MINI_SLURM"):
        check_slurm(bids, out.with_name(f"{out.name}-slurm"), script, tables)
    print("end to end: all held")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
