"""A pool whose parent is killed leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

# Two processes that work for an hour; their parent prints their ids.
PARENT = """
import os, time
from smartms_img.io.processes import process_pool

if __name__ == "__main__":
    with process_pool(2) as pool:
        first, second = pool.submit(os.getpid), pool.submit(os.getpid)
        print(first.result(), second.result(), flush=True)
        list(pool.map(time.sleep, [3600, 3600]))
"""


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_processes_of_a_pool_end_with_a_killed_parent(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT, encoding="utf-8")
    command = [sys.executable, script]
    # Python warns there of the semaphores of the killed parent.
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as parent:
        assert parent.stdout is not None
        workers = {int(word) for word in parent.stdout.readline().split()}
        assert all(map(is_alive, workers))
        os.kill(parent.pid, signal.SIGKILL)
    until = time.monotonic() + 30
    while any(map(is_alive, workers)) and time.monotonic() < until:
        time.sleep(0.1)
    assert not any(map(is_alive, workers))
