"""What the atrophy benchmark was asked for and ought to find, beside its dataset."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from smartms_img.errors import InputError
from smartms_img.io.atomic import write_text
from smartms_img.phantoms.benchmark_dataset import write_description

# The endpoints whose true change is known.
CODES = ("PBVC", "PCGMVC", "PTHALVC", "PVENTVC")
TRUTH_FILE = "truth.json"
MANUAL_FILE = "manual_volumes.json"
WANTED_FILE = "wanted.json"


@dataclass(frozen=True)
class Expected:
    """What a pair of visits of the benchmark ought to show.

    ``group`` is 'rescan', 'still', 'injected' or 'drift'; ``label`` says what was done;
    ``changes`` are per cent by PARAMCD.
    """

    subject: str
    reference: str
    follow: str
    group: str
    label: str
    changes: dict[str, float]


@dataclass(frozen=True)
class ManualVolume:
    """Volume of a region by manual labels, for the endpoint that measures it."""

    subject: str
    visit: str
    paramcd: str
    ml: float


def write_expected(
    bids: Path,
    expected: Sequence[Expected],
    manual: Sequence[ManualVolume],
    wanted: dict[str, list[str]],
) -> None:
    """Write dataset description, participants, what was asked for and what ought to be found."""
    write_text(bids / WANTED_FILE, json.dumps(wanted) + "\n")
    for name, items in ((TRUTH_FILE, expected), (MANUAL_FILE, manual)):
        write_text(bids / name, json.dumps([asdict(item) for item in items], indent=1) + "\n")
    subjects = {item.subject for item in expected}
    ignored = (TRUTH_FILE, MANUAL_FILE, WANTED_FILE, "**/oct")
    write_description(bids, "atrophy", sorted(subjects), ignored)


def read_expected(bids: Path) -> list[Expected]:
    """Read what :func:`write_expected` wrote."""
    return [Expected(**item) for item in json.loads((bids / TRUTH_FILE).read_text())]


def read_manual_volumes(bids: Path) -> list[ManualVolume]:
    """Read the volumes by manual labels that :func:`write_expected` wrote."""
    return [ManualVolume(**item) for item in json.loads((bids / MANUAL_FILE).read_text())]


def read_wanted(bids: Path) -> dict[str, list[str]]:
    """Read what the benchmark was asked for, which :func:`write_expected` wrote."""
    try:
        wanted: dict[str, list[str]] = json.loads((bids / WANTED_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        remedy = "Start the benchmark in another folder"
        raise InputError("is missing or damaged", remedy, file=WANTED_FILE) from error
    return wanted
