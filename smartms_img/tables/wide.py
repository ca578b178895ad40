"""The analysed values with one row a visit: what a mixed model or an ANCOVA reads."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from smartms_img.catalogue import endpoint
from smartms_img.io.atomic import write_text
from smartms_img.io.tsv import tsv_text
from smartms_img.naming import UnitKind

INDEX = ("STUDYID", "USUBJID", "AVISIT", "AVISITN", "ADY", "BASETYPE")
BASELINE_SUFFIX = "_BASE"
_ROW = ["USUBJID", "AVISITN", "BASETYPE"]
_NAME = "name"


def wide_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row a subject, visit and BASETYPE, with a column a value.

    Parameters
    ----------
    table : DataFrame
        The endpoint table.

    Returns
    -------
    DataFrame
        First :data:`INDEX`; then, in the order of the catalogue, AVAL in a column named PARAMCD,
        LOC and LAT, joined by '_'. Unless the endpoint is a change itself, a column with the
        suffix '_BASE' follows: the value at the visit of BASETYPE. Values whose ANL01FL is not Y
        are missing, and a baseline is where the two visits must not be compared.
    """
    named = table.assign(**{_NAME: _names(table)})
    visits = table.drop_duplicates(_ROW)[list(INDEX)].reset_index(drop=True)
    analysed = named[named["ANL01FL"] == "Y"]
    values = _spread(analysed, "AVAL", visits)
    # BASE is a value of any quality: it counts where the change from it does.
    compared = analysed[analysed["CHG"].notna() | (analysed["ABLFL"] == "Y")]
    base = _spread(compared, "BASE", visits)
    columns = {name: visits[name] for name in INDEX}
    for name, paramcd in _values_of(named).items():
        columns[name] = _column(values, name, len(visits))
        if endpoint(paramcd).kind is not UnitKind.PAIR:
            columns[name + BASELINE_SUFFIX] = _column(base, name, len(visits))
    return pd.DataFrame(columns)


def write_wide(folder: Path, table: pd.DataFrame) -> None:
    """Write ``wide.tsv``, with the decimals of the catalogue; a missing value is an empty cell."""
    wide = wide_table(table)
    cells = {name: _text(wide[name], name) for name in wide.columns}
    lines = zip(*cells.values(), strict=True)
    write_text(folder / "wide.tsv", tsv_text([list(cells), *map(list, lines)]))


def _spread(named: pd.DataFrame, value: str, visits: pd.DataFrame) -> pd.DataFrame:
    """Return a column of numbers with a column a name and a row a visit, as the visits go."""
    # A pivot_table would silently average rows with the same key.
    values = named.pivot(index=_ROW, columns=_NAME, values=value)  # noqa: PD010
    return values.reindex(pd.MultiIndex.from_frame(visits[_ROW]))


def _names(table: pd.DataFrame) -> pd.Series:
    """Return the column that each row's value goes to."""
    name = table["PARAMCD"]
    for part in ("LOC", "LAT"):
        name = name + ("_" + table[part]).where(table[part] != "", "")
    return name


def _values_of(named: pd.DataFrame) -> dict[str, str]:
    """Return PARAMCD by column name, endpoints as in the table and their places together."""
    once = named.drop_duplicates(_NAME)
    order = {code: place for place, code in enumerate(once["PARAMCD"].unique())}
    pairs = zip(once[_NAME], once["PARAMCD"], strict=True)
    return dict(sorted(pairs, key=lambda pair: order[pair[1]]))


def _column(values: pd.DataFrame, name: str, length: int) -> pd.Series:
    if name not in values:
        return pd.Series([None] * length, dtype="float64")
    return values[name].reset_index(drop=True)


def _text(column: pd.Series, name: str) -> list[str]:
    if column.dtype != "float64":
        return ["" if pd.isna(value) else str(value) for value in column]
    decimals = endpoint(name.partition("_")[0]).precision
    return ["" if pd.isna(value) else f"{value:.{decimals}f}" for value in column]
