"""Datasets of empty scans, and units that measure nothing: what an engine alone costs.

Run as a script with the arguments of ``smartms run-unit`` it is such a unit; without arguments it
only starts and ends.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from smartms_img.config import StudyConfig, load_study
from smartms_img.execution.child import die_with_supervisor
from smartms_img.execution.plan_file import read_unit
from smartms_img.execution.units import Unit, UnitContext
from smartms_img.execution.worker import Paths, run_unit
from smartms_img.io.atomic import write_text
from smartms_img.naming import Contrast

COMMAND = (sys.executable, "-m", "smartms_img.execution.idle")


def write_empty_dataset(bids: Path, config: StudyConfig, subjects: int) -> None:
    """Write subjects with all visits and scans of a study; the scans are empty files."""
    labels = [f"{number:04d}" for number in range(1, subjects + 1)]
    write_text(bids / "dataset_description.json", '{"Name": "empty", "BIDSVersion": "1.9.0"}')
    write_text(bids / ".bidsignore", "**/oct\n")
    rows = "".join(f"sub-{label}\n" for label in labels)
    write_text(bids / "participants.tsv", "participant_id\n" + rows)
    for label in labels:
        days = ["session_id\tday"]
        for visit in config.visits:
            days.append(f"ses-{visit.label}\t{sum(visit.window_days) // 2}")
            _write_visit(bids, f"sub-{label}", visit.label, config)
        write_text(bids / f"sub-{label}" / f"sub-{label}_sessions.tsv", "\n".join(days) + "\n")


def _write_visit(bids: Path, subject: str, visit: str, config: StudyConfig) -> None:
    stem, folder = f"{subject}_ses-{visit}", bids / subject / f"ses-{visit}"
    names = [f"anat/{stem}_{contrast}.nii.gz" for contrast in (Contrast.T1W, Contrast.FLAIR)]
    names += [
        f"oct/{stem}_eye-{eye}_acq-{scan}_oct.vol"
        for eye in config.oct.eyes
        for scan in config.oct.scans
    ]
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def leave_a_line(unit: Unit, context: UnitContext) -> None:
    """Leave one file of one line."""
    path = context.staging / f"sub-{unit.subject}" / f"{unit.id}.txt"
    write_text(path, unit.id + "\n")


def main() -> None:
    """Run one unit."""
    if len(sys.argv) == 1:
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bids", type=Path)
    parser.add_argument("out", type=Path)
    for option in ("--unit", "--row-hash", "--config", "--config-hash", "-w"):
        parser.add_argument(option)
    given = parser.parse_args()
    die_with_supervisor()
    unit = read_unit(given.out, given.unit, given.row_hash)
    paths = Paths(given.bids, given.out, Path(given.w))
    run_unit(unit, paths, load_study(Path(given.config)), leave_a_line)


if __name__ == "__main__":
    main()
