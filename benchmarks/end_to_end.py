"""Run a real dataset through everything and check what must hold whatever the scans are.

Usage: python benchmarks/end_to_end.py BIDS OUT

Checked: every runnable unit is done; a second run does nothing and leaves the tables as they
were, byte for byte; a deleted derivative comes back as it was, and only its unit runs again; no
identifying text that the raw OCT headers hold reaches an output.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import subprocess
import sys
import time
from pathlib import Path

TABLES = ("endpoints.tsv", "endpoints.json", "endpoints.parquet", "qc.tsv")
PLANTED = re.compile(rb"CANARY|1971-11-11|19711111|4242424|7373737")
OCT_HEADER_BYTES = 2048


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


def digests(folder: Path, names: tuple[str, ...]) -> dict[str, str]:
    """Return the SHA-256 of files."""
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}


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


def main(bids: Path, out: Path) -> None:
    """Run and check."""
    seconds, _ = smartms("run", bids, out, "participant", "--n-procs", "2")
    print(f"first run: {seconds:.0f} s")
    tables, before = digests(out / "tables", TABLES), attempts(out)
    _, status = smartms("status", out, "--json")
    counts = json.loads(status)["counts"]
    unfinished = {name: n for name, n in counts.items() if name not in {"done", "blocked"} and n}
    if unfinished:
        sys.exit(f"units that are not done: {unfinished}")

    seconds, _ = smartms("run", bids, out, "participant", "--n-procs", "2")
    print(f"second run: {seconds:.0f} s")
    if attempts(out) != before or digests(out / "tables", TABLES) != tables:
        sys.exit("the second run did something")

    layers = sorted(out.rglob("*_desc-layers.npz"))[0]
    digest = digests(layers.parent, (layers.name,))
    layers.unlink()
    smartms("run", bids, out, "participant", "--n-procs", "2")
    again = {name for name, count in attempts(out).items() if count != before.get(name)}
    if len(again) != 1 or digests(layers.parent, (layers.name,)) != digest:
        sys.exit(f"a deleted derivative made these units run again: {sorted(again)}")
    if digests(out / "tables", TABLES) != tables:
        sys.exit("the tables changed after a derivative was remade")

    if found := leaks(out):
        sys.exit(f"identifying text in {', '.join(found)}")
    print("end to end: all held")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
