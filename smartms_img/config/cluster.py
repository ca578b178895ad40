"""Where and how wide a run executes; never part of the configuration digest."""

from __future__ import annotations

import re
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from smartms_img.config.base import Frozen, Positive
from smartms_img.naming import UnitKind

SPARE_S = 120
"""Time in seconds that a worker job has to start in, and again to end in."""
_WALLTIME = re.compile(r"(?:\d+-)?\d{1,3}:[0-5]\d:[0-5]\d")


class SlurmConfig(Frozen):
    """Worker jobs of a SLURM cluster."""

    partition: str | None = Field(None, description="partition; default: that of the cluster")
    account: str | None = Field(None, description="account that the jobs are charged to")
    walltime: str = Field(
        description="time limit of a worker job, 'HH:MM:SS' or 'D-HH:MM:SS', in quotes"
    )
    longest_unit_minutes: int = Field(
        60, ge=1, description="a worker job with less time left than this takes no new unit"
    )
    jobs: int = Field(ge=1, description="worker jobs side by side")
    cores: int = Field(1, ge=1, description="cores of a worker job: units that it runs at once")
    memory_gb: Positive = Field(description="memory of a worker job in GB (10^9 bytes)")
    local_scratch: str | None = Field(
        None,
        description="folder on the compute node for scratch files, such as '$TMPDIR'; "
        "default: the scratch folder of the run",
    )
    prologue: tuple[str, ...] = Field(
        (), description="shell lines that come first, such as 'module load apptainer'"
    )
    container: str | None = Field(
        None, description="what starts a program in the image: 'apptainer exec IMAGE'"
    )
    python: str | None = Field(
        None, description="Python of the workers; default: this one, or the container's 'python'"
    )
    directives: tuple[str, ...] = Field(
        (), description="further options of sbatch, such as '--qos=long'"
    )
    interface: str | None = Field(
        None, description="network interface, such as 'ib0', that the nodes reach each other by"
    )

    @field_validator("walltime", mode="before")
    @classmethod
    def _quoted(cls, value: Any) -> Any:
        # YAML reads 12:00:00 as a number in base 60.
        if isinstance(value, int | float):
            raise ValueError("should be text: write it in quotes, as in '12:00:00'")
        return value

    @field_validator("walltime")
    @classmethod
    def _is_a_time(cls, value: str) -> str:
        if not _WALLTIME.fullmatch(value):
            raise ValueError(f"is '{value}', and should be 'HH:MM:SS' or 'D-HH:MM:SS'")
        return value

    @field_validator("directives")
    @classmethod
    def _are_options(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        for value in values:
            if not value.startswith("-"):
                raise ValueError(f"has '{value}', and each should begin with '-'")
        return values

    @field_validator(
        "partition", "account", "local_scratch", "container", "python", "directives", "interface"
    )
    @classmethod
    def _on_one_line(cls, value: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
        texts = value if isinstance(value, tuple) else [] if value is None else [value]
        if not all(text.strip() and text.isprintable() for text in texts):
            raise ValueError("should be one line of text")
        return value

    @model_validator(mode="after")
    def _leaves_time(self) -> Self:
        needed = self.longest_unit_minutes * 60 + 2 * SPARE_S
        if self.walltime_s < needed:
            unit = f"{self.longest_unit_minutes} min (longest_unit_minutes)"
            raise ValueError(
                f"walltime {self.walltime} is too short: a unit takes up to {unit}, "
                f"and a worker needs {2 * SPARE_S // 60} min to start and end"
            )
        return self

    @property
    def walltime_s(self) -> int:
        """Time limit in seconds."""
        days, _, clock = self.walltime.rpartition("-")
        hours, minutes, seconds = (int(part) for part in clock.split(":"))
        return ((int(days or 0) * 24 + hours) * 60 + minutes) * 60 + seconds

    @property
    def open_s(self) -> int:
        """Age in seconds up to which a worker takes units."""
        return self.walltime_s - SPARE_S - self.longest_unit_minutes * 60

    @property
    def interpreter(self) -> str | None:
        """Command that starts Python on a node; None for the Python of this process."""
        python = self.python or ("python" if self.container else None)
        return " ".join(part for part in (self.container, python) if part) or None


class ClusterConfig(Frozen):
    """Execution settings."""

    launcher: Literal["inprocess", "dask", "slurm"] = Field(
        "dask",
        description="'inprocess': one unit after another; 'dask': a local Dask cluster; "
        "'slurm': worker jobs of a SLURM cluster",
    )
    n_procs: int | None = Field(
        None, ge=1, description="units side by side; default: the cores, of all worker jobs"
    )
    mem_gb: float | None = Field(
        None, gt=0, description="memory to share out; default: the machine's, or the worker jobs'"
    )
    unit_memory_gb: dict[UnitKind, Positive] = Field(
        default_factory=dict,
        description="memory of a unit of each kind in GB (10^9 bytes), where it is not the usual; "
        "'smartms status --resources' suggests it",
    )
    slurm: SlurmConfig | None = Field(None, description="worker jobs, for launcher 'slurm'")

    @model_validator(mode="after")
    def _belong_together(self) -> Self:
        if self.launcher == "slurm" and self.slurm is None:
            raise ValueError("launcher 'slurm' needs the key 'slurm' with its worker jobs")
        if self.launcher != "slurm" and self.slurm is not None:
            raise ValueError(f"the key 'slurm' has no meaning for launcher '{self.launcher}'")
        return self
