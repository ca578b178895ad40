"""The command line: one application, and how errors reach the user."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Annotated

import typer
from typer.models import CommandInfo, TyperInfo

from smartms_img import __version__
from smartms_img.cli.check import check
from smartms_img.cli.lock import lock, lock_diff, unlock, verify
from smartms_img.cli.review import review, review_export, review_import
from smartms_img.cli.run import run
from smartms_img.cli.status import status
from smartms_img.cli.tables import tables
from smartms_img.cli.trace import trace
from smartms_img.cli.unit import run_unit_command
from smartms_img.errors import INTERRUPTED, ExitCode, SmartmsError
from smartms_img.execution.child import thread_environment
from smartms_img.io.atomic import is_disk_full

app = typer.Typer(
    name="smartms",
    help="Imaging endpoints for multiple-sclerosis trials: MRI atrophy and lesions, retinal OCT.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(check)
app.command()(run)
app.command()(status)
app.command()(tables)
app.command()(trace)
app.command()(review)
app.command("review-export")(review_export)
app.command("review-import")(review_import)
app.command()(lock)
app.command()(verify)
app.command()(unlock)
app.command("lock-diff")(lock_diff)
app.command("run-unit", hidden=True)(run_unit_command)

_LIGHT_COMMANDS = (
    *("check", "run", "run-unit", "status", "tables", "trace"),
    *("review", "review-export", "review-import"),
    *("lock", "verify", "unlock", "lock-diff"),
)
_LABEL_OPTIONS = ("--participant-label", "--session-label")
# It computes in the process of the command line.
_ONE_PROCESS = "measure"
_LEVELS = ("participant", "group")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"smartms {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Take the options that stand before a command."""


def _add_heavy_commands() -> None:
    """Add the commands that import the science; every unit's start would pay for them."""
    from smartms_img.cli.bench import bench_app  # noqa: PLC0415
    from smartms_img.cli.demo import demo  # noqa: PLC0415
    from smartms_img.cli.measure import measure_app  # noqa: PLC0415

    app.command()(demo)
    app.add_typer(measure_app)
    app.add_typer(bench_app)


def main() -> None:
    """Run the command line; a foreseen error is one line, any other one line and a log."""
    arguments = sys.argv[1:]
    try:
        if not arguments or arguments[0] not in _LIGHT_COMMANDS:
            if arguments[:1] == [_ONE_PROCESS]:
                # numpy reads the number of threads once, when it is imported.
                os.environ.update(thread_environment(seed=0))
            _add_heavy_commands()
        result = app(args=spread_labels(arguments), prog_name="smartms", standalone_mode=False)
        sys.exit(result if isinstance(result, int) else ExitCode.DONE)
    except typer.TyperException as error:
        if problem := error.format_message():
            typer.echo(f"smartms: {_usage(problem, arguments)}", err=True)
        sys.exit(error.exit_code)
    except SmartmsError as error:
        typer.echo(f"smartms: {error}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        typer.echo("smartms: interrupted", err=True)
        sys.exit(INTERRUPTED)
    except Exception as error:
        if is_disk_full(error):
            typer.echo("smartms: the disk is full. Free some; the same command goes on", err=True)
            sys.exit(ExitCode.PIPELINE_FAILED)
        typer.echo(f"smartms: {_one_line(error)}; traceback in {_write_log()}", err=True)
        sys.exit(ExitCode.PIPELINE_FAILED)


def spread_labels(arguments: list[str]) -> list[str]:
    """Repeat a label option for each of its labels, as BIDS Apps take several after one.

    >>> spread_labels(["run", "b", "o", "participant", "--participant-label", "01", "02"])[4:]
    ['--participant-label', '01', '--participant-label', '02']
    """
    spread: list[str] = []
    option = ""
    behind_level = False
    for number, argument in enumerate(arguments):
        behind_level = behind_level or (number > 2 and argument in _LEVELS)
        # Before the analysis level, a second word may as well be the dataset.
        if option and not argument.startswith("-") and behind_level:
            if spread[-1] != option:
                spread.append(option)
        else:
            option = argument if argument in _LABEL_OPTIONS else ""
        spread.append(argument)
    return spread


def _usage(problem: str, arguments: list[str]) -> str:
    named: list[CommandInfo | TyperInfo] = [*app.registered_commands, *app.registered_groups]
    names = {item.name or getattr(item.callback, "__name__", "") for item in named}
    command = f"smartms {arguments[0]}" if arguments[0] in names else "smartms"
    return f"{' '.join(problem.split()).rstrip('.')}. See '{command} --help'."


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split()) or "no message"
    return f"unexpected error: {type(error).__name__}: {text}"


def _write_log() -> Path:
    with tempfile.NamedTemporaryFile(
        "w", prefix="smartms-", suffix=".log", encoding="utf-8", delete=False
    ) as log:
        log.write(traceback.format_exc())
    return Path(log.name)
