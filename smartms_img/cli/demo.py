"""``smartms demo``: synthetic patients through the whole pipeline, measured beside true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from smartms_img.cli.console import print_table, say
from smartms_img.cli.run import RunRequest, run_dataset
from smartms_img.config import StudyConfig, default_study
from smartms_img.errors import ExitCode
from smartms_img.io.atomic import write_text
from smartms_img.io.layout import TABLES_FOLDER
from smartms_img.io.tsv import read_tsv, tsv_text
from smartms_img.phantoms.dataset import TrueValue, write_dataset, write_truth

# How far a measured value may lie from the true one, by PARAMCD; others are shown, not judged.
TOLERANCES: dict[str, float] = {"PBVC": 0.2, "BPV": 30.0, "NEWLN": 0.0, "RNFL": 2.0}
HEADER = (
    "subject", "visit", "PARAMCD", "LOC", "LAT",
    "measured", "true", "difference", "unit", "tolerance", "verdict",
)  # fmt: skip
_KEY = ("USUBJID", "AVISIT", "PARAMCD", "LOC", "LAT")


@dataclass(frozen=True)
class Comparison:
    """A measured value beside the true one; ``measured`` is None where it is missing."""

    true: TrueValue
    measured: float | None

    @property
    def tolerance(self) -> float | None:
        """Largest difference that is accepted, None where none is asked for."""
        return TOLERANCES.get(self.true.PARAMCD)

    @property
    def verdict(self) -> str:
        """'ok', 'off' or 'missing' where a tolerance is stated, otherwise empty."""
        if self.tolerance is None:
            return ""
        if self.measured is None:
            return "missing"
        return "ok" if abs(self.measured - self.true.value) <= self.tolerance else "off"

    def cells(self) -> list[str]:
        """Return the row of the table, as in ``HEADER``."""
        true, measured = self.true, self.measured
        difference = "" if measured is None else f"{measured - true.value:+.3f}"
        return [
            true.subject,
            true.visit,
            true.PARAMCD,
            true.LOC,
            true.LAT,
            "" if measured is None else f"{measured:.3f}",
            f"{true.value:.3f}",
            difference,
            true.unit,
            "" if self.tolerance is None else f"{self.tolerance:g}",
            self.verdict,
        ]


def demo(
    out: Annotated[Path, typer.Argument(help="Folder for everything.")] = Path("smartms-demo"),
    full: Annotated[bool, typer.Option("--full", help="MRI of 1 mm instead of 2 mm.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print only the result.")] = False,
) -> None:
    """Make two synthetic patients with known truth, run everything, show measured beside true.

    Example: smartms demo /tmp/smartms-demo
    """
    raise typer.Exit(run_demo(out, full=full, quiet=quiet))


def run_demo(out: Path, *, full: bool = False, quiet: bool = False) -> ExitCode:
    """Write ``out``/{bids, truth.json, derivatives, measured_vs_true.tsv}; return the exit code.

    Returns
    -------
    ExitCode
        DONE if all units are done and all judged values within tolerance, otherwise
        SOME_UNITS_FAILED.
    """
    if not quiet:
        say("Making two synthetic patients")
    truth = write_dataset(out / "bids", full=full)
    write_truth(out / "truth.json", truth)
    config = default_study()
    derivatives = out / "derivatives"
    request = RunRequest(out / "bids", derivatives, config=config, quiet=quiet, show_missing=False)
    code = run_dataset(request)
    rows = read_tsv(derivatives / TABLES_FOLDER / "endpoints.tsv", key="PARAMCD")
    comparisons = compare(truth, rows, config)
    table = [comparison.cells() for comparison in comparisons]
    write_text(out / "measured_vs_true.tsv", tsv_text([HEADER, *table]))
    print_table(HEADER, table)
    say(f"QC report: {derivatives / 'index.html'}")
    return _conclude(code, comparisons)


def compare(
    truth: Sequence[TrueValue], rows: Sequence[Mapping[str, str]], config: StudyConfig
) -> list[Comparison]:
    """Put the rows of an endpoint table beside the true values, in the order of the truth.

    Changes are those from the configured baseline, where the table has others, too.
    """
    names = {visit.label: visit.name for visit in config.visits}
    measured = {
        tuple(row[name] for name in _KEY): row["AVAL"]
        for row in rows
        if row["BASETYPE"] == names[config.baseline]
    }
    comparisons = []
    for true in truth:
        subject = f"{config.study_id}-{true.subject}"
        text = measured.get((subject, names[true.visit], true.PARAMCD, true.LOC, true.LAT))
        comparisons.append(Comparison(true, float(text) if text else None))
    return comparisons


def _conclude(code: ExitCode, comparisons: Sequence[Comparison]) -> ExitCode:
    wrong = [item for item in comparisons if item.verdict in {"off", "missing"}]
    for item in wrong:
        true = item.true
        what = " ".join(part for part in (true.PARAMCD, true.LOC, true.LAT) if part)
        found = "is missing" if item.measured is None else f"is {item.measured:.3f}"
        line = f"{true.subject} {true.visit}: {what} {found}, true is {true.value:.3f} {true.unit}"
        say(f"off: {line} (tolerance {item.tolerance:g})", error=True)
    if code is ExitCode.DONE and wrong:
        return ExitCode.SOME_UNITS_FAILED
    if code is ExitCode.DONE:
        say("all units done, all judged values within tolerance")
    return code
