"""Tables and report from what lies in the output directory."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from smartms_img.config import StudyConfig
from smartms_img.io.decisions import Decision
from smartms_img.io.ratings import RatingsLog
from smartms_img.io.results import UnitResult, read_results
from smartms_img.naming import QcStatus


def read_evidence(
    out: Path, config: StudyConfig
) -> tuple[dict[str, UnitResult], tuple[Decision, ...]]:
    """Return what the tables of an output directory are made from: results and decisions."""
    # It takes time to import, which the start of every unit would pay for.
    from smartms_img.qc.review_decisions import decisions  # noqa: PLC0415

    results = read_results(out, config)
    return results, decisions(results, RatingsLog(out).read(), config.qc.review.rules)


def write_results(out: Path, config: StudyConfig) -> tuple[Decision, ...]:
    """Write the tables and the report of an output directory; return the decisions in them."""
    # pandas, pyarrow and the drawing of the report take seconds to import.
    from smartms_img.qc.report import write_report  # noqa: PLC0415
    from smartms_img.tables import write_tables  # noqa: PLC0415

    results, decisions = read_evidence(out, config)
    write_tables(out, results, config, decisions)
    write_report(out, results)
    return decisions


def rejections(decisions: Iterable[Decision]) -> list[str]:
    """Return one line a unit and reason of failure: which endpoints failed, and why.

    A failure of the whole unit is said once, without the endpoints that it takes along.
    """
    failed = [decision for decision in decisions if decision.status is QcStatus.FAIL]
    whole = {decision.unit for decision in failed if not decision.paramcd}
    endpoints: dict[tuple[str, str], list[str]] = {}
    for decision in failed:
        if decision.paramcd and decision.unit in whole:
            continue
        of_unit = endpoints.setdefault((decision.unit, decision.reason), [])
        of_unit += [decision.paramcd] if decision.paramcd else []
    return [
        f"quality: {unit}{' ' if codes else ''}{', '.join(codes)}: {reason}"
        for (unit, reason), codes in endpoints.items()
    ]
