"""``smartms bench``: the project's own benchmarks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from smartms_img.cli.console import check_folder, print_table, say
from smartms_img.cli.run import RunRequest, run_dataset
from smartms_img.config import default_study
from smartms_img.errors import InputError
from smartms_img.execution.select import Selection
from smartms_img.io.atomic import write_text
from smartms_img.io.layout import measures_file, pair_stem, session_stem
from smartms_img.io.measures import read_measures
from smartms_img.io.tsv import tsv_text
from smartms_img.naming import UnitKind
from smartms_img.phantoms.atrophy_benchmark import (
    Expected,
    ManualVolume,
    benchmark_study,
    manual_volumes,
    read_expected,
    read_manual_volumes,
    write_drifts,
    write_expected,
    write_injected,
    write_rescans,
)
from smartms_img.phantoms.atrophy_scores import (
    PairKey,
    VolumeKey,
    key_of,
    repeat_errors,
    scores,
    volume_scores,
)

_WANTED = "benchmark.json"

bench_app = typer.Typer(
    name="bench", help="Measure how well smartms measures.", no_args_is_help=True
)


@bench_app.command("atrophy")
def atrophy(
    out: Annotated[Path, typer.Argument(help="Folder for everything; a second run resumes.")],
    scans: Annotated[
        Path | None,
        typer.Option(help="Folder of NAME_T1w.nii.gz, NAME_labels.nii.gz and labels.csv."),
    ] = None,
    rescan: Annotated[
        list[str] | None, typer.Option(help="Scan-rescan pair of names, FIRST:SECOND.")
    ] = None,
    inject: Annotated[
        list[str] | None, typer.Option(help="Name of a labelled scan to inject change into.")
    ] = None,
    drift: Annotated[
        list[int] | None, typer.Option(help="Seed of a phantom head whose scanner drifts.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print only the result.")] = False,
) -> None:
    """Measure scan-rescan pairs, injected change and scanner drift; print scores.

    Writes OUT/atrophy.tsv (every pair, measured beside true), OUT/scores.tsv, and
    OUT/known_error.tsv, in the form of the package's table that AVALERR is taken from.

    Example: smartms bench atrophy /tmp/bench --scans /data/rescan --rescan 1003:1023 --inject 1004
    """
    check_folder(out)
    bids, derivatives = out / "bids", out / "derivatives"
    wanted = {"rescan": rescan or [], "inject": inject or [], "drift": drift or []}
    if not (bids / "participants.tsv").is_file():
        write_text(out / _WANTED, json.dumps(wanted) + "\n")
        _write_dataset(bids, scans, rescan or [], inject or [], drift or [])
    elif any(wanted.values()) and wanted != json.loads((out / _WANTED).read_text()):
        problem = f"'{out.name}' holds a benchmark of other scans"
        raise InputError(problem, "Give another folder, or only the folder to resume it")
    request = RunRequest(
        bids,
        derivatives,
        selection=Selection(stop_after=UnitKind.PAIR),
        config=benchmark_study(default_study()),
        quiet=quiet,
    )
    code = run_dataset(request)
    expected = read_expected(bids)
    measured = _measured(derivatives, expected)
    _write_pairs(out / "atrophy.tsv", expected, measured)
    header = ["test", "PARAMCD", "statistic", "value", "n"]
    manual = read_manual_volumes(bids)
    found = scores(expected, measured) + volume_scores(manual, _volumes(derivatives, manual))
    table = [[s.test, s.paramcd, s.statistic, f"{s.value:.3f}", str(s.count)] for s in found]
    write_text(out / "scores.tsv", tsv_text([header, *table]))
    _write_known_errors(out / "known_error.tsv", expected, measured)
    print_table(header, table)
    raise typer.Exit(code)


def _write_dataset(
    bids: Path,
    scans: Path | None,
    rescan: Sequence[str],
    inject: Sequence[str],
    drift: Sequence[int],
) -> None:
    if (rescan or inject) and scans is None:
        raise InputError("--rescan and --inject need scans", "Give their folder with --scans")
    if not (rescan or inject or drift):
        raise InputError("there is nothing to do", "Give --rescan, --inject or --drift")
    folder, pairs = scans or Path(), [_pair(text) for text in rescan]
    for names in (inject, [first for first, _ in pairs], drift):
        twice = sorted({str(name) for name in names if list(names).count(name) > 1})
        if twice:
            raise InputError(f"{', '.join(twice)} is given twice", "Name every scan once")
    for name in [*inject, *(name for pair in pairs for name in pair)]:
        if not (name.isascii() and name.isalnum()):
            problem = f"'{name}' cannot be a participant label"
            raise InputError(problem, "Name scans by letters and digits, pairs FIRST:SECOND")
    say("Making the scans")
    expected = write_rescans(bids, folder, pairs)
    manual = manual_volumes(folder, pairs)
    expected += write_injected(bids, folder, inject)
    expected += write_drifts(bids, drift)
    write_expected(bids, expected, manual)


def _pair(text: str) -> tuple[str, str]:
    first, colon, second = text.partition(":")
    if not (colon and first and second):
        raise InputError(f"'{text}' is no pair", "Write FIRST:SECOND")
    return first, second


def _measured(out: Path, expected: Sequence[Expected]) -> dict[PairKey, dict[str, float]]:
    found = {}
    for item in expected:
        path = out / measures_file(pair_stem(item.subject, item.reference, item.follow))
        if path.is_file():
            values = {measure.PARAMCD: measure.value for measure in read_measures(path)}
            found[key_of(item)] = {code: v for code, v in values.items() if v is not None}
    return found


def _volumes(out: Path, manual: Sequence[ManualVolume]) -> dict[VolumeKey, float]:
    found = {}
    for subject, visit in dict.fromkeys((item.subject, item.visit) for item in manual):
        path = out / measures_file(session_stem(subject, visit))
        if path.is_file():
            for measure in read_measures(path):
                if measure.value is not None and not measure.LOC:
                    found[subject, visit, measure.PARAMCD] = measure.value
    return found


def _write_pairs(
    path: Path, expected: Sequence[Expected], measured: dict[PairKey, dict[str, float]]
) -> None:
    lines = [["subject", "reference", "follow", "group", "label", "PARAMCD", "measured", "true"]]
    for item in expected:
        for code, value in measured.get(key_of(item), {}).items():
            true = item.changes.get(code)
            lines.append(
                [
                    *key_of(item),
                    item.group,
                    item.label,
                    code,
                    f"{value:.4f}",
                    "n/a" if true is None else f"{true:.4f}",
                ]
            )
    write_text(path, tsv_text(lines))


def _write_known_errors(
    path: Path, expected: Sequence[Expected], measured: dict[PairKey, dict[str, float]]
) -> None:
    lines = [["PARAMCD", "LOC", "sd", "unit", "data"]]
    for code, (sd, count) in repeat_errors(expected, measured).items():
        source = f"smartms bench atrophy, {count} scan-rescan pairs of T1w"
        lines.append([code, "", f"{sd:.3f}", "%", source])
    write_text(path, tsv_text(lines))
