"""Automatic decisions: the verdict of a unit's own checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from smartms_img.io.decisions import Decision
from smartms_img.io.measures import QcMetric
from smartms_img.io.results import UnitResult
from smartms_img.naming import QcStatus

AUTOMATIC = "automatic"


def automatic(results: Mapping[str, UnitResult]) -> tuple[Decision, ...]:
    """Return the automatic decisions about every unit that left QC metrics.

    A unit without metrics gets none: its values stay pending.

    Parameters
    ----------
    results : mapping of str to UnitResult
        By unit id.

    Returns
    -------
    tuple of Decision
        In the order of ``results``, for each unit as :func:`decide` gives them.
    """
    decisions: list[Decision] = []
    for unit, result in results.items():
        if result.metrics:
            decisions += decide(unit, result.metrics)
    return tuple(decisions)


def decide(unit: str, metrics: Sequence[QcMetric]) -> list[Decision]:
    """Decide about a unit from its metrics.

    A metric without a scope speaks for every endpoint of the unit, one with a scope for the
    endpoints that it lists. One failed metric fails the endpoint; without a failure one passed
    metric passes it; with neither it is pending.

    Returns
    -------
    list of Decision
        First the one for the unit, then one for each endpoint that a scope names, sorted.

    Examples
    --------
    >>> snr = QcMetric("snr", 3.0, ">= 5", QcStatus.FAIL, "snr 3 is below 5")
    >>> [decision.reason for decision in decide("sub-01_ses-M00_mri", [snr])]
    ['snr 3 is below 5']
    """
    general = [metric for metric in metrics if not metric.scope]
    named = sorted({paramcd for metric in metrics for paramcd in metric.scope})
    decisions = [_decision(unit, "", general)]
    for paramcd in named:
        in_scope = [metric for metric in metrics if not metric.scope or paramcd in metric.scope]
        decisions.append(_decision(unit, paramcd, in_scope))
    return decisions


def _decision(unit: str, paramcd: str, metrics: Sequence[QcMetric]) -> Decision:
    failed = [m.reason or f"{m.metric} failed" for m in metrics if m.status is QcStatus.FAIL]
    passed = [m for m in metrics if m.status is QcStatus.PASS]
    unknown = [m.metric for m in metrics if m.status not in (QcStatus.PASS, QcStatus.FAIL)]
    if failed:
        return Decision(unit, QcStatus.FAIL, "; ".join(failed), AUTOMATIC, paramcd)
    if not passed:
        reason = f"not checked: {', '.join(unknown)}" if unknown else "no check applies"
        return Decision(unit, QcStatus.PENDING, reason, AUTOMATIC, paramcd)
    reason = "all checks passed"
    if unknown:
        reason = f"{len(passed)} checks passed, not checked: {', '.join(unknown)}"
    return Decision(unit, QcStatus.PASS, reason, AUTOMATIC, paramcd)
