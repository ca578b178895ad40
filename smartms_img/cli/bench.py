"""``smartms bench``: the project's own benchmarks."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from smartms_img.cli.bench_engine import engine
from smartms_img.cli.bench_lesions import lesions
from smartms_img.cli.bench_oct import oct_layers
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
    atrophy_study,
    manual_volumes,
    write_drifts,
    write_injected,
    write_rescans,
    write_stills,
)
from smartms_img.phantoms.atrophy_expected import (
    Expected,
    ManualVolume,
    read_expected,
    read_manual_volumes,
    read_wanted,
    write_expected,
)
from smartms_img.phantoms.atrophy_scores import (
    PairKey,
    VolumeKey,
    key_of,
    repeat_errors,
    scores,
    volume_scores,
)

bench_app = typer.Typer(
    name="bench", help="Measure how well smartms measures.", no_args_is_help=True
)


bench_app.command("lesions")(lesions)
bench_app.command("oct")(oct_layers)
bench_app.command("engine")(engine)


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
    still: Annotated[
        list[str] | None, typer.Option(help="Name of a scan to make pseudo-rescans of.")
    ] = None,
    inject: Annotated[
        list[str] | None, typer.Option(help="Name of a labelled scan to inject change into.")
    ] = None,
    drift: Annotated[
        list[int] | None, typer.Option(help="Seed of a phantom head whose scanner drifts.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print only the result.")] = False,
) -> None:
    """Measure rescans, pseudo-rescans, injected change and scanner drift; print scores.

    Writes OUT/atrophy.tsv (every pair, measured beside true), OUT/scores.tsv, and
    OUT/known_error.tsv, in the form of the package's table that AVALERR is taken from.

    Example: smartms bench atrophy /tmp/bench --scans /data/rescan --rescan 1003:1023 --inject 1004
    """
    check_folder(out)
    bids, derivatives = out / "bids", out / "derivatives"
    wanted = _Wanted(scans, rescan or [], still or [], inject or [], drift or [])
    if not (bids / "participants.tsv").is_file():
        _check(wanted)
        if bids.exists():
            shutil.rmtree(bids)
        if not quiet:
            say("Making the scans")
        _write_dataset(bids, wanted)
    elif wanted.any and wanted.names() != read_wanted(bids):
        problem = f"'{out.name}' holds a benchmark of other scans"
        raise InputError(problem, "Give another folder, or only the folder to resume it")
    request = RunRequest(
        bids,
        derivatives,
        selection=Selection(stop_after=UnitKind.PAIR),
        config=atrophy_study(default_study()),
        quiet=quiet,
        show_missing=False,
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


@dataclass(frozen=True)
class _Wanted:
    """What the command line asks for."""

    scans: Path | None
    rescan: list[str]
    still: list[str]
    inject: list[str]
    drift: list[int]

    @property
    def any(self) -> bool:
        return bool(self.rescan or self.still or self.inject or self.drift)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        return [_pair(text) for text in self.rescan]

    def names(self) -> dict[str, list[str]]:
        drift = [str(seed) for seed in self.drift]
        scans = {"rescan": self.rescan, "still": self.still, "inject": self.inject}
        return scans | {"drift": drift}


def _check(wanted: _Wanted) -> None:
    """Refuse what cannot be done, before anything is written."""
    if not wanted.any:
        raise InputError("there is nothing to do", "Give --rescan, --still, --inject or --drift")
    if any(seed < 0 for seed in wanted.drift):
        raise InputError("a seed is negative", "Give --drift a whole number from 0 upwards")
    rescanned = [name for pair in wanted.pairs for name in pair]
    for names in (wanted.still, wanted.inject, rescanned, wanted.names()["drift"]):
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise InputError(f"{', '.join(twice)} is given twice", "Name every scan once")
    for name in [*wanted.still, *wanted.inject, *rescanned]:
        if not (name.isascii() and name.isalnum()):
            problem = f"'{name}' cannot be a participant label"
            raise InputError(problem, "Name scans by letters and digits, pairs FIRST:SECOND")
        if wanted.scans is None:
            raise InputError("the named scans have no folder", "Give it with --scans")
        needed = ["T1w", "labels"] if name in wanted.inject else ["T1w"]
        for kind in needed:
            if not (wanted.scans / f"{name}_{kind}.nii.gz").is_file():
                remedy = "Give the folder that holds it with --scans"
                raise InputError("does not exist", remedy, file=f"{name}_{kind}.nii.gz")


def _write_dataset(bids: Path, wanted: _Wanted) -> None:
    folder = wanted.scans or Path()
    expected = write_rescans(bids, folder, wanted.pairs)
    manual = manual_volumes(folder, wanted.pairs)
    expected += write_stills(bids, folder, wanted.still)
    expected += write_injected(bids, folder, wanted.inject)
    expected += write_drifts(bids, wanted.drift)
    write_expected(bids, expected, manual, wanted.names())


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
