"""What every planned unit has measured, as far as its files still are what it wrote."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from smartms_img.config import StudyConfig, content_digest, unit_digest
from smartms_img.errors import InputError
from smartms_img.io.atomic import sha256
from smartms_img.io.layout import measures_file, qc_file
from smartms_img.io.ledger import DERIVATIVE_PREFIX, Attempt, latest_attempt
from smartms_img.io.measures import Measure, QcMetric, read_measures, read_qc
from smartms_img.io.plan_table import PlanRow, read_plan
from smartms_img.io.sessions import sessions_file
from smartms_img.method import METHOD_VERSION

Standing = Literal["done", "failed", "outdated", "not run", "blocked", "excluded"]
Content = TypeVar("Content")

_RUN_AGAIN = "run again"
_NEVER_RUN: dict[str, Standing] = {"blocked": "blocked", "excluded": "excluded"}


@dataclass(frozen=True)
class UnitResult:
    """One unit of the plan and what came of it.

    Attributes
    ----------
    row : PlanRow
        The plan.
    standing : {'done', 'failed', 'outdated', 'not run', 'blocked', 'excluded'}
        'outdated': it ran, but its files were changed or lost since, or the configuration, the
        method or the results it was made from have changed.
    problem : str
        Why there are no measures, empty if the unit is done.
    attempt : Attempt or None
        The latest one; one at a unit that the plan has blocked since says nothing.
    measures, metrics : tuple of Measure, tuple of QcMetric
        Empty unless the unit is done.
    """

    row: PlanRow
    standing: Standing
    problem: str = ""
    attempt: Attempt | None = None
    measures: tuple[Measure, ...] = ()
    metrics: tuple[QcMetric, ...] = ()


def read_results(out: Path, config: StudyConfig) -> dict[str, UnitResult]:
    """Read the results of every unit of an output directory by unit id, in plan order.

    Raw scans are not at hand, so a scan that changed since goes unnoticed here: a run finds it.

    Raises
    ------
    InputError
        If the directory has no plan, or one of its files cannot be read.
    """
    results: dict[str, UnitResult] = {}
    plan = read_plan(out)
    days = {(row.subject, row.session): row.day for row in plan if row.day is not None}
    for row in plan:
        results[row.unit] = _read_result(out, row, config, results)
        if results[row.unit].standing == "done" and _has_other_days(results[row.unit], days):
            problem = f"made with other days of the visits: {_RUN_AGAIN}"
            results[row.unit] = UnitResult(row, "outdated", problem, results[row.unit].attempt)
    return results


def _has_other_days(result: UnitResult, days: Mapping[tuple[str, str], int]) -> bool:
    """Tell whether the plan has other days than those that a unit has read."""
    inputs = result.attempt.inputs if result.attempt else {}
    prefix = f"{sessions_file(result.row.subject)}#ses-"
    return any(
        digest != content_digest(days.get((result.row.subject, name.removeprefix(prefix))))
        for name, digest in inputs.items()
        if name.startswith(prefix)
    )


def _read_result(
    out: Path, row: PlanRow, config: StudyConfig, earlier: Mapping[str, UnitResult]
) -> UnitResult:
    if standing := _NEVER_RUN.get(row.status):
        return UnitResult(row, standing, row.reason or standing)
    attempt = latest_attempt(out, row.unit)
    if attempt is None:
        return UnitResult(row, "not run", _why_not_run(row, earlier))
    if attempt.state != "done":
        reason = attempt.reason or attempt.cause or "the unit failed"
        return UnitResult(row, "failed", reason, attempt)
    problem = _why_outdated(out, row, config, attempt, earlier)
    if problem:
        return UnitResult(row, "outdated", problem, attempt)
    measures = _read(out, measures_file(row.stem), read_measures)
    name = qc_file(row.stem)
    metrics = _read(out, name, read_qc) if (out / name).is_file() else []
    return UnitResult(row, "done", "", attempt, tuple(measures), tuple(metrics))


def _why_not_run(row: PlanRow, earlier: Mapping[str, UnitResult]) -> str:
    for name in row.depends:
        if name in earlier and earlier[name].standing == "failed":
            return f"needs {name}, which failed: {earlier[name].problem}"
    return "not run yet"


def _why_outdated(
    out: Path,
    row: PlanRow,
    config: StudyConfig,
    attempt: Attempt,
    earlier: Mapping[str, UnitResult],
) -> str:
    for what, name in (("measures", measures_file(row.stem)), ("QC", qc_file(row.stem))):
        path, expected = out / name, attempt.outputs.get(name)
        if not path.is_file():
            if expected or what == "measures":
                return f"the {what} file is gone: {_RUN_AGAIN}"
        elif expected not in {None, sha256(path)}:
            return f"the {what} file was changed after the unit wrote it: {_RUN_AGAIN}"
    if attempt.config_sha256 != unit_digest(row.kind, config):
        return f"made with another configuration: {_RUN_AGAIN}"
    if attempt.method_version != METHOD_VERSION[row.kind]:
        return f"made by another version of the method: {_RUN_AGAIN}"
    if _derivatives_read(attempt) != _derivatives_now(row, earlier):
        return f"made from derivatives that have changed since: {_RUN_AGAIN}"
    return ""


def _derivatives_read(attempt: Attempt) -> dict[str, str]:
    """Return the digests of the derivatives that an attempt read."""
    return {
        name.removeprefix(DERIVATIVE_PREFIX): digest
        for name, digest in attempt.inputs.items()
        if name.startswith(DERIVATIVE_PREFIX)
    }


def _derivatives_now(row: PlanRow, earlier: Mapping[str, UnitResult]) -> dict[str, str]:
    """Return the digests of what the units that a unit depends on wrote last."""
    current: dict[str, str] = {}
    for name in row.depends:
        result = earlier.get(name)
        if result is not None and result.standing == "done" and result.attempt is not None:
            current |= result.attempt.outputs
    return current


def _read(out: Path, name: str, reader: Callable[[Path], list[Content]]) -> list[Content]:
    try:
        return reader(out / name)
    except (ValueError, KeyError, TypeError) as error:
        remedy = "Delete it and run 'smartms run' again"
        raise InputError("is not what smartms writes", remedy, file=name) from error
