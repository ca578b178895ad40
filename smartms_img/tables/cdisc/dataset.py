"""A dataset of CDISC and its variables, as all its files describe it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from smartms_img.catalogue import Category
from smartms_img.tables.cdisc.long_texts import continued_name, in_ascii, longest_parts
from smartms_img.tables.lines import held, rewritten

Kind = Literal["text", "integer", "float"]
Origin = Literal["Assigned", "Derived"]
Standard = Literal["ADaM", "SDTM"]

Rows = Mapping[str, pa.Array]
"""Rows of a dataset: a column a variable, texts with dictionaries."""
NO_DATE = "1970-01-01T00:00:00"
"""What files say of their date: a true one would make equal tables unequal files."""


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

    def continued(self, position: int) -> Variable:
        """Return the variable that holds the part of a long text at a position; 0 is itself."""
        if position == 0:
            return self
        name = continued_name(self.name, position)
        label = f"{self.label[:33]} ({position + 1})"
        comment = f"Continues {self.name}, part {position + 1}"
        return Variable(name, label, "text", self.origin, comment)


@dataclass(frozen=True)
class Form:
    """What a dataset is, whatever its rows.

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
    select : callable
        Makes the rows from rows of the endpoint table, both in Arrow: a column a variable, texts
        with dictionaries; text is empty where missing, numbers null.
    """

    name: str
    label: str
    structure: str
    standard: Standard
    dataset_class: str
    keys: tuple[str, ...]
    variables: tuple[Variable, ...]
    select: Callable[[pa.Table], Rows]

    def rows(self, table: pa.Table) -> Rows:
        """Return the rows that rows of the endpoint table give, texts in ASCII."""
        found = self.select(table)
        return {
            item.name: rewritten(found[item.name], in_ascii)
            if item.kind == "text"
            else found[item.name]
            for item in self.variables
        }


def in_categories(table: pa.Table, categories: Sequence[Category]) -> Rows:
    """Return the rows of the endpoint table that are of some categories, by column."""
    named = table["PARCAT1"].combine_chunks()
    wanted = pa.array([text in categories for text in named.dictionary.to_pylist()], pa.bool_())
    rows = table.filter(pc.take(wanted, named.indices)).combine_chunks()
    return {name: rows[name].combine_chunks() for name in table.column_names}


@dataclass(frozen=True)
class Contents:
    """What the descriptions of a dataset say of its rows.

    Attributes
    ----------
    records : int
        Number of rows.
    lengths : dict of str to tuple of int
        By variable: digits of the longest integer; of a text the longest of each of its parts.
    held : dict of str to tuple of str
        Values of the variables with a list of codes, in their order of appearance.
    """

    records: int
    lengths: Mapping[str, tuple[int, ...]]
    held: Mapping[str, tuple[str, ...]]

    def joined(self, other: Contents) -> Contents:
        """Return what both together hold."""
        lengths = {
            name: tuple(map(max, zip_longest(own, other.lengths[name], fillvalue=0)))
            for name, own in self.lengths.items()
        }
        held = {
            name: tuple(dict.fromkeys((*own, *other.held[name])))
            for name, own in self.held.items()
        }
        return Contents(self.records + other.records, lengths, held)


def contents(rows: Rows, form: Form) -> Contents:
    """Return what rows of :meth:`Form.rows` hold."""
    lengths: dict[str, tuple[int, ...]] = {}
    for item in form.variables:
        column = rows[item.name]
        if item.kind == "text":
            lengths[item.name] = longest_parts(held(column))
        elif item.kind == "integer":
            digits = [len(str(value)) for value in pc.unique(column.drop_null()).to_pylist()]
            lengths[item.name] = (max(digits, default=1),)
    coded = {item.name: tuple(held(rows[item.name])) for item in form.variables if item.codelist}
    return Contents(len(rows["STUDYID"]), lengths, coded)


@dataclass(frozen=True)
class Dataset:
    """A dataset: its form, and what its rows hold."""

    form: Form
    contents: Contents

    @property
    def name(self) -> str:
        """Name."""
        return self.form.name

    @cached_property
    def variables(self) -> tuple[Variable, ...]:
        """Variables in order, also those in which long texts go on."""
        return tuple(
            variable.continued(position)
            for variable in self.form.variables
            for position in range(self.parts(variable))
        )

    def parts(self, variable: Variable) -> int:
        """Return in how many variables the texts of one are."""
        return len(self.contents.lengths[variable.name]) if variable.kind == "text" else 1

    @cached_property
    def lengths(self) -> dict[str, int]:
        """Length by variable: bytes of the longest text, digits of a number."""
        found = {}
        for variable in self.form.variables:
            known = (16,) if variable.kind == "float" else self.contents.lengths[variable.name]
            for position, length in enumerate(known):
                found[variable.continued(position).name] = length or 1
        return found
