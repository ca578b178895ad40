"""What an APOSTEL report is counted over: the OCT scans of the plan and what is known of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from smartms_img.errors import InputError
from smartms_img.io.atomic import sha256
from smartms_img.io.decisions import Decision
from smartms_img.io.layout import layers_file
from smartms_img.io.ledger import Attempt
from smartms_img.io.measures import QcMetric
from smartms_img.io.oct_layers import read_description
from smartms_img.io.results import Standing, UnitResult
from smartms_img.naming import Eye, OctScanKind, QcStatus

NOT_STATED = "not stated by the files"
INVESTIGATORS = "to be stated by the investigators"
NO_OCT = "no OCT was measured"

Block = dict[str, Any]


@dataclass(frozen=True)
class ScanRecord:
    """One OCT scan of the plan.

    Attributes
    ----------
    subject, visit : str
        Labels; they tell scans apart and never leave the report's counts.
    eye, kind : Eye, OctScanKind
        What was scanned.
    standing : str
        As in :class:`smartms_img.io.results.UnitResult`; the others are known where it is 'done'.
    status : QcStatus
        Verdict on the whole scan, as the tables have it.
    description : mapping
        Head of its layers document; empty where that is gone or was changed.
    metrics : tuple of QcMetric
        Its automatic checks.
    method_versions : tuple of str
        Versions of the method that its values were measured with.
    smartms_version : str
        Version of the program that measured it, empty where unknown.
    """

    subject: str
    visit: str
    eye: Eye
    kind: OctScanKind
    standing: Standing = "done"
    status: QcStatus = QcStatus.PENDING
    description: Mapping[str, Any] = field(default_factory=dict)
    metrics: tuple[QcMetric, ...] = ()
    method_versions: tuple[str, ...] = ()
    smartms_version: str = ""

    def number(self, name: str) -> float | None:
        """Return a number of the description, None where the file did not tell it."""
        value = self.description.get(name)
        return None if value is None else float(value)

    def text(self, name: str) -> str:
        """Return a text of the description, :data:`NOT_STATED` where the file did not tell it."""
        return str(self.description.get(name) or NOT_STATED)


def gather_scans(
    out: Path, results: Mapping[str, UnitResult], decisions: Sequence[Decision]
) -> list[ScanRecord]:
    """Return every OCT scan of a plan; what was excluded from it is none.

    Raises
    ------
    InputError
        If a layers document cannot be read.
    """
    verdicts = {entry.unit: entry.status for entry in reversed(decisions) if not entry.paramcd}
    scans = []
    for unit, result in results.items():
        row = result.row
        if row.eye and row.scan and result.standing != "excluded":
            known = _known(out, result, verdicts.get(unit, QcStatus.PENDING))
            scan = ScanRecord(
                row.subject, row.session, row.eye, row.scan, result.standing, **known
            )
            scans.append(scan)
    return scans


def tally(texts: Iterable[str]) -> dict[str, int]:
    """Count texts, in alphabetical order.

    >>> tally(["b", "a", "b"])
    {'a': 1, 'b': 2}
    """
    return dict(sorted(Counter(texts).items()))


def spread(values: Iterable[float | None], unknown: str = NOT_STATED) -> dict[str, float] | str:
    """Summarise numbers, None standing for one that is not known.

    >>> spread([3.0, None, 1.0])
    {'known_for': 2, 'not_known_for': 1, 'min': 1.0, 'median': 2.0, 'max': 3.0}
    >>> spread([None])
    'not stated by the files'
    """
    every = list(values)
    known = [value for value in every if value is not None]
    if not known:
        return unknown
    return {
        "known_for": len(known),
        "not_known_for": len(every) - len(known),
        "min": round(min(known), 4),
        "median": round(median(known), 4),
        "max": round(max(known), 4),
    }


def by_kind(scans: Sequence[ScanRecord]) -> dict[OctScanKind, list[ScanRecord]]:
    """Return the scans of each kind that there is, in the order of the kinds."""
    groups = {kind: [scan for scan in scans if scan.kind is kind] for kind in OctScanKind}
    return {kind: group for kind, group in groups.items() if group}


def _known(out: Path, result: UnitResult, status: QcStatus) -> dict[str, Any]:
    """Return what is known of a scan beyond its place in the plan."""
    if result.standing != "done":
        return {}
    versions = result.attempt.versions if result.attempt else {}
    return {
        "status": status,
        "description": _description(out, layers_file(result.row.stem), result.attempt),
        "metrics": result.metrics,
        "method_versions": tuple(sorted({item.method_version for item in result.measures})),
        "smartms_version": versions.get("smartms", ""),
    }


def _description(out: Path, name: str, attempt: Attempt | None) -> dict[str, Any]:
    """Return the head of a layers document that still is what the attempt wrote."""
    path, expected = out / name, attempt.outputs.get(name) if attempt else None
    if not path.is_file() or expected not in {None, sha256(path)}:
        return {}
    try:
        return read_description(path)
    except ValueError as error:
        remedy = "Delete it and run 'smartms run' again"
        raise InputError("is not what smartms writes", remedy, file=name) from error
