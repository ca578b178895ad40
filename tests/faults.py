"""Break a run in every way that clusters know, and print what happened.

Run with ``python tests/faults.py [FOLDER]``. Full disks need the right to mount one, faults of a
SLURM cluster need SLURM, and in SMARTMS_MINI_SLURM the path of a script that starts one on this
machine; without these they are left out. The units are fake. After each fault the same command
runs until it ends with exit code 0, and its derivatives and tables have to be those of a run that
nothing has disturbed.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parent
sys.path[:0] = [str(TESTS), str(TESTS / "execution")]

from mini_slurm import Run, jobs, mini_slurm, name_of, wait_until, why_not  # noqa: E402

UNIT = "sub-01_ses-M00_mri"
WAITS = {"M00_T1w": "print up\nawait go\nvalue x"}
Report = tuple[str, float]
Lease = dict[str, Any]
Fault = Callable[[Path], Report]


def _clock() -> float:
    return time.monotonic()


def _end(run: Run, process: subprocess.Popen[str], code: int = 0) -> str:
    return run.finish(process, code=code, seconds=300)


def _attempts(run: Run, unit: str = UNIT) -> str:
    return ", then ".join(cause or state for state, cause in run.attempts(unit))


def _check(run: Run) -> None:
    """Compare derivatives and tables with those of an undisturbed run."""
    run.finish(run.start(out="reference", cluster="inprocess"))
    assert run.derivatives() == run.derivatives("reference"), "derivatives differ"
    for out in ("out", "reference"):
        command = [sys.executable, "-m", "smartms_img", "tables", out]
        subprocess.run(command, cwd=run.folder, check=True, stdout=subprocess.DEVNULL)
    tables = [
        {path.name: path.read_bytes() for path in (run.folder / out / "tables").iterdir()}
        for out in ("out", "reference")
    ]
    assert tables[0] == tables[1], "tables differ"
    assert not list(run.out.rglob(".tmp-*")), "a half-written file is left"


def _recover(run: Run, process: subprocess.Popen[str], since: float) -> float:
    """Let a run end well, and check what it made; return the time since the fault."""
    _end(run, process)
    seconds = _clock() - since
    _check(run)
    return seconds


def _rerun(run: Run, since: float, *more: str) -> float:
    """Run the same command again; return the time since the fault."""
    return _recover(run, run.start(*more, cluster="dask"), since)


def child_killed(folder: Path) -> Report:
    run = Run(folder, WAITS)
    process = run.start(cluster="dask")
    os.kill(run.wait_for(UNIT)["pid"], signal.SIGKILL)
    since = _clock()
    (run.bids / "go").touch()
    _end(run, process, code=3)
    return f"exit 3, {_attempts(run)}", _rerun(run, since)


def client_killed(folder: Path) -> Report:
    run = Run(folder, WAITS)
    process = run.start(cluster="dask")
    holder = run.wait_for(UNIT)["pid"]
    process.kill()
    process.communicate()
    since = _clock()
    wait_until(lambda: not Path(f"/proc/{holder}").exists())
    (run.bids / "go").touch()
    return "its children died with it", _rerun(run, since)


def scratch_full(folder: Path) -> Report:
    run = Run(folder, {"M00_T1w": "fill seen\nvalue x"})
    with SmallDisk(folder / "scratch"):
        scratch = ("-w", str(folder / "scratch"))
        _end(run, run.start(*scratch, cluster="dask"), code=3)
        since = _clock()
        what = f"exit 3, {_attempts(run)}"
        for path in (folder / "scratch").iterdir():
            shutil.rmtree(path)
        return what, _rerun(run, since, *scratch)


def output_full(folder: Path) -> Report:
    run = Run(folder, {})
    with SmallDisk(folder / "out"):
        filler = folder / "out" / "filler"
        (folder / "out" / "work").mkdir()
        room = os.statvfs(folder / "out")
        # So much is left that the run begins.
        filler.write_bytes(bytes(room.f_bavail * room.f_frsize - 2**16))
        process = run.start(cluster="dask")
        output = process.communicate(timeout=300)[0]
        assert process.returncode in {1, 3}, output
        filler.unlink()
        since = _clock()
        line = output.strip().splitlines()[-1].removeprefix("smartms: ")
        return f"exit {process.returncode}: {line}", _rerun(run, since)


def record_damaged(folder: Path) -> Report:
    run = Run(folder, {})
    _end(run, run.start(cluster="dask"))
    (run.out / "ledger" / UNIT / "attempt-0001.json").write_text('{"unit": "sub')
    since = _clock()
    seconds = _rerun(run, since)
    return f"only {UNIT} ran again: {_attempts_after_damage(run)}", seconds


def _attempts_after_damage(run: Run) -> str:
    names = [path.name for path in sorted((run.out / "ledger" / UNIT).glob("attempt-*.json"))]
    last = json.loads((run.out / "ledger" / UNIT / names[-1]).read_text())
    return f"{names[-1]} {last['state']}"


def derivative_cut(folder: Path) -> Report:
    run = Run(folder, {})
    _end(run, run.start(cluster="dask"))
    path = run.out / "sub-01" / f"{UNIT}.txt"
    path.write_text(path.read_text()[:3])
    since = _clock()
    return "seen by its SHA-256, made again", _rerun(run, since)


def stale_lease(folder: Path) -> Report:
    run = Run(folder, {})
    held = {"host": os.uname().nodename, "pid": 2**22, "start_ticks": 1, "job": ""}
    path = run.out / "ledger" / UNIT / "lease.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(held))
    return "its process is gone, so it counts for nothing", _rerun(run, _clock())


def two_runs(folder: Path) -> Report:
    run = Run(folder, WAITS)
    first = run.start(cluster="dask")
    run.wait_for(UNIT)
    second = run.start(cluster="dask")
    since = _clock()
    output = _end(run, second, code=3)
    assert f"running: {UNIT}" in output, output
    (run.bids / "go").touch()
    seconds = _recover(run, first, since)
    return f"the second left it alone; {UNIT}: {_attempts(run)}", seconds


def job_cancelled(folder: Path) -> Report:
    return _job_ended(folder, _cancel)


def walltime_hit(folder: Path) -> Report:
    return _job_ended(folder, _shorten)


def _cancel(lease: Lease) -> None:
    subprocess.run(["scancel", name_of(lease["job"])], check=True)


def _shorten(lease: Lease) -> None:
    command = ["scontrol", "update", f"JobId={name_of(lease['job'])}", "TimeLimit=1"]
    subprocess.run(command, check=True)


def _kill_worker(lease: Lease) -> None:
    status = Path(f"/proc/{lease['pid']}/status").read_text()
    os.kill(int(status.partition("PPid:")[2].split()[0]), signal.SIGKILL)


def _job_ended(folder: Path, end: Callable[[Lease], None]) -> Report:
    run = Run(folder, WAITS, jobs=1)
    process = run.start()
    end(run.wait_for(UNIT))
    wait_until(lambda: run.attempts(UNIT), seconds=200)
    since = _clock()
    (run.bids / "go").touch()
    seconds = _recover(run, process, since)
    return f"{_attempts(run)}; same run", seconds


def worker_killed(folder: Path) -> Report:
    return _job_ended(folder, _kill_worker)


def array_task_cancelled(folder: Path) -> Report:
    return _array_task_ended(folder, _cancel)


def array_task_out_of_time(folder: Path) -> Report:
    return _array_task_ended(folder, _shorten)


def _array_task_ended(folder: Path, end: Callable[[Lease], None]) -> Report:
    run = Run(folder, WAITS)
    _end(run, run.start("--emit-slurm-array", "jobs"))
    command = ["bash", str(folder / "jobs" / "submit.sh")]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    end(run.wait_for(UNIT))
    wait_until(lambda: run.attempts(UNIT), seconds=200)
    what = f"{_attempts(run)}; the arrays after it went on"
    since = _clock()
    (run.bids / "go").touch()
    wait_until(lambda: not jobs(), seconds=200)
    return what, _rerun(run, since)


def child_killed_on_node(folder: Path) -> Report:
    run = Run(folder, WAITS)
    process = run.start()
    os.kill(run.wait_for(UNIT)["pid"], signal.SIGKILL)
    since = _clock()
    wait_until(lambda: run.attempts(UNIT))
    (run.bids / "go").touch()
    seconds = _recover(run, process, since)
    return f"{_attempts(run)}; same run", seconds


def client_of_cluster_killed(folder: Path) -> Report:
    run = Run(folder, WAITS)
    process = run.start()
    job = run.wait_for(UNIT)["job"]
    process.kill()
    process.communicate()
    since = _clock()
    second = run.start()
    wait_until(lambda: job not in jobs())
    (run.bids / "go").touch()
    seconds = _recover(run, second, since)
    return "the second run cancelled the jobs that were left", seconds


def memory_exceeded(folder: Path) -> Report:
    run = Run(folder, {"M00_T1w": "hog 1500 seen\nvalue x"}, jobs=1, cores=1)
    process = run.start()
    wait_until(lambda: run.attempts(UNIT), seconds=200)
    since = _clock()
    seconds = _recover(run, process, since)
    return f"{_attempts(run)}; same run", seconds


def node_drained(folder: Path) -> Report:
    run = Run(folder, WAITS)
    process = run.start()
    job = run.wait_for(UNIT)["job"]
    command = ["squeue", "-h", "-j", job, "-o", "%N"]
    node = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    state = ["scontrol", "update", f"NodeName={node}"]
    subprocess.run([*state, "State=DRAIN", "Reason=test"], check=True)
    since = _clock()
    (run.bids / "go").touch()
    seconds = _recover(run, process, since)
    subprocess.run([*state, "State=RESUME"], check=True)
    return f"what ran there ended: {_attempts(run)}; same run", seconds


class SmallDisk:
    """A disk of 4 MiB in memory; needs root."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> None:
        self.folder.mkdir()
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(self.folder)], check=True
        )

    def __exit__(self, *_error: object) -> None:
        subprocess.run(["umount", "-l", str(self.folder)], check=True)


