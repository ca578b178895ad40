"""Which rows of the endpoint table moved between two locks, by how much, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from smartms_img.naming import QcStatus
from smartms_img.tables.columns import COLUMNS, KEY

TextRow = Mapping[str, str]
"""A row of ``endpoints.tsv`` as text, by column."""

# Where a value comes from. A row that differs in nothing else has not moved.
_PROVENANCE = ("METHOD", "METHODVR", "SRCFILE", "SRCSHA256", "CFGSHA256")
_COMPARED = tuple(column.name for column in COLUMNS if column.name not in _PROVENANCE)

_CAUSES: dict[str, tuple[str, ...]] = {
    "input": ("SRCSHA256",),
    "configuration": ("CFGSHA256",),
    "method": ("METHODVR",),
    "QC decision": ("QCSTAT",),
}
_BASELINE = ("BASE", "CHG", "PCHG")
_DAYS = ("ADY", "INTERVAL", "AWLO", "AWHI")

NEW, GONE, OTHER = "new row", "row is gone", "other"


@dataclass(frozen=True)
class RowDifference:
    """One row that moved.

    Attributes
    ----------
    key : tuple of str
        In the order of :data:`smartms_img.tables.columns.KEY`.
    unit : str
        Of the values.
    before, after : str
        AVAL as the tables have it, empty where there is none.
    difference : str
        After minus before, empty where one is missing or the units differ.
    chg_before, chg_after : str
        CHG as the tables have it.
    columns : tuple of str
        What differs, beside where the value comes from.
    causes : tuple of str
        Why, as far as the two rows tell.
    reason : str
        QCREAS after.
    """

    key: tuple[str, ...]
    unit: str
    before: str
    after: str
    difference: str
    chg_before: str
    chg_after: str
    columns: tuple[str, ...]
    causes: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class LockDifference:
    """All rows that moved, in the order of the later table; rows that are gone come last.

    ``same_value`` counts values that did not move, though their provenance differs.
    """

    rows: tuple[RowDifference, ...]
    total: int
    same_value: int

    def summary(self) -> str:
        """Return one line: how many rows moved, and for what causes."""
        line = f"{len(self.rows)} of {self.total} rows moved"
        counts = Counter("; ".join(row.causes) for row in self.rows)
        if counts:
            line += f" ({', '.join(f'{count} {cause}' for cause, count in counts.items())})"
        return f"{line}; {self.same_value} others have the same value from another provenance"


def compare_tables(before: Sequence[TextRow], after: Sequence[TextRow]) -> LockDifference:
    """Compare the endpoint tables of two locks.

    A row moved if a cell differs other than METHOD, METHODVR, SRCFILE, SRCSHA256 and CFGSHA256.
    Causes are 'input', 'configuration', 'method', 'QC decision', 'baseline' (only BASE and what
    follows from it), 'visit days', 'not measured' (AVAL is missing in one of the two), 'new row',
    'row is gone', and 'other', which is left for what the rows do not tell: another version of a
    package, or an input of the unit that SRCFILE does not list.
    """
    earlier = {_key(row): row for row in before}
    later = {_key(row): row for row in after}
    moved: list[RowDifference] = []
    same_value = 0
    for key, row in later.items():
        if key not in earlier:
            moved.append(_one_sided(key, {}, row))
        elif columns := _differing(_COMPARED, earlier[key], row):
            moved.append(_row_difference(key, earlier[key], row, columns))
        else:
            same_value += bool(row["AVAL"] and _differing(_PROVENANCE, earlier[key], row))
    moved += [_one_sided(key, row, {}) for key, row in earlier.items() if key not in later]
    return LockDifference(tuple(moved), len(earlier.keys() | later.keys()), same_value)


def _row_difference(
    key: tuple[str, ...], before: TextRow, after: TextRow, columns: tuple[str, ...]
) -> RowDifference:
    change = ""
    if before["AVAL"] and after["AVAL"] and before["AVALU"] == after["AVALU"]:
        # Of the texts, so that rounding adds nothing.
        change = f"{Decimal(after['AVAL']) - Decimal(before['AVAL']):+f}"
    return RowDifference(
        key=key,
        unit=after["AVALU"],
        before=before["AVAL"],
        after=after["AVAL"],
        difference=change,
        chg_before=before["CHG"],
        chg_after=after["CHG"],
        columns=columns,
        causes=_causes(before, after, columns),
        reason=after["QCREAS"],
    )


def _causes(before: TextRow, after: TextRow, columns: tuple[str, ...]) -> tuple[str, ...]:
    days = ("visit days",) if set(columns) & set(_DAYS) else ()
    missing = {row["QCSTAT"] == QcStatus.NOTRUN for row in (before, after)}
    if missing == {True}:
        return days or ("not measured",)
    if True in missing:
        # A row without a value has no method, and files and configuration that were planned.
        return ("not measured",)
    found = [cause for cause, names in _CAUSES.items() if _differing(names, before, after)]
    if "AVAL" not in columns and set(columns) & set(_BASELINE):
        found.append("baseline")
    if not found and not days and "QCREAS" in columns:
        # Else the reason only says what the other columns show.
        found.append("QC decision")
    return (*found, *days) or (OTHER,)


def _one_sided(key: tuple[str, ...], before: TextRow, after: TextRow) -> RowDifference:
    row = after or before
    return RowDifference(
        key=key,
        unit=row["AVALU"],
        before=before.get("AVAL", ""),
        after=after.get("AVAL", ""),
        difference="",
        chg_before=before.get("CHG", ""),
        chg_after=after.get("CHG", ""),
        columns=(),
        causes=(NEW if after else GONE,),
        reason=row["QCREAS"],
    )


def _key(row: TextRow) -> tuple[str, ...]:
    return tuple(row[name] for name in KEY)


def _differing(names: Sequence[str], before: TextRow, after: TextRow) -> tuple[str, ...]:
    """Return which columns differ, of those that the versions of both locks have."""
    common = (name for name in names if name in before and name in after)
    return tuple(name for name in common if before[name] != after[name])
