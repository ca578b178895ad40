"""``smartms tables``: the tables anew from the derivatives."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from smartms_img.cli.console import say
from smartms_img.cli.finish import outdated_units, write_results
from smartms_img.config import load_study
from smartms_img.execution.dataset import CONFIG_FILE, check_output, put_config
from smartms_img.io.lock import refuse_locked


def tables(
    out: Annotated[Path, typer.Argument(help="Output directory of 'smartms run'.")],
    config: Annotated[
        Path | None,
        typer.Option(help="Study configuration, in place of that of the run from then on."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing.")] = False,
) -> None:
    """Write tables and report from derivatives, ledger and ratings, always to the same bytes.

    Example: smartms tables /data/derivatives/smartms
    """
    check_output(out)
    refuse_locked(out)
    study = load_study(config or out / CONFIG_FILE)
    found = write_results(out, study)
    if config is not None:
        put_config(out, study)
    for line in outdated_units(found.results):
        say(f"warning: {line}", error=True)
    if not quiet:
        say(f"tables are in {out / 'tables'}")
