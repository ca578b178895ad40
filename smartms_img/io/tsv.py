"""Tab-separated tables: read strictly, written plainly."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from smartms_img.errors import InputError


def read_tsv(path: Path, key: str, only: str = "") -> list[dict[str, str]]:
    """Read a table whose first row names the columns; all values stay text.

    Parameters
    ----------
    path : Path
        UTF-8 file, tab-separated, with or without a byte-order mark.
    key : str
        Column that must exist.
    only : str, optional
        First cell of the rows that are wanted; the others are not looked at.

    Returns
    -------
    list of dict
        One mapping of column to text a row, in file order.

    Raises
    ------
    InputError
        If the file is not UTF-8 text, lacks the key column, or has a row of another length.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("cannot be read", "Save it as UTF-8 text", file=path.name) from error
    filled = [line for line in lines if line.strip()]
    if only:
        filled = [*filled[:1], *(line for line in filled[1:] if line.startswith(f"{only}\t"))]
    rows = [line.split("\t") for line in filled]
    header = [name.strip() for name in rows[0]] if rows else []
    if key not in header:
        raise InputError(
            f"has no column '{key}'", "Add it; columns are separated by tabs", file=path.name
        )
    for number, row in enumerate(rows, start=1):
        if len(row) != len(header):
            raise InputError(
                f"row {number} has {len(row)} columns instead of {len(header)}",
                "Correct the row; columns are separated by tabs",
                file=path.name,
            )
    values = [[value.strip() for value in row] for row in rows[1:]]
    return [dict(zip(header, row, strict=True)) for row in values]


def tsv_text(lines: Iterable[Sequence[str]]) -> str:
    """Return rows of cells as tab-separated text; lines end with LF."""
    return "".join("\t".join(line) + "\n" for line in lines)


def is_missing(value: str) -> bool:
    """Tell whether a cell holds no value ('n/a' or nothing)."""
    return value in {"", "n/a"}