def _no_disk(folder: Path) -> str:
    """Return why no small disk can be mounted, or nothing."""
    try:
        with SmallDisk(folder / "disk"):
            return ""
    except subprocess.CalledProcessError:
        return "skipped: nothing can be mounted here"


LOCAL: dict[str, Fault] = {
    "SIGKILL of a unit": child_killed,
    "SIGKILL of the run": client_killed,
    "ledger entry damaged": record_damaged,
    "derivative cut short": derivative_cut,
    "lease of a dead process": stale_lease,
    "two runs on one output": two_runs,
}
DISKS: dict[str, Fault] = {
    "scratch disk full": scratch_full,
    "output disk full": output_full,
}
CLUSTER: dict[str, Fault] = {
    "scancel of a worker job": job_cancelled,
    "SIGKILL of a worker": worker_killed,
    "SIGKILL of a unit on a node": child_killed_on_node,
    "SIGKILL of the run on a cluster": client_of_cluster_killed,
    "walltime reached": walltime_hit,
    "memory limit reached": memory_exceeded,
    "node drained": node_drained,
    "scancel of an array task": array_task_cancelled,
    "walltime of an array task": array_task_out_of_time,
}


def main() -> int:
    """Print a table: fault, what happened, time to recover."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="faults"))
    failed = 0
    print("fault\twhat happened\tseconds until all was done")
    with ExitStack() as stack:
        faults = dict(LOCAL)
        folder.mkdir(parents=True, exist_ok=True)
        if reason := _no_disk(folder):
            print(f"full disks\t{reason}\t")
        else:
            faults |= DISKS
        if reason := why_not():
            print(f"faults of a SLURM cluster\t{reason}\t")
        else:
            stack.enter_context(mini_slurm())
            faults |= CLUSTER
        for number, (name, fault) in enumerate(faults.items()):
            place = folder / f"fault{number}"
            place.mkdir(parents=True)
            try:
                what, seconds = fault(place)
            except BaseException as error:
                if isinstance(error, KeyboardInterrupt):
                    raise
                failed += 1
                what, seconds = f"NOT RECOVERED: {error}", float("nan")
            print(f"{name}\t{what}\t{seconds:.1f}", flush=True)
            shutil.rmtree(place, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
