"""The analysed values with one row a visit: what a mixed model or an ANCOVA reads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from smartms_img.catalogue import CATALOGUE, endpoint, planned_keys
from smartms_img.config import StudyConfig
from smartms_img.io.tsv import tsv_text
from smartms_img.naming import UnitKind
from smartms_img.tables.lines import TEXT, fixed, integers, joint_codes, lines, plain

INDEX = ("STUDYID", "USUBJID", "AVISIT", "AVISITN", "ADY", "BASETYPE")
BASELINE_SUFFIX = "_BASE"
_ROW = ("USUBJID", "AVISIT", "BASETYPE")
_COLUMN = ("PARAMCD", "LOC", "LAT")

_Numbers = NDArray[np.int64]


def wide_columns(config: StudyConfig) -> dict[str, str]:
    """Return the columns of values, and the PARAMCD of each.

    In the order of the catalogue, AVAL in a column named PARAMCD, LOC and LAT, joined by '_'.
    Unless the endpoint is a change itself, a column with the suffix '_BASE' follows: the value at
    the visit of BASETYPE.
    """
    values = {_name(key.paramcd, key.loc, key.lat): key for key in planned_keys(config)}
    order = {code: place for place, code in enumerate(CATALOGUE)}
    columns: dict[str, str] = {}
    for name, key in sorted(values.items(), key=lambda item: order[item[1].paramcd]):
        columns[name] = key.paramcd
        if key.endpoint.kind is not UnitKind.PAIR:
            columns[name + BASELINE_SUFFIX] = key.paramcd
    return columns


def wide_header(config: StudyConfig) -> str:
    """Return the first line of ``wide.tsv``."""
    return tsv_text([[*INDEX, *wide_columns(config)]])


def wide_lines(rows: pa.Table, config: StudyConfig) -> bytes:
    """Return lines of ``wide.tsv``: one a subject, visit and BASETYPE.

    Parameters
    ----------
    rows : Table
        Rows of the endpoint table, all of a subject, as
        :func:`smartms_img.tables.export.arrow_table` gives them.
    config : StudyConfig
        Study.

    Returns
    -------
    bytes
        First :data:`INDEX`, then :func:`wide_columns`, with the decimals of the catalogue. Values
        whose ANL01FL is not Y are missing, and a baseline is where the two visits must not be
        compared; missing is empty.
    """
    table = rows.combine_chunks()
    first, visit = _numbered(table, _ROW)
    index = [table[name].combine_chunks().take(pa.array(first)) for name in INDEX]
    texts = [plain(c) if isinstance(c, pa.DictionaryArray) else integers(c) for c in index]
    found = _spread(table, visit, len(first))
    nothing = np.full(len(first), np.nan)
    values = [
        fixed(pa.array(found.get(name, nothing), from_pandas=True), endpoint(code).precision)
        for name, code in wide_columns(config).items()
    ]
    return lines([*texts, *values], "\t")


def _numbered(table: pa.Table, names: Sequence[str]) -> tuple[_Numbers, _Numbers]:
    """Return the first row of each combination that some columns have, and each row's number.

    Combinations are numbered as they come.
    """
    joint = joint_codes([table[name].combine_chunks() for name in names])
    codes = pc.dictionary_encode(pa.array(joint)).indices.to_numpy().astype(np.int64)
    return np.unique(codes, return_index=True)[1], codes


def _spread(table: pa.Table, visit: _Numbers, visits: int) -> dict[str, NDArray[np.float64]]:
    """Return the values of each column, a visit each, NaN where there is none."""
    first, column = _numbered(table, _COLUMN)
    cells = (table[name].take(pa.array(first)).to_pylist() for name in _COLUMN)
    names = [_name(*key) for key in zip(*cells, strict=True)]
    analysed = _is(table, "ANL01FL")
    # BASE is a value of any quality: it counts where the change from it does.
    changed = table["CHG"].is_valid().to_numpy() | _is(table, "ABLFL")
    found: dict[str, NDArray[np.float64]] = {}
    for value, suffix, kept in (
        ("AVAL", "", analysed),
        ("BASE", BASELINE_SUFFIX, analysed & changed),
    ):
        spread = np.full((len(names), visits), np.nan)
        spread[column[kept], visit[kept]] = table[value].to_numpy()[kept]
        found |= {name + suffix: row for name, row in zip(names, spread, strict=True)}
    return found


def _is(table: pa.Table, flag: str) -> NDArray[np.bool_]:
    return np.asarray(pc.equal(table[flag].cast(TEXT), "Y").to_numpy(), dtype=bool)


def _name(paramcd: str, loc: str, lat: str) -> str:
    return "_".join(part for part in (paramcd, loc, lat) if part)
