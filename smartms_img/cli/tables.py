"""``smartms tables``: the tables anew from the derivatives."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from smartms_img.cli.console import say
from smartms_img.cli.finish import read_evidence
from smartms_img.config import load_study
from smartms_img.execution.dataset import CONFIG_FILE, check_output
from smartms_img.io.lock import refuse_locked


def tables(
    out: Annotated[Path, typer.Argument(help="Output directory of 'smartms run'.")],
    config: Annotated[
        Path | None, typer.Option(help="Study configuration; default: that of the run.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing.")] = False,
) -> None:
    """Write the tables from derivatives and ledger; the same input gives the same bytes.

    Example: smartms tables /data/derivatives/smartms
    """
    # pandas and pyarrow take seconds to import.
    from smartms_img.tables import write_tables  # noqa: PLC0415

    check_output(out)
    refuse_locked(out)
    study = load_study(config or out / CONFIG_FILE)
    found = read_evidence(out, study)
    folder = write_tables(out, found.results, study, found.decisions, readers=found.readers)
    if not quiet:
        say(f"tables are in {folder}")
