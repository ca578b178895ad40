"""Job arrays as text, and one task as the shell would run it."""

import os
import shlex
import subprocess
from pathlib import Path

import pytest
from fake_smartms import COMMAND, fake_config, make_dataset

from smartms_img.config import ClusterConfig
from smartms_img.errors import InputError
from smartms_img.execution.engine import Engine
from smartms_img.execution.places import check_places
from smartms_img.execution.plan_file import row_hash
from smartms_img.execution.select import Selection
from smartms_img.io.ledger import latest_attempt

SLURM = {"walltime": "04:00:00", "jobs": 3, "cores": 2, "memory_gb": 6, "partition": "long"}


def engine(tmp_path: Path, **slurm: object) -> Engine:
    cluster = ClusterConfig.model_validate({"launcher": "slurm", "slurm": SLURM | slurm})
    places = check_places(tmp_path / "bids", tmp_path / "out")
    return Engine(places, fake_config(), cluster, COMMAND)


def test_arrays_follow_the_dependencies(tmp_path: Path) -> None:
    make_dataset(tmp_path / "bids", s01={}, s02={})
    made, folder = engine(tmp_path), tmp_path / "my jobs"
    units = {unit.id: unit for unit in made.prepare().units}
    assert made.emit_arrays(list(units.values()), Selection(), folder) == 12
    names = ["01-session", "02-pair", "03-eye", "04-eye", "05-subject"]
    assert sorted(path.stem for path in folder.glob("*.sbatch")) == names
    seen = []
    for name in names:
        for line in (folder / f"{name}.tasks").read_text().splitlines():
            words = shlex.split(line)
            unit = units[words[words.index("--unit") + 1]]
            assert words[words.index("--row-hash") + 1] == row_hash(unit)
            assert set(unit.depends) <= set(seen)
            seen.append(unit.id)
    assert sorted(seen) == sorted(units)
    submissions = [
        line for line in (folder / "submit.sh").read_text().splitlines() if "=$(" in line
    ]
    assert [line.partition("parsable ")[2] for line in submissions] == [
        "01-session.sbatch)",
        "--dependency=afterany:${job0%%;*} 02-pair.sbatch)",
        "03-eye.sbatch)",
        "--dependency=afterany:${job2%%;*} 04-eye.sbatch)",
        "--dependency=afterany:${job2%%;*}:${job3%%;*} 05-subject.sbatch)",
    ]
    for script in (*folder.glob("*.sbatch"), folder / "submit.sh"):
        subprocess.run(["bash", "-n", script], check=True)


def test_an_array_script(tmp_path: Path) -> None:
    make_dataset(tmp_path / "bids", s01={}, s02={})
    made = engine(tmp_path, account="group", directives=["--qos=x"], prologue=["module load a"])
    made.emit_arrays(made.prepare().units, Selection(), tmp_path / "jobs")
    assert (
        (tmp_path / "jobs/01-session.sbatch").read_text()
        == f"""#!/usr/bin/env bash
#SBATCH --job-name=smartms-01-session
#SBATCH --array=1-4%6
#SBATCH --partition=long
#SBATCH --account=group
#SBATCH --time=04:00:00
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=1
#SBATCH --mem=2862M
#SBATCH --output=%x-%A_%a.log
#SBATCH --qos=x

module load a
set -u
task=$(sed -n "${{SLURM_ARRAY_TASK_ID}}p" {tmp_path}/jobs/01-session.tasks)
eval "exec $task"
"""
    )


def test_a_task_runs_its_unit_under_supervision(tmp_path: Path) -> None:
    make_dataset(tmp_path / "bids", s01={"M06_T1w": "kill"})
    made = engine(tmp_path, local_scratch="$SCRATCH")
    made.emit_arrays(made.prepare().units, Selection(), tmp_path / "jobs")
    codes = {}
    for number in (1, 2):
        variables = {"SLURM_ARRAY_TASK_ID": str(number), "SLURM_JOB_ID": "7"}
        variables["SCRATCH"] = str(tmp_path / "node local")
        script = tmp_path / "jobs/01-session.sbatch"
        ended = subprocess.run(["bash", script], env=os.environ | variables, check=False)
        codes[number] = ended.returncode
    assert codes == {1: 0, 2: 3}
    done = latest_attempt(tmp_path / "out", "sub-01_ses-M00_mri")
    killed = latest_attempt(tmp_path / "out", "sub-01_ses-M06_mri")
    assert done is not None
    assert killed is not None
    assert (done.state, done.job_id) == ("done", "7")
    assert (killed.cause, killed.job_id) == ("killed", "7")
    assert (tmp_path / "out/logs/sub-01_ses-M00_mri.log").is_file()
    assert (tmp_path / "out/ledger/sub-01_ses-M06_mri/failure.md").is_file()
    assert not (tmp_path / "node local/smartms-7/sub-01_ses-M00_mri").exists()
    # What is done is left out, what has failed is not.
    made.emit_arrays(made.prepare().units, Selection(sessions=("M00",)), tmp_path / "rest")
    assert not list((tmp_path / "rest").glob("*-session.tasks"))


def test_arrays_need_the_configuration_of_jobs(tmp_path: Path) -> None:
    make_dataset(tmp_path / "bids", s01={})
    places = check_places(tmp_path / "bids", tmp_path / "out")
    local = Engine(places, fake_config(), ClusterConfig.model_validate({}), COMMAND)
    with pytest.raises(InputError, match="Give a --cluster file with launcher 'slurm'"):
        local.emit_arrays(local.prepare().units, Selection(), tmp_path / "jobs")
    made = engine(tmp_path)
    with pytest.raises(InputError, match="lies among the raw data"):
        made.emit_arrays(made.prepare().units, Selection(), tmp_path / "bids/jobs")
