"""Measures and QC metrics as they lie in the derivatives: small JSON lists."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from smartms_img.io.atomic import write_json
from smartms_img.naming import QcStatus


@dataclass(frozen=True)
class Measure:
    """One measured value of one unit.

    Attributes
    ----------
    PARAMCD, LOC, LAT : str
        Key of the endpoint catalogue; location and laterality are empty where they do not apply.
    value : float or None
        None means that it could not be measured; ``reason`` then says why.
    unit : str
        Unit of ``value``, as in the catalogue.
    method, method_version : str
        What computed it.
    source : tuple of str
        Input files, relative to the BIDS dataset.
    visit, reference : str
        Session label of the visit, and of the visit it is compared with ('' for none).
    reason : str
        Why ``value`` is missing, or what a reader of the value has to know.
    """

    PARAMCD: str
    value: float | None
    unit: str
    method: str
    method_version: str
    visit: str
    LOC: str = ""
    LAT: str = ""
    reference: str = ""
    source: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class QcMetric:
    """One automatic check: a number, its threshold, the verdict.

    ``status`` is pass or fail (notrun where it could not be computed). ``scope`` lists the PARAMCD
    it speaks for; empty means every measure of the unit.
    """

    metric: str
    value: float | None
    threshold: str
    status: QcStatus
    reason: str = ""
    scope: tuple[str, ...] = ()


def check(
    metric: str,
    value: float,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    scope: Sequence[str] = (),
) -> QcMetric:
    """Compare a value with its threshold or thresholds; a value that is not finite fails.

    >>> check("snr", 12.0, at_least=5.0).status
    <QcStatus.PASS: 'pass'>
    >>> check("cjv", 1.4, at_most=1.2).reason
    'cjv 1.4 is above 1.2'
    """
    parts = [f">= {at_least:g}" if at_least is not None else ""]
    parts.append(f"<= {at_most:g}" if at_most is not None else "")
    threshold = " and ".join(part for part in parts if part)
    if not math.isfinite(value):
        return QcMetric(
            metric, None, threshold, QcStatus.FAIL, f"{metric} is unknown", tuple(scope)
        )
    reason = ""
    if at_least is not None and value < at_least:
        reason = f"{metric} {value:.3g} is below {at_least:g}"
    elif at_most is not None and value > at_most:
        reason = f"{metric} {value:.3g} is above {at_most:g}"
    status = QcStatus.FAIL if reason else QcStatus.PASS
    return QcMetric(metric, round(value, 6), threshold, status, reason, tuple(scope))


def write_measures(path: Path, measures: Sequence[Measure]) -> None:
    """Write measures; floats are rounded to 9 significant digits, NaN becomes None."""
    write_json(path, [asdict(measure) | {"value": _clean(measure.value)} for measure in measures])


def read_measures(path: Path) -> list[Measure]:
    """Read what :func:`write_measures` wrote."""
    rows = json.loads(path.read_text(encoding="utf-8"))
    return [Measure(**(row | {"source": tuple(row["source"])})) for row in rows]


def write_qc(path: Path, metrics: Sequence[QcMetric]) -> None:
    """Write QC metrics, as :func:`write_measures` writes measures."""
    write_json(path, [asdict(metric) | {"value": _clean(metric.value)} for metric in metrics])


def read_qc(path: Path) -> list[QcMetric]:
    """Read what :func:`write_qc` wrote."""
    rows = json.loads(path.read_text(encoding="utf-8"))
    return [
        QcMetric(**(row | {"status": QcStatus(row["status"]), "scope": tuple(row["scope"])}))
        for row in rows
    ]


def _clean(value: float | None) -> float | None:
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.9g}")
