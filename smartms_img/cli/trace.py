"""``smartms trace``: one row of the endpoint table back to the raw scans."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smartms_img.cli.console import print_table, say
from smartms_img.cli.finish import read_evidence
from smartms_img.config import load_study
from smartms_img.execution.dataset import CONFIG_FILE, check_output

if TYPE_CHECKING:
    from smartms_img.tables.trace import Trace, TracedFile, TracedUnit


def trace(
    out: Annotated[Path, typer.Argument(help="Output directory of 'smartms run'.")],
    row: Annotated[
        str,
        typer.Option(
            help="USUBJID,AVISIT,PARAMCD[,LOC[,LAT[,BASETYPE]]] of the row, as in endpoints.tsv."
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    every_file: Annotated[
        bool, typer.Option("--all", help="List also derivatives that are as they were.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print only the files.")] = False,
) -> None:
    """Show what a value was made from: files and SHA-256, configuration, versions, decisions.

    Parts at the end of --row may be left off; between others an empty part stays: 'X,,OD'.

    Example: smartms trace /data/derivatives/smartms --row 'SMART-MS-01,Baseline,RNFL,G,OD'
    """
    # pandas takes seconds to import.
    from smartms_img.tables.trace import trace_row  # noqa: PLC0415

    check_output(out)
    study = load_study(out / CONFIG_FILE)
    evidence = read_evidence(out, study)
    found = trace_row(out, evidence.results, study, evidence.decisions, row)
    if as_json:
        typer.echo(json.dumps(found.as_dict(), indent=2, ensure_ascii=False))
        return
    if not quiet:
        _print_row(found)
        for unit in found.units:
            _print_unit(unit)
    listed = [(unit, file) for unit in found.units for file in unit.files]
    shown = [(unit, file) for unit, file in listed if every_file or _matters(file)]
    files = [[unit.unit, file.role, file.sha256, file.now, file.file] for unit, file in shown]
    print_table(["unit", "role", "sha256", "now", "file"], files)
    if len(shown) < len(listed) and not quiet:
        say(f"and {len(listed) - len(shown)} derivatives as they were; --all lists them")


def _matters(file: TracedFile) -> bool:
    """Tell whether a file is in the chain of the value itself, or is not as it was."""
    return file.role in {"raw", "table row", "measures"} or file.now in {"changed", "missing"}


def _print_row(found: Trace) -> None:
    row = found.row
    value = f"{row['AVAL']} {row['AVALU']}" if row["AVAL"] else "no value"
    say(f"{row['PARAM']}: {value}")
    say(f"quality: {row['QCSTAT']}: {row['QCREAS']}")
    for decision in found.decisions:
        status = f"{decision.status} by {decision.decided_by or 'nobody'}"
        say(f"decision on {decision.unit}: {status}: {decision.reason}")
    say(f"method: {row['METHOD'] or 'none'}, version {row['METHODVR'] or 'none'}")
    say(f"configuration: {row['CFGSHA256']}")
    say(f"made by: {json.dumps(found.made_by, ensure_ascii=False)}")
    say(f"unit: {found.unit}")


def _print_unit(unit: TracedUnit) -> None:
    say("")
    say(f"{unit.unit}: {unit.standing}{': ' if unit.problem else ''}{unit.problem}")
    if unit.depends:
        say(f"  depends on: {', '.join(unit.depends)}")
    if unit.attempt is None:
        return
    say(f"  attempt {unit.attempt}, {unit.started} to {unit.ended}, seed {unit.seed}")
    say(f"  method version {unit.method_version}, configuration {unit.config_sha256}")
    versions = ", ".join(f"{name} {version}" for name, version in (unit.versions or {}).items())
    say(f"  versions: {versions}")
