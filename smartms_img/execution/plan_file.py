"""``plan.tsv``: the plan as it lies in the output directory."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from smartms_img.errors import InputError
from smartms_img.execution.units import Unit
from smartms_img.io import plan_table
from smartms_img.io.atomic import write_text

_COLUMNS = {
    "unit": "id",
    **{name: name for name in ("kind", "subject", "session", "reference", "eye", "scan")},
    **{name: name for name in ("status", "reason", "inputs", "depends")},
}


def write_plan(
    out: Path, units: Sequence[Unit], days: Mapping[tuple[str, str], int] | None = None
) -> str:
    """Write the plan; lists are joined by ';', and what does not apply is 'n/a'.

    Parameters
    ----------
    out : Path
        Output directory.
    units : sequence of Unit
        The plan.
    days : mapping of (subject, session) to int, optional
        Days since baseline, for the last column.

    Returns
    -------
    str
        SHA-256 of the file.
    """
    lines = ["\t".join([*_COLUMNS, "day"])]
    for unit in units:
        day = (days or {}).get((unit.subject, unit.session))
        cells = [_cell(getattr(unit, name)) for name in _COLUMNS.values()]
        lines.append("\t".join([*cells, "n/a" if day is None else str(day)]))
    text = "\n".join(lines) + "\n"
    write_text(out / plan_table.PLAN_FILE, text)
    return hashlib.sha256(text.encode()).hexdigest()


def read_plan(out: Path, unit_id: str = "") -> list[Unit]:
    """Read the plan, or one unit of it; errors as :func:`smartms_img.io.plan_table.read_plan`."""
    return [
        Unit(
            id=row.unit,
            kind=row.kind,
            subject=row.subject,
            session=row.session,
            reference=row.reference,
            eye=row.eye,
            scan=row.scan,
            status=row.status,
            reason=row.reason,
            inputs=row.inputs,
            depends=row.depends,
        )
        for row in plan_table.read_plan(out, unit_id)
    ]


def read_unit(out: Path, unit_id: str, digest: str) -> Unit:
    """Return the row of one unit.

    Raises
    ------
    InputError
        If the plan has no such unit, or its :func:`row_hash` is not ``digest``.
    """
    planned = next(iter(read_plan(out, unit_id)), None)
    if planned is None or row_hash(planned) != digest:
        raise InputError(f"the plan has no such row of {unit_id}", "Start it with 'smartms run'")
    return planned


def row_hash(unit: Unit) -> str:
    """Return the SHA-256 (hex) of everything the plan says about a unit."""
    text = json.dumps(asdict(unit), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _cell(value: str | tuple[str, ...] | None) -> str:
    text = ";".join(value) if isinstance(value, tuple) else str(value or "")
    return text.replace("\t", " ") or "n/a"
