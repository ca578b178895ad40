"""Columns of text in Arrow, and the lines of a file: fast for millions of rows.

A column of text holds each distinct text once, in a dictionary, so that what is done to texts is
done to few.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

# Plain strings hold at most 2 GiB a column.
TEXT = pa.large_string()
ENCODED = pa.dictionary(pa.int32(), TEXT)


def encoded(column: pd.Series) -> pa.DictionaryArray:
    """Return a column of text with its dictionary."""
    found = pa.array(column, TEXT)
    whole = found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found
    return pc.dictionary_encode(whole)


def of_codes(codes: NDArray[np.integer], texts: Sequence[str]) -> pa.DictionaryArray:
    """Return the column that has the text ``texts[code]`` in each row."""
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), pa.array(texts, TEXT))


def joint_codes(columns: Sequence[pa.DictionaryArray]) -> NDArray[np.int64]:
    """Return one number a row that is equal where the texts of all columns are."""
    joint = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        joint = joint * max(len(column.dictionary), 1) + column.indices.to_numpy()
    return joint


def held(column: pa.DictionaryArray) -> list[str]:
    """Return the distinct texts of a column, in the order in which they come."""
    found: list[str] = pc.take(column.dictionary, pc.unique(column.indices)).to_pylist()
    return found


def rewritten(column: pa.DictionaryArray, write: Callable[[str], str]) -> pa.DictionaryArray:
    """Return a column with its texts written otherwise."""
    texts = [write(text) for text in column.dictionary.to_pylist()]
    return pa.DictionaryArray.from_arrays(column.indices, pa.array(texts, TEXT))


def blank_where(column: pa.DictionaryArray, blank: NDArray[np.bool_]) -> pa.DictionaryArray:
    """Return a column with empty texts in some rows."""
    texts = pa.concat_arrays([column.dictionary, pa.array([""], TEXT)])
    codes = np.where(blank, len(column.dictionary), column.indices.to_numpy())
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), texts)


def plain(column: pa.DictionaryArray) -> pa.Array:
    """Return a column of text without dictionary."""
    return pc.take(column.dictionary, column.indices)


def integers(column: pd.Series | pa.Array, missing: str = "") -> pa.Array:
    """Return a column of integers as text."""
    return pc.fill_null(pc.cast(pa.array(column, pa.int64(), from_pandas=True), TEXT), missing)


def numbers(values: pa.Array, write: Callable[[float], str], missing: str = "") -> pa.Array:
    """Return a column of numbers as text; each distinct number is written once."""
    coded = pc.dictionary_encode(values)
    known = [write(value) for value in coded.dictionary.to_pylist()]
    return pc.fill_null(pc.take(pa.array(known, TEXT), coded.indices), missing)


def fixed(values: pa.Array, count: int) -> pa.Array:
    """Return a column of numbers as text with so many decimals; missing is empty."""
    return numbers(values, f"{{:.{count}f}}".format)


def decimals(values: pa.Array, places: NDArray[np.integer]) -> pa.Array:
    """Return a column of numbers as text with so many decimals in each row; missing is empty."""
    found = pa.nulls(len(values), TEXT)
    for count in np.unique(places).tolist():
        own = pa.array(places == count)
        written = fixed(pc.filter(values, own), count)
        found = pc.replace_with_mask(found, own, written)
    return found


def lines(columns: Sequence[pa.Array], separator: str, start: str = "", end: str = "\n") -> bytes:
    """Return rows as UTF-8 text.

    Parameters
    ----------
    columns : sequence of Array
        Text without nulls, all of one length; at least two.
    separator, start, end : str
        Between the cells of a row, before its first and after its last.
    """
    nothing = pa.scalar("", TEXT)
    first = pc.binary_join_element_wise(pa.scalar(start, TEXT), columns[0], nothing)
    last = pc.binary_join_element_wise(columns[-1], pa.scalar(end, TEXT), nothing)
    whole = pc.binary_join_element_wise(first, *columns[1:-1], last, pa.scalar(separator, TEXT))
    if not len(whole):
        return b""
    # Arrow holds the texts of a column one behind the other.
    _, offsets, data = whole.buffers()
    places = np.frombuffer(offsets, np.int64)[whole.offset :]
    return bytes(data[int(places[0]) : int(places[len(whole)])])
