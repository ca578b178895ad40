"""Units as plain SLURM job arrays, for those who submit their jobs themselves."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from smartms_img.config import SlurmConfig
from smartms_img.execution.child import Job
from smartms_img.execution.slurm_jobs import memory_mib
from smartms_img.execution.units import Unit
from smartms_img.io.atomic import write_text
from smartms_img.naming import UnitKind

SUPERVISED = "--supervised"
# SLURM's default MaxArraySize is 1001, and the highest index is one less than that.
_LONGEST_ARRAY = 1000
_SCRIPT = """#!/usr/bin/env bash
{header}

{prologue}set -u
task=$(sed -n "${{SLURM_ARRAY_TASK_ID}}p" {tasks})
eval "exec $task"
"""


@dataclass(frozen=True)
class _Array:
    """Jobs of one kind that do not wait for each other, and the places of arrays before them."""

    name: str
    jobs: tuple[Job, ...]
    after: tuple[int, ...]


def write_arrays(
    folder: Path,
    units: Sequence[Unit],
    job: Callable[[Unit], Job],
    config: SlurmConfig,
) -> list[Path]:
    """Write job arrays, their lists of tasks, and the script that submits them.

    Parameters
    ----------
    folder : Path
        Where to write.
    units : sequence of Unit
        What to run: a unit comes after those it depends on.
    job : callable
        Makes the job of a unit, with the memory that it needs.
    config : SlurmConfig
        Partition, time and the like; ``jobs * cores`` tasks run side by side.

    Returns
    -------
    list of Path
        Array scripts, in the order in which they are submitted.
    """
    arrays = _arrays(units, job)
    for array in arrays:
        tasks = "".join(_command(one, config) + "\n" for one in array.jobs)
        write_text(folder / f"{array.name}.tasks", tasks)
        write_text(folder / f"{array.name}.sbatch", _script(folder, array, config))
    write_text(folder / "submit.sh", _submission(arrays))
    return [folder / f"{array.name}.sbatch" for array in arrays]


def _arrays(units: Sequence[Unit], job: Callable[[Unit], Job]) -> list[_Array]:
    """Gather units by kind, and follow-ups of a kind apart from what they build upon."""
    depth: dict[str, int] = {}
    kinds = {unit.id: unit.kind for unit in units}
    groups: dict[tuple[UnitKind, int], list[Unit]] = {}
    for unit in units:
        same = [depth[name] for name in unit.depends if kinds.get(name) is unit.kind]
        depth[unit.id] = max(same, default=0) + 1
        groups.setdefault((unit.kind, depth[unit.id]), []).append(unit)
    arrays: list[_Array] = []
    where: dict[str, int] = {}
    for kind, level in sorted(groups, key=lambda key: (list(UnitKind).index(key[0]), key[1])):
        members = groups[kind, level]
        for start in range(0, len(members), _LONGEST_ARRAY):
            part = members[start : start + _LONGEST_ARRAY]
            after = {where[name] for unit in part for name in unit.depends if name in where}
            jobs = tuple(job(unit) for unit in part)
            where |= {unit.id: len(arrays) for unit in part}
            arrays.append(_Array(f"{len(arrays) + 1:02d}-{kind}", jobs, tuple(sorted(after))))
    return arrays


def _command(job: Job, config: SlurmConfig) -> str:
    """Return the shell command of a task: it names unit and plan row, not a place in a list."""
    words = [shlex.quote(word) for word in (*job.command[1:], SUPERVISED)]
    if config.local_scratch:
        local = f'"{config.local_scratch}/smartms-$SLURM_JOB_ID/{job.unit}"'
        words[words.index(shlex.quote(str(job.work)))] = local
    return " ".join([config.interpreter or shlex.quote(sys.executable), *words])


def _script(folder: Path, array: _Array, config: SlurmConfig) -> str:
    count, memory = len(array.jobs), max(job.memory_gb for job in array.jobs)
    options = [
        f"--job-name=smartms-{array.name}",
        f"--array=1-{count}%{config.jobs * config.cores}",
        *([f"--partition={config.partition}"] if config.partition else []),
        *([f"--account={config.account}"] if config.account else []),
        f"--time={config.walltime}",
        "--ntasks=1",
        "--cpus-per-task=1",
        f"--mem={memory_mib(memory)}M",
        "--output=%x-%A_%a.log",
        *config.directives,
    ]
    return _SCRIPT.format(
        header="\n".join(f"#SBATCH {option}" for option in options),
        prologue="".join(f"{line}\n" for line in config.prologue),
        tasks=shlex.quote(str(folder / f"{array.name}.tasks")),
    )


def _submission(arrays: Sequence[_Array]) -> str:
    lines = [
        "#!/usr/bin/env bash",
        "# Submits the arrays; each starts when those it builds upon have ended, well or not.",
        "set -euo pipefail",
        'cd "$(dirname "$0")"',
    ]
    for number, array in enumerate(arrays):
        jobs = "".join(f":${{job{before}%%;*}}" for before in array.after)
        after = f"--dependency=afterany{jobs} " if jobs else ""
        lines.append(f"job{number}=$(sbatch --parsable {after}{array.name}.sbatch)")
        lines.append(f'echo "{array.name}: job ${{job{number}%%;*}}"')
    return "\n".join(lines) + "\n"
