"""The analysed values with one row a visit: what a mixed model or an ANCOVA reads."""

from __future__ import annotations

from math import isnan

import pandas as pd
import pyarrow as pa

from smartms_img.catalogue import CATALOGUE, endpoint, planned_keys
from smartms_img.config import StudyConfig
from smartms_img.io.tsv import tsv_text
from smartms_img.naming import UnitKind
from smartms_img.tables.lines import TEXT, encoded, integers, lines, plain

INDEX = ("STUDYID", "USUBJID", "AVISIT", "AVISITN", "ADY", "BASETYPE")
BASELINE_SUFFIX = "_BASE"
_ROW = ["USUBJID", "AVISITN", "BASETYPE"]
_NAME = "name"


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


def wide_table(table: pd.DataFrame, config: StudyConfig) -> pd.DataFrame:
    """Return one row a subject, visit and BASETYPE, with a column a value.

    Parameters
    ----------
    table : DataFrame
        Rows of the endpoint table, all of a subject.
    config : StudyConfig
        Study.

    Returns
    -------
    DataFrame
        First :data:`INDEX`, then :func:`wide_columns`. Values whose ANL01FL is not Y are missing,
        and a baseline is where the two visits must not be compared.
    """
    named = table.assign(**{_NAME: _names(table)})
    visits = table.drop_duplicates(_ROW)[list(INDEX)].reset_index(drop=True)
    analysed = named[named["ANL01FL"] == "Y"]
    # BASE is a value of any quality: it counts where the change from it does.
    compared = analysed[analysed["CHG"].notna() | (analysed["ABLFL"] == "Y")]
    base = _spread(compared, "BASE", visits).add_suffix(BASELINE_SUFFIX)
    found = pd.concat([_spread(analysed, "AVAL", visits), base], axis="columns")
    values = found.reindex(columns=list(wide_columns(config))).astype("float64")
    return pd.concat([visits, values.reset_index(drop=True)], axis="columns")


def wide_header(config: StudyConfig) -> str:
    """Return the first line of ``wide.tsv``."""
    return tsv_text([[*INDEX, *wide_columns(config)]])


def wide_lines(table: pd.DataFrame, config: StudyConfig) -> bytes:
    """Return lines of ``wide.tsv``, with the decimals of the catalogue; missing is empty."""
    wide = wide_table(table, config)
    index = [
        integers(wide[name]) if wide[name].dtype == "Int64" else plain(encoded(wide[name]))
        for name in INDEX
    ]
    values = [
        _decimals(wide[name], endpoint(code).precision)
        for name, code in wide_columns(config).items()
    ]
    return lines([*index, *values], "\t")


def _spread(named: pd.DataFrame, value: str, visits: pd.DataFrame) -> pd.DataFrame:
    """Return a column of numbers with a column a name and a row a visit, as the visits go."""
    # A pivot_table would silently average rows with the same key.
    values = named.pivot(index=_ROW, columns=_NAME, values=value)  # noqa: PD010
    return values.reindex(pd.MultiIndex.from_frame(visits[_ROW]))


def _name(paramcd: str, loc: str, lat: str) -> str:
    return "_".join(part for part in (paramcd, loc, lat) if part)


def _names(table: pd.DataFrame) -> pd.Series:
    """Return the column that each row's value goes to."""
    keys = zip(*(table[name].tolist() for name in ("PARAMCD", "LOC", "LAT")), strict=True)
    return pd.Series([_name(*key) for key in keys], index=table.index, dtype="str")


def _decimals(column: pd.Series, decimals: int) -> pa.Array:
    form = f".{decimals}f"
    return pa.array(["" if isnan(v) else format(v, form) for v in column.tolist()], TEXT)
