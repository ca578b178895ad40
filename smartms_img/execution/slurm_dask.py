"""The Dask side of the SLURM launcher: job script, certificates, and the cluster."""

from __future__ import annotations

import shlex
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dask
from distributed import Security, Status

from smartms_img.config import SlurmConfig
from smartms_img.config.cluster import SPARE_S
from smartms_img.errors import InputError
from smartms_img.execution.launchers import LOOPBACK, SCHEDULER_SETTINGS, WORKER_SETTINGS
from smartms_img.execution.slurm_jobs import memory_mib

_PRELOAD = "smartms_img.execution.slurm_task"
_STAGGER_S = SPARE_S // 4
_CONNECT_S = 60
# A worker that is gone for so long is replaced by a new job.
_REPLACE_AFTER_S = 5


@contextmanager
def _same_interrupt() -> Iterator[None]:
    """Keep what Ctrl-C does: dask-jobqueue, when imported, makes it a silent success."""
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


with _same_interrupt():
    from dask_jobqueue.slurm import SLURMCluster, SLURMJob


class WorkerJob(SLURMJob):
    """A job that ends with its worker: Dask does not cancel it when the worker is lost.

    SLURM can then still tell why. What lives on is cancelled by the pool.
    """

    async def close(self) -> None:
        """Count the job as closed, which Dask asks of all jobs when a cluster ends."""
        self.status = Status.closed


class WorkerCluster(SLURMCluster):
    """A cluster of such jobs."""

    job_cls = WorkerJob

    async def forget(self, name: str) -> None:
        """Let go of a job that has ended before its worker came, so that another replaces it."""
        if job := self.workers.pop(name, None):
            await job.close()


def make_cluster(config: SlurmConfig, folder: Path) -> WorkerCluster:
    """Start a scheduler, without workers yet.

    Parameters
    ----------
    config : SlurmConfig
        Worker jobs.
    folder : Path
        Private folder on shared storage.

    Raises
    ------
    InputError
        If the scheduler cannot listen where it is told to.
    """
    lost = {"distributed.deploy.lost-worker-timeout": f"{_REPLACE_AFTER_S}s"}
    dask.config.set(SCHEDULER_SETTINGS | lost)
    settings = job_settings(config, folder)
    try:
        return WorkerCluster(
            **settings,
            name=folder.name,
            security=credentials(folder),
            scheduler_options={"dashboard_address": LOOPBACK},
            silence_logs="CRITICAL",
        )
    except RuntimeError as error:
        words = " ".join(str(error).split()).rstrip(".")
        problem = f"Dask's scheduler cannot be started ({words})"
        raise InputError(problem, "Correct 'slurm.interface' in the --cluster file") from error


def job_settings(config: SlurmConfig, folder: Path) -> dict[str, Any]:
    """Return the arguments of dask-jobqueue that describe a worker job.

    Parameters
    ----------
    config : SlurmConfig
        Worker jobs.
    folder : Path
        Private folder on shared storage; its name becomes that of the jobs.
    """
    if any(sign.isspace() for sign in str(folder)):
        problem = "the path of the output folder holds a space, which SLURM does not take"
        raise InputError(problem, "Give another folder", file=folder.parents[1].name)
    lifetime = config.walltime_s - SPARE_S + _STAGGER_S
    exports = [
        f"export {_variable(name)}={shlex.quote(str(value))}"
        for name, value in WORKER_SETTINGS.items()
    ]
    return {
        "queue": config.partition,
        "account": config.account,
        "walltime": config.walltime,
        "cores": config.cores,
        "processes": 1,
        "memory": f"{config.memory_gb:g} GB",
        "job_mem": f"{memory_mib(config.memory_gb)}M",
        "job_name": folder.name,
        # A requeued job would run beside the one that replaces it.
        "job_extra_directives": ["--no-requeue", *config.directives],
        "job_script_prologue": [*exports, *config.prologue],
        "python": config.interpreter,
        "nanny": False,
        "interface": config.interface,
        "death_timeout": _CONNECT_S,
        "local_directory": config.local_scratch or str(folder),
        "log_directory": str(folder),
        "worker_extra_args": [
            *("--lifetime", f"{lifetime}s", "--lifetime-stagger", f"{_STAGGER_S}s"),
            *("--preload", _PRELOAD, "--dashboard-address", LOOPBACK, "--no-dashboard"),
        ],
    }


def credentials(folder: Path) -> Any:
    """Return credentials that only this run has, in files that only this user can read.

    The port of the scheduler runs code for anybody who reaches it.
    """
    made = Security.temporary()  # type: ignore[no-untyped-call]
    files = {}
    for name in ("ca_file", "worker_cert", "worker_key"):
        files[name] = folder / f"{name}.pem"
        files[name].touch(mode=0o600)
        files[name].write_text(getattr(made, f"tls_{name}"), encoding="ascii")
    roles = ("client", "scheduler", "worker")
    return Security(  # type: ignore[no-untyped-call]
        require_encryption=True,
        tls_ca_file=str(files["ca_file"]),
        **{
            f"tls_{role}_{what}": str(files[f"worker_{what}"])
            for role in roles
            for what in ("cert", "key")
        },
    )


def _variable(setting: str) -> str:
    """Return the environment variable of a setting of Dask.

    >>> _variable("distributed.admin.log-length")
    'DASK_DISTRIBUTED__ADMIN__LOG_LENGTH'
    """
    return f"DASK_{setting.upper().replace('.', '__').replace('-', '_')}"
