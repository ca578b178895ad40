import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from smartms_img.execution.lease import (
    EXPIRES_S,
    HEARTBEAT_S,
    UnitBusyError,
    claim,
    lease,
    lease_file,
    live_holder,
    live_lease,
    release_dead,
    release_job,
)

UNIT = "sub-01_ses-M00_mri"


def test_a_second_live_attempt_is_fenced(tmp_path: Path) -> None:
    with lease(tmp_path, UNIT):
        held = live_lease(tmp_path, UNIT)
        assert held is not None
        assert held.pid == os.getpid()
        with pytest.raises(UnitBusyError, match=f"process {os.getpid()}"), lease(tmp_path, UNIT):
            pass
    assert live_lease(tmp_path, UNIT) is None


def test_the_lease_of_a_dead_process_does_not_hold(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from smartms_img.execution.lease import lease\n"
        f"with lease(Path(sys.argv[1]), '{UNIT}'): os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert lease_file(tmp_path, UNIT).is_file()
    assert live_lease(tmp_path, UNIT) is None
    with lease(tmp_path, UNIT):
        assert live_lease(tmp_path, UNIT) is not None


def test_a_process_id_that_was_given_again_does_not_hold(tmp_path: Path) -> None:
    with lease(tmp_path, UNIT):
        path = lease_file(tmp_path, UNIT)
        content = json.loads(path.read_text())
        path.write_text(json.dumps(content | {"start_ticks": content["start_ticks"] - 1}))
        assert live_lease(tmp_path, UNIT) is None


def test_an_empty_lease_that_a_full_disk_has_left_does_not_hold_for_long(tmp_path: Path) -> None:
    path = lease_file(tmp_path, UNIT)
    path.parent.mkdir(parents=True)
    path.touch()
    with pytest.raises(UnitBusyError), lease(tmp_path, UNIT):
        pass
    past = time.time() - HEARTBEAT_S - 1
    os.utime(path, (past, past))
    with lease(tmp_path, UNIT):
        assert live_lease(tmp_path, UNIT) is not None


def test_the_process_of_another_container_is_judged_by_its_heartbeat(tmp_path: Path) -> None:
    """Containers may share the name of a host, and each counts its processes from 1."""
    with lease(tmp_path, UNIT):
        path = lease_file(tmp_path, UNIT)
        content = json.loads(path.read_text()) | {"namespace": "another", "start_ticks": 1}
        path.write_text(json.dumps(content))
        assert live_lease(tmp_path, UNIT) is not None
        past = time.time() - EXPIRES_S - 1
        os.utime(path, (past, past))
        assert live_lease(tmp_path, UNIT) is None


def test_the_lease_of_another_host_expires_without_heartbeat(tmp_path: Path) -> None:
    path = lease_file(tmp_path, UNIT)
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"host": "elsewhere", "pid": 1, "start_ticks": 1}))
    assert live_lease(tmp_path, UNIT) is not None
    past = time.time() - EXPIRES_S - 1
    os.utime(path, (past, past))
    assert live_lease(tmp_path, UNIT) is None
    release_dead(tmp_path, UNIT)
    assert not path.exists()


def test_the_lease_of_an_ended_job_is_released_at_once(tmp_path: Path) -> None:
    path = lease_file(tmp_path, UNIT)
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"host": "elsewhere", "pid": 1, "start_ticks": 1, "job": "7"}))
    release_job(tmp_path, UNIT, "8")
    assert live_lease(tmp_path, UNIT) is not None
    release_job(tmp_path, UNIT, "7")
    assert live_lease(tmp_path, UNIT) is None


def test_a_lease_names_the_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    with lease(tmp_path, UNIT):
        held = live_lease(tmp_path, UNIT)
    assert held is not None
    assert held.job == "7"


def test_a_claim_tells_whether_its_process_lives(tmp_path: Path) -> None:
    path = tmp_path / "client.json"
    assert live_holder(path) is None
    claim(path)
    assert live_holder(path) is not None
    code = (
        "import sys; from pathlib import Path; from smartms_img.execution.lease import claim\n"
        "claim(Path(sys.argv[1]))"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
    assert live_holder(path) is None
