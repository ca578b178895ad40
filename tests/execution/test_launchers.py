import asyncio
import sys
from pathlib import Path

import pytest

from smartms_img.execution.child import Job
from smartms_img.execution.launchers import DaskLauncher, InProcessLauncher, Launcher


def job(tmp_path: Path, name: str, code: str) -> Job:
    command = (sys.executable, "-c", code)
    environment = {"SMARTMS_TEST_WORD": "given"}
    return Job(name, command, environment, tmp_path / "bids", tmp_path / "out", tmp_path / name)


def listening_addresses() -> set[str]:
    """Hexadecimal local IPv4 addresses on which this process listens."""
    own = {str(path.readlink()) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()}
    lines = Path("/proc/self/net/tcp").read_text().splitlines()[1:]
    fields = [line.split() for line in lines]
    return {f[1].split(":")[0] for f in fields if f[3] == "0A" and f"socket:[{f[9]}]" in own}


@pytest.mark.parametrize("kind", ["inprocess", "dask"])
def test_exit_code_log_environment_and_folder(tmp_path: Path, kind: str) -> None:
    launcher: Launcher = (
        InProcessLauncher() if kind == "inprocess" else DaskLauncher(2, tmp_path / "dask")
    )
    code = "import os, sys; print(os.environ['SMARTMS_TEST_WORD'], os.getcwd()); sys.exit(5)"
    try:
        launcher.start(job(tmp_path, "unit", code))
        ended = launcher.wait()
        launcher.start(job(tmp_path, "dead", "import os; os.kill(os.getpid(), 15)"))
        killed = launcher.wait()
    finally:
        launcher.close()
    assert (ended.unit, ended.code) == ("unit", 5)
    assert ended.max_rss_mb > 1
    assert killed.code == -15
    assert (tmp_path / "out/logs/unit.log").read_text() == "given WORK/unit\n"


def test_dask_listens_on_loopback_at_most(tmp_path: Path) -> None:
    launcher = DaskLauncher(1, tmp_path / "dask")
    try:
        launcher.start(job(tmp_path, "unit", ""))
        launcher.wait()
        assert listening_addresses() <= {"0100007F"}
    finally:
        launcher.close()


def test_the_scheduler_keeps_nothing_of_a_unit_that_has_ended(tmp_path: Path) -> None:
    """Dask keeps what it knows of a name for ever, so units share one."""
    launcher = DaskLauncher(1, tmp_path / "dask")
    try:
        for name in ("sub-01_ses-M00_mri", "sub-02_subject", "unit3"):
            launcher.start(job(tmp_path, name, ""))
            launcher.wait()
        scheduler = launcher._client.cluster.scheduler
        assert len(scheduler.task_prefixes) == 1
    finally:
        launcher.close()


def test_time_outs_that_dask_leaves_unread_are_not_printed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def leave(error: Exception) -> None:
        future = loop.create_future()
        future.set_exception(error)
        del future

    def printed() -> list[str]:
        return [r.getMessage() for r in caplog.records if r.name == "asyncio"]

    loop = asyncio.new_event_loop()
    launcher = DaskLauncher(1, tmp_path / "dask")
    try:
        launcher.start(job(tmp_path, "unit", ""))
        launcher.wait()
        caplog.clear()
        leave(TimeoutError("Timeout"))
        assert not printed()
        leave(ValueError("of some other kind"))
        (message,) = printed()
        assert message.startswith("Future exception was never retrieved")
    finally:
        launcher.close()
        loop.close()
