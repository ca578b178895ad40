"""APOSTEL 2.0, the sixth point: which scans were kept, and why the others were not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from smartms_img.interfaces.oct_checks import WHY
from smartms_img.naming import OctScanKind, QcStatus
from smartms_img.oct.measure import NO_FOVEA
from smartms_img.tables.apostel_scans import INVESTIGATORS, Block, ScanRecord, by_kind, tally

# OSCAR-IB: Schippling et al. 2015, doi:10.1177/1352458514538110. A check that is none of its
# criteria has no letter.
_OSCAR_IB = {
    "signal_db": "S",
    "centration_um": "C",
    "fovea": "C",
    "confidence": "A",
    "missing_ascans": "O",
    "clipped_ascans": "O",
    "mirrored_ascans": "O",
    "laterality": "O",
    "ring_start": "O",
    "illumination": "I",
}
_NOT_CHECKED = ("R_retinal_pathology", "B_beam_placement")
_FAULT = WHY | {"fovea": NO_FOVEA}
_RULE = (
    "a scan passes if no check fails and at least one passes, and may fail by several; values of "
    "a failed scan stay in the table, flagged as not to be analysed"
)


def data_selection(scans: Sequence[ScanRecord]) -> Block:
    """Return point 6, counted over every scan of the plan.

    Parameters
    ----------
    scans : sequence of ScanRecord
        Measured or not.
    """
    measured = [scan for scan in scans if scan.standing == "done"]
    return {
        "scans_planned": len(scans),
        "scans_measured": len(measured),
        "scans_not_measured": tally(s.standing for s in scans if s.standing != "done"),
        "verdicts": {
            kind.value: tally(scan.status.value for scan in group)
            for kind, group in by_kind(measured).items()
        },
        "rule": _RULE,
        "checks": [
            line for kind, group in by_kind(measured).items() for line in _checks(kind, group)
        ],
        "oscar_ib_criteria_not_checked": dict.fromkeys(_NOT_CHECKED, INVESTIGATORS),
    }


def _checks(kind: OctScanKind, scans: Sequence[ScanRecord]) -> list[Block]:
    """Return each check of a kind of scan with its threshold and what it found."""
    metrics = [metric for scan in scans for metric in scan.metrics]
    names = sorted({(metric.metric, metric.threshold) for metric in metrics})
    return [
        {
            "scan": kind.value,
            "check": name,
            "oscar_ib": _OSCAR_IB.get(name, ""),
            "threshold": threshold,
            "reason_of_failure": _FAULT.get(name, f"{name} is out of its limits"),
            **_found(m.status for m in metrics if (m.metric, m.threshold) == (name, threshold)),
        }
        for name, threshold in names
    ]


def _found(statuses: Iterable[QcStatus]) -> dict[str, int]:
    every = list(statuses)
    return {
        "scans_passed": every.count(QcStatus.PASS),
        "scans_failed": every.count(QcStatus.FAIL),
        "scans_not_checked": every.count(QcStatus.NOTRUN),
    }
