"""smartms whose units obey the text in their raw files instead of measuring.

Run as a script it is the ``smartms`` command line with that one difference. A raw file says, line
by line: ``value X`` (what the unit's output holds), ``await FILE`` (of the dataset), ``kill``,
``hog MIB FILE`` (take so much memory, unless the file exists; make it), ``fill FILE`` (the disk of
the scratch folder, likewise), ``print TEXT``, or ``fail input|measurement|python``. Variable
``FAKE_UNIT_GB`` replaces what units need.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import yaml

from smartms_img.cli import run as run_module
from smartms_img.cli import unit as unit_module
from smartms_img.cli.finish import Evidence
from smartms_img.cli.main import main
from smartms_img.config import ClusterConfig, StudyConfig
from smartms_img.errors import InputError, MeasurementError
from smartms_img.execution import engine as engine_module
from smartms_img.execution.engine import Engine, Keep, Outcome
from smartms_img.execution.needs import UNIT_MEMORY_GB
from smartms_img.execution.places import check_places
from smartms_img.execution.select import Selection
from smartms_img.execution.units import Unit, UnitContext
from smartms_img.io.ledger import latest_attempt

COMMAND = (sys.executable, str(Path(__file__).resolve()), "run-unit")

CONFIG_TEXT = """
study_id: FAKE
baseline: M00
visits:
  - {label: M00, name: Baseline, number: 0, window_days: [-60, 30]}
  - {label: M06, name: Month 6, number: 6, window_days: [120, 270]}
oct: {eyes: [OD], scans: [ring]}
"""


def fake_config() -> StudyConfig:
    return StudyConfig.model_validate(yaml.safe_load(CONFIG_TEXT))


def make_subject(bids: Path, subject: str, **texts: str) -> None:
    """Write a subject: MRI and OD ring at M00 and M06; ``M06_T1w="kill"`` replaces a text.

    The FLAIR asks for nothing, unless it has a text.
    """
    folder = bids / f"sub-{subject}"
    for session in ("M00", "M06"):
        stem = f"sub-{subject}_ses-{session}"
        for name, path in (
            ("T1w", f"ses-{session}/anat/{stem}_T1w.nii.gz"),
            ("FLAIR", f"ses-{session}/anat/{stem}_FLAIR.nii.gz"),
            ("ring", f"ses-{session}/oct/{stem}_eye-OD_acq-ring_oct.vol"),
        ):
            silent = "" if name == "FLAIR" else f"value {subject}-{session}-{name}"
            text = texts.get(f"{session}_{name}", silent)
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
    days = "session_id\tday\nses-M00\t0\nses-M06\t180\n"
    (folder / f"sub-{subject}_sessions.tsv").write_text(days)


def make_dataset(bids: Path, **subjects: dict[str, str]) -> Path:
    """Write a dataset; ``make_dataset(path, s01={}, s02={"M06_T1w": "kill"})``."""
    bids.mkdir(parents=True)
    (bids / "dataset_description.json").write_text("{}")
    (bids / ".bidsignore").write_text("**/oct\n")
    labels = [name.removeprefix("s") for name in subjects]
    rows = "".join(f"sub-{label}\n" for label in labels)
    (bids / "participants.tsv").write_text("participant_id\n" + rows)
    for label, texts in zip(labels, subjects.values(), strict=True):
        make_subject(bids, label, **texts)
    return bids


def run_engine(
    bids: Path,
    out: Path,
    *,
    launcher: str = "inprocess",
    n_procs: int = 2,
    keep: str = "failed",
    **wish: object,
) -> Outcome:
    """Run a fake dataset in this process, with fake children."""
    cluster = ClusterConfig.model_validate({"launcher": launcher, "n_procs": n_procs})
    places = check_places(bids, out)
    engine = Engine(places, fake_config(), cluster, COMMAND, Keep(keep))
    return engine.run(engine.prepare().units, Selection(**wish), lambda _: None)  # type: ignore[arg-type]


def execute(unit: Unit, context: UnitContext) -> None:
    values = []
    for relative in unit.inputs if unit.kind not in {"pair", "subject"} else ():
        for line in (context.bids / relative).read_text().splitlines():
            values += _obey(line, context)
    for dependency in unit.depends:
        attempt = latest_attempt(context.out, dependency)
        values += [
            (context.out / name).read_text() for name in (attempt.outputs if attempt else ())
        ]
    target = context.staging / f"sub-{unit.subject}" / f"{unit.id}.txt"
    target.parent.mkdir(parents=True)
    target.write_text("+".join(values))


def _obey(line: str, context: UnitContext) -> list[str]:
    word, _, rest = line.partition(" ")
    if word == "value":
        return [rest]
    _ORDERS[word](rest, context)
    return []


def _await(name: str, context: UnitContext) -> None:
    while not (context.bids / name).exists():
        time.sleep(0.05)


def _kill(_rest: str, _context: UnitContext) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _hog(rest: str, context: UnitContext) -> None:
    size, name = rest.split()
    if not (context.bids / name).exists():
        (context.bids / name).touch()
        held = bytearray(int(size) * 2**20)
        time.sleep(60)
        del held


def _fill(name: str, context: UnitContext) -> None:
    if not (context.bids / name).exists():
        (context.bids / name).touch()
        with (context.work / "filler").open("wb") as filler:
            while True:
                filler.write(bytes(2**16))


def _print(text: str, context: UnitContext) -> None:
    print(text, context.bids, context.out, context.work, Path.home())  # noqa: T201


def _fail(how: str, context: UnitContext) -> None:
    if how == "input":
        raise InputError("is truncated", "Copy it again", file="x.nii.gz")
    if how == "measurement":
        raise MeasurementError("no fovea found")
    raise RuntimeError(f"cannot do {context.bids}/x")


_ORDERS = {
    "await": _await,
    "kill": _kill,
    "hog": _hog,
    "fill": _fill,
    "print": _print,
    "fail": _fail,
}


if __name__ == "__main__":
    unit_module._execute = execute
    engine_module.WORKER_COMMAND = COMMAND
    engine_module.Engine.__init__.__defaults__ = (COMMAND, Keep.FAILED)  # type: ignore[misc]
    run_module.write_results = lambda out, config: Evidence({}, (), [], ())
    if needed := os.environ.get("FAKE_UNIT_GB"):
        UNIT_MEMORY_GB.update(dict.fromkeys(UNIT_MEMORY_GB, float(needed)))
    main()
