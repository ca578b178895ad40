"""``smartms check``: what a dataset has, what it lacks, and what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from smartms_img.cli.console import Counter, print_table, say
from smartms_img.config import StudyConfig, default_study, load_study
from smartms_img.errors import ExitCode, InputError
from smartms_img.execution.survey import Survey, survey
from smartms_img.io.bids import ImageFile
from smartms_img.io.findings import LEVELS, Finding
from smartms_img.naming import OctScanKind


def check(
    bids: Annotated[Path, typer.Argument(help="BIDS dataset.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    config: Annotated[Path | None, typer.Option(help="Study configuration.")] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="Print only what is wrong, and warnings.")
    ] = False,
) -> None:
    """Check a dataset: what is there, what is missing, what is wrong. Nothing is run.

    Every image is read in full. The exit code is 2 if something is wrong, and 0 if at most
    planned things are missing.

    Example: smartms check /data/trial
    """
    study = load_study(config) if config else default_study()
    found = survey(bids, study)
    findings = list(found.findings) + read_images(bids, found, quiet=quiet or as_json)
    findings.sort(key=lambda finding: LEVELS.index(finding.level))
    counts = {level: sum(finding.level == level for finding in findings) for level in LEVELS}
    if as_json:
        typer.echo(json.dumps(_content(found, findings), indent=2))
    else:
        if not quiet:
            print_table(*overview(found, study))
        for finding in findings:
            if finding.level != "missing" or not quiet:
                say(f"{finding.level}: {finding}")
        if not quiet:
            said = {level: count for level, count in counts.items() if count or level != "warning"}
            say(", ".join(f"{count} {level}" for level, count in said.items()))
    raise typer.Exit(ExitCode.BAD_INPUT if counts["wrong"] else ExitCode.DONE)


def read_images(bids: Path, found: Survey, *, quiet: bool) -> list[Finding]:
    """Read every usable image in full; return a finding for each that cannot be used."""
    files = [file for file in found.index.files if not file.problem]
    findings: list[Finding] = []
    with Counter("Reading images", quiet=quiet) as counter:
        for number, file in enumerate(files, start=1):
            findings += _read_image(bids, file)
            counter.step(number, len(files))
    return findings


def _read_image(bids: Path, file: ImageFile) -> Iterator[Finding]:
    # The readers import numpy, nibabel and PIL, which other commands do not need.
    from smartms_img.io.nifti import validate_image  # noqa: PLC0415
    from smartms_img.io.oct import read_oct  # noqa: PLC0415
    from smartms_img.io.oct_model import ScanPattern  # noqa: PLC0415

    where = (file.subject, file.session, file.item, file.path)
    try:
        if file.contrast:
            validate_image(bids / file.path)
            return
        scan = read_oct(bids / file.path)
    except InputError as error:
        yield Finding("wrong", error.problem, error.remedy, *where)
        return
    if scan.laterality != file.eye:
        problem = f"the file says {scan.laterality}, its name says {file.eye}"
        yield Finding("wrong", problem, "Find out which eye it is, and correct it", *where)
    if (scan.pattern is ScanPattern.RING) != (file.scan is OctScanKind.RING):
        problem = f"the file holds a {scan.pattern} scan, its name says {file.scan}"
        yield Finding("wrong", problem, "Correct acq- in the name", *where)


def overview(found: Survey, config: StudyConfig) -> tuple[list[str], list[list[str]]]:
    """Return header and rows: one row a subject, one column a planned visit."""
    labels = [visit.label for visit in config.visits]
    items: dict[tuple[str, str], list[str]] = {}
    for file in found.index.files:
        if not file.problem:
            items.setdefault((file.subject, file.session), []).append(file.item)
    rows = []
    for subject in sorted({unit.subject for unit in found.units}):
        known = found.days.get(subject)
        cells = []
        for label in labels:
            day = known.days.get(label) if known else None
            there = ", ".join(items.get((subject, label), [])) or "-"
            cells.append(there if day is None else f"day {day}: {there}")
        rows.append([f"sub-{subject}", *cells])
    return ["participant", *labels], rows


def _content(found: Survey, findings: list[Finding]) -> dict[str, object]:
    return {
        "participants": sorted({unit.subject for unit in found.units}),
        "days": {subject: known.days for subject, known in sorted(found.days.items())},
        "files": [asdict(file) for file in found.index.files],
        "findings": [finding.as_dict() for finding in findings],
        "units": {
            status: sum(unit.status == status for unit in found.units)
            for status in ("runnable", "blocked", "excluded")
        },
    }
