"""``smartms run-unit``: the worker that every launcher starts; not for users."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from smartms_img.config import load_study, study_digest
from smartms_img.errors import ExitCode, InputError
from smartms_img.execution.child import die_with_supervisor
from smartms_img.execution.dataset import CONFIG_FILE
from smartms_img.execution.failure import BUSY_EXIT_CODE
from smartms_img.execution.lease import UnitBusyError
from smartms_img.execution.plan_file import read_unit
from smartms_img.execution.slurm_array import SUPERVISED
from smartms_img.execution.supervised import run_supervised
from smartms_img.execution.units import Unit, UnitContext
from smartms_img.execution.worker import Paths, run_unit
from smartms_img.io.lock import refuse_locked

_EXIT_CODES = {"done": ExitCode.DONE, "failed": ExitCode.SOME_UNITS_FAILED}


def run_unit_command(  # noqa: PLR0913, PLR0917 - one argument an option
    bids: Path,
    out: Path,
    unit: Annotated[str, typer.Option(help="Unit id.")],
    row: Annotated[str, typer.Option("--row-hash", help="SHA-256 of its row of the plan.")],
    work: Annotated[Path, typer.Option("-w", "--work", help="Scratch folder of the unit.")],
    config: Annotated[Path | None, typer.Option(help="Study configuration.")] = None,
    config_hash: Annotated[str, typer.Option(help="SHA-256 of the study configuration.")] = "",
    keep_work: Annotated[bool, typer.Option(help="Keep the scratch folder.")] = False,
    supervised: Annotated[bool, typer.Option(SUPERVISED, help="Run it in a child.")] = False,
) -> None:
    """Run one unit of the plan in this process."""
    if not supervised:
        die_with_supervisor()
    # A job that was submitted earlier may start only now.
    refuse_locked(out)
    planned = read_unit(out, unit, row)
    study = load_study(config or out / CONFIG_FILE)
    if config_hash and study_digest(study) != config_hash:
        problem = "another run has given this output another configuration"
        raise InputError(problem, "Start it again with the one that is meant")
    # Nodes of a workflow run in folders of their own.
    paths = Paths(bids.absolute(), out.absolute(), work.absolute(), keep_work)
    if supervised:
        state = run_supervised(planned, paths, study.mri.seed)
        raise typer.Exit(_EXIT_CODES.get(state.state, BUSY_EXIT_CODE))
    try:
        attempt = run_unit(planned, paths, study, _execute)
    except UnitBusyError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(BUSY_EXIT_CODE) from error
    if attempt.state == "failed":
        raise typer.Exit(ExitCode.SOME_UNITS_FAILED)


def _execute(unit: Unit, context: UnitContext) -> None:
    # Only this command needs nipype and the pipelines, which take seconds to import.
    from pipelines.registry import build_workflow  # noqa: PLC0415
    from smartms_img.execution.nipype_run import run_workflow  # noqa: PLC0415

    run_workflow(build_workflow(unit, context), context.work)
