"""A small SLURM cluster on this machine, and runs of fake units on it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import fake_smartms
import pytest
import yaml
from fake_smartms import CONFIG_TEXT, make_dataset

SCRIPT_VARIABLE = "SMARTMS_MINI_SLURM"
SLURM: dict[str, Any] = {
    "walltime": "00:10:00",
    "longest_unit_minutes": 3,
    "jobs": 2,
    "cores": 2,
    "memory_gb": 1.0,
    "interface": "lo",
}
_PORT = "28817"


def why_not() -> str:
    """Return why no cluster can be started, or nothing."""
    if not Path(os.environ.get(SCRIPT_VARIABLE, "/nonexistent")).is_file():
        return f"skipped: {SCRIPT_VARIABLE} names no script that starts a cluster"
    if not (shutil.which("sbatch") and shutil.which("munged")):
        return "skipped: slurm-wlm and munge are not installed"
    return "skipped: only root can start a cluster" if os.geteuid() else ""


@contextmanager
def mini_slurm() -> Iterator[None]:
    """Start a cluster of two nodes of two cores and 4 GB, and stop it."""
    script = os.environ[SCRIPT_VARIABLE]
    with tempfile.TemporaryDirectory(prefix="slurm") as folder, pytest.MonkeyPatch.context() as m:
        m.setenv("MINI_SLURM_DIR", f"{folder}/cluster")
        m.setenv("MINI_SLURM_PORT", _PORT)
        m.setenv("SLURM_CONF", f"{folder}/cluster/slurm.conf")
        m.setenv("FAKE_UNIT_GB", "0.4")
        subprocess.run(["bash", script, "start", "--nodes", "2"], check=True, timeout=120)
        try:
            yield
        finally:
            subprocess.run(["bash", script, "stop"], check=False, timeout=120)


class Run:
    """A dataset of fake units, and ``smartms run`` on it."""

    def __init__(self, folder: Path, texts: Mapping[str, str], **slurm: object) -> None:
        self.folder, self.bids, self.out = folder, folder / "bids", folder / "out"
        make_dataset(self.bids, s01=dict(texts))
        (folder / "study.yaml").write_text(CONFIG_TEXT)
        cluster = {"launcher": "slurm", "slurm": SLURM | slurm}
        (folder / "slurm.yaml").write_text(yaml.safe_dump(cluster))
        (folder / "inprocess.yaml").write_text("launcher: inprocess\n")
        (folder / "dask.yaml").write_text("launcher: dask\nn_procs: 2\n")

    def start(self, *more: str, out: str = "out", cluster: str = "slurm") -> subprocess.Popen[str]:
        arguments = ("run", "bids", out, "participant", "--config", "study.yaml")
        self.process = subprocess.Popen(
            [
                *(sys.executable, fake_smartms.__file__),
                *(*arguments, "--cluster", f"{cluster}.yaml", *more),
            ],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return self.process

    def stop(self) -> None:
        """End a run that a failing test has left."""
        if self.process.poll() is None:
            self.process.terminate()
            self.process.communicate(timeout=30)

    def finish(self, run: subprocess.Popen[str], code: int = 0, seconds: float = 150) -> str:
        try:
            output = run.communicate(timeout=seconds)[0]
        except subprocess.TimeoutExpired:
            run.send_signal(signal.SIGTERM)
            pytest.fail(f"still running after {seconds} s: {run.communicate()[0]}")
        assert run.returncode == code, output
        return output

    def wait_for(self, unit: str) -> dict[str, Any]:
        """Wait until a unit says 'up'; return its lease."""
        log = self.out / "logs" / f"{unit}.log"
        wait_until(lambda: log.is_file() and "up" in log.read_text())
        return json.loads((self.out / "ledger" / unit / "lease.json").read_text())

    def attempts(self, unit: str) -> list[tuple[str, str]]:
        files = sorted((self.out / "ledger" / unit).glob("attempt-*.json"))
        contents = [json.loads(file.read_text()) for file in files]
        return [(content["state"], content["cause"]) for content in contents]

    def derivatives(self, out: str = "out") -> dict[str, bytes]:
        files = sorted((self.folder / out).glob("sub-*/**/*.*"))
        return {file.name: file.read_bytes() for file in files}


def wait_until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)


def jobs() -> list[str]:
    """Ids of the jobs that are pending or running."""
    return subprocess.check_output(["squeue", "-h", "-o", "%i"], text=True).split()


def name_of(job: str) -> str:
    """Return what SLURM's commands call a job: a task of an array goes by array and index."""
    return subprocess.check_output(["squeue", "-h", "-j", job, "-o", "%i"], text=True).strip()


def processes_of(folder: Path) -> list[str]:
    """Command lines of live processes that name a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found.append(path.read_text().replace("\0", " "))
    return [line for line in found if str(folder) in line]
