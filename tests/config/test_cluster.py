"""Execution configurations: what is shipped, and what is refused in one line."""

from pathlib import Path

import pytest
import yaml

from smartms_img.config import SlurmConfig, load_cluster
from smartms_img.errors import ConfigurationError, ExitCode

CLUSTERS = Path(__file__).parents[2] / "configs" / "clusters"
DOCS = Path(__file__).parents[2] / "docs" / "hpc.md"
SLURM = {"walltime": "12:00:00", "jobs": 4, "memory_gb": 12}


@pytest.mark.parametrize(
    ("name", "launcher"),
    [("debug", "inprocess"), ("local", "dask"), ("workstation", "dask"), ("slurm", "slurm")],
)
def test_shipped_files_are_valid(name: str, launcher: str) -> None:
    assert load_cluster(CLUSTERS / f"{name}.yaml").launcher == launcher


def test_no_other_file_is_shipped() -> None:
    names = {path.stem for path in CLUSTERS.iterdir()}
    assert names == {"debug", "local", "workstation", "slurm"}


def test_the_shipped_slurm_file_has_the_keys_that_it_proposes(tmp_path: Path) -> None:
    text = (CLUSTERS / "slurm.yaml").read_text().replace("\n  # ", "\n  ")
    lines = [line for line in text.splitlines() if not line.startswith("  Four")]
    (tmp_path / "slurm.yaml").write_text("\n".join(lines))
    slurm = load_cluster(tmp_path / "slurm.yaml").slurm
    assert slurm is not None
    assert slurm.model_fields_set == SlurmConfig.model_fields.keys() - {"python"}


def test_every_key_is_described_here_and_in_the_manual() -> None:
    assert all(field.description for field in SlurmConfig.model_fields.values())
    manual = DOCS.read_text()
    assert not [name for name in SlurmConfig.model_fields if f"`{name}`" not in manual]


@pytest.mark.parametrize(
    ("walltime", "seconds"), [("12:00:00", 43200), ("1-02:00:30", 93630), ("100:00:00", 360000)]
)
def test_walltime(walltime: str, seconds: int) -> None:
    config = SlurmConfig.model_validate(SLURM | {"walltime": walltime})
    assert config.walltime_s == seconds
    # An hour for the longest unit, two minutes to end in.
    assert config.open_s == seconds - 3600 - 120


@pytest.mark.parametrize(
    ("changes", "python"),
    [
        ({}, None),
        ({"python": "/env/bin/python"}, "/env/bin/python"),
        ({"container": "apptainer exec x.sif"}, "apptainer exec x.sif python"),
        ({"container": "apptainer exec x.sif", "python": "py"}, "apptainer exec x.sif py"),
    ],
)
def test_python_of_the_workers(changes: dict[str, str], python: str | None) -> None:
    assert SlurmConfig.model_validate(SLURM | changes).interpreter == python


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"launcher": "slurm"}, "launcher 'slurm' needs the key 'slurm'"),
        ({"slurm": SLURM}, "the key 'slurm' has no meaning for launcher 'dask'"),
        ({"launcher": "pbs"}, "'launcher' is 'pbs' and should be 'inprocess', 'dask' or 'slurm'"),
        ({"walltime": "12h"}, "'slurm.walltime' is '12h', and should be 'HH:MM:SS'"),
        ({"walltime": 43200}, "'slurm.walltime' should be text: write it in quotes"),
        ({"walltime": "00:30:00"}, "walltime 00:30:00 is too short: a unit takes up to 60 min"),
        ({"directives": ["qos=x"]}, "'slurm.directives' has 'qos=x', and each should begin"),
        ({"partition": "a\nb"}, "'slurm.partition' should be one line of text"),
        ({"account": ""}, "'slurm.account' should be one line of text"),
        ({"jobs": 0}, "'slurm.jobs' is 0 and should be greater than or equal to 1"),
        ({"memory_gb": 0}, "'slurm.memory_gb' is 0 and should be greater than 0"),
        (
            {"prologue": "module load a"},
            "'slurm.prologue' is 'module load a' and should be a list",
        ),
        ({"partion": "a"}, "unknown key 'slurm.partion'. Did you mean 'partition'?"),
    ],
)
def test_refusals_are_one_line(tmp_path: Path, content: dict[str, object], message: str) -> None:
    if not content.keys() & {"launcher", "slurm"}:
        content = {"launcher": "slurm", "slurm": SLURM | content}
    path = tmp_path / "cluster.yaml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(ConfigurationError) as caught:
        load_cluster(path)
    line = str(caught.value)
    assert message in line
    assert line.startswith("cluster.yaml: ")
    assert line.isprintable()
    assert caught.value.exit_code is ExitCode.BAD_INPUT


def test_yaml_reads_some_times_as_numbers(tmp_path: Path) -> None:
    path = tmp_path / "cluster.yaml"
    path.write_text("launcher: slurm\nslurm: {walltime: 12:00:00, jobs: 1, memory_gb: 3}\n")
    with pytest.raises(ConfigurationError, match="write it in quotes, as in '12:00:00'"):
        load_cluster(path)
