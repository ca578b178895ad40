"""A dataset of CDISC and its variables, as all its files describe it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

Kind = Literal["text", "integer", "float"]
Origin = Literal["Assigned", "Derived"]
Standard = Literal["ADaM", "SDTM"]

NO_DATE = "1970-01-01T00:00:00"
"""What files say of their date: a true one would make equal tables unequal files."""
LONGEST_TEXT = 200
"""Bytes that a text of an XPT file can have."""


@dataclass(frozen=True)
class Variable:
    """One variable.

    Attributes
    ----------
    name, label : str
        At most 8 and 40 characters.
    kind : {'text', 'integer', 'float'}
        Type.
    origin : {'Assigned', 'Derived'}
        Where it comes from, in the words of Define-XML.
    comment : str
        What it holds, one sentence; the method where it is derived.
    codelist : str
        Name of its list of codes, empty if it has none.
    mandatory : bool
        Whether it is never missing.
    """

    name: str
    label: str
    kind: Kind
    origin: Origin
    comment: str
    codelist: str = ""
    mandatory: bool = False

    def __post_init__(self) -> None:
        if len(self.name) > 8 or len(self.label) > 40:
            raise ValueError(f"{self.name} ({self.label}) is too long for CDISC")


@dataclass(frozen=True)
class Dataset:
    """One dataset: its description and its rows.

    Attributes
    ----------
    name, label, structure : str
        Name, label (at most 40 characters), and what one row is.
    standard, dataset_class : str
        'ADaM' or 'SDTM', and the class of the dataset in the words of Define-XML.
    keys : tuple of str
        Variables that together name one row.
    variables : tuple of Variable
        In order.
    frame : DataFrame
        A column a variable; text is empty where missing, numbers null.
    """

    name: str
    label: str
    structure: str
    standard: Standard
    dataset_class: str
    keys: tuple[str, ...]
    variables: tuple[Variable, ...]
    frame: pd.DataFrame = field(repr=False)

    def length(self, variable: Variable) -> int:
        """Return the length of a variable: bytes of the longest text, digits of a number."""
        column = self.frame[variable.name]
        if variable.kind == "text":
            return max((len(text.encode()) for text in column.unique()), default=1) or 1
        if variable.kind == "float":
            return 16
        return max((len(str(value)) for value in column.dropna().unique()), default=1)


def split_long_texts(
    frame: pd.DataFrame, variables: tuple[Variable, ...]
) -> tuple[pd.DataFrame, tuple[Variable, ...]]:
    """Go on in further variables where texts are longer than XPT holds.

    The text of ``NAME`` goes on in ``NAME1``, ``NAME2`` and so forth, which exist where a text of
    the dataset needs them. Characters beyond ASCII, which XPT does not know, are written as
    escapes.
    """
    columns: dict[str, pd.Series] = {}
    described: list[Variable] = []
    for variable in variables:
        column = frame[variable.name]
        if variable.kind != "text":
            columns[variable.name] = column
            described.append(variable)
            continue
        for position, part in enumerate(_parts(column)):
            more = variable if position == 0 else _continued(variable, position)
            columns[more.name] = part
            described.append(more)
    return pd.DataFrame(columns), tuple(described)


def _parts(column: pd.Series) -> list[pd.Series]:
    parts = {text: _split(text) for text in column.unique()}
    most = max(map(len, parts.values()), default=1)
    padded = {text: of_it + [""] * (most - len(of_it)) for text, of_it in parts.items()}
    return [
        column.map({text: of_it[place] for text, of_it in padded.items()}).astype("str")
        for place in range(most)
    ]


def _split(text: str) -> list[str]:
    """Return a text in ASCII, in parts; none but the last ends with a blank, which XPT drops."""
    rest = text.encode("ascii", "backslashreplace").decode()
    parts = []
    while len(rest) > LONGEST_TEXT:
        kept = rest[:LONGEST_TEXT].rstrip(" ")
        # A run of blanks that is longer than a part cannot be kept.
        size = len(kept) or LONGEST_TEXT
        parts.append(rest[:size])
        rest = rest[size:]
    return [*parts, rest]


def _continued(variable: Variable, position: int) -> Variable:
    number = str(position)
    name = variable.name[: 8 - len(number)] + number
    label = f"{variable.label[:33]} ({position + 1})"
    comment = f"Continues {variable.name}, part {position + 1}"
    return Variable(name, label, "text", variable.origin, comment)
