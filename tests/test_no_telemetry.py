"""Libraries that would report their use over the network do not, and leave no identifiers."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

NETWORKS = "smartms_img.oct.layer_net", "smartms_img.mri.lesion_net"
SHOW = "import os; print(os.environ.get('NO_ET'), os.environ.get('ORT_DISABLE_TELEMETRY'))"
TELLING = {"ORT_DISABLE_TELEMETRY", "NO_ET", "NIPYPE_NO_ET", "CI"}


def python(code: str, home: Path) -> str:
    kept = {name: value for name, value in os.environ.items() if name not in TELLING}
    environment = kept | {"HOME": str(home), "TMPDIR": str(home), "XDG_CACHE_HOME": str(home)}
    command = [sys.executable, "-c", code]
    return subprocess.check_output(command, env=environment, text=True)


@pytest.mark.parametrize("module", NETWORKS)
def test_a_network_leaves_neither_session_nor_device_id(module: str, tmp_path: Path) -> None:
    python(f"import {module}", tmp_path)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize("module", ["smartms_img", "pipelines.registry"])
def test_reports_are_off_whatever_is_imported_first(module: str, tmp_path: Path) -> None:
    assert python(f"import {module}; {SHOW}", tmp_path).split() == ["1", "1"]
