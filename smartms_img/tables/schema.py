"""What must hold of the endpoint table before it is written."""

from __future__ import annotations

import pandas as pd
import pandera.pandas as pa

from smartms_img.catalogue import CATALOGUE, LATERALITIES, location_levels
from smartms_img.errors import SmartmsError
from smartms_img.naming import QcStatus
from smartms_img.tables.columns import COLUMNS, DTYPES, KEY


class TableError(SmartmsError):
    """The endpoint table breaks its own rules: a fault of the program, not of the data."""


def _unit_is_the_catalogues(table: pd.DataFrame) -> pd.Series:
    units = {paramcd: item.unit for paramcd, item in CATALOGUE.items()}
    return table["AVALU"] == table["PARAMCD"].map(units)


def _place_is_the_catalogues(table: pd.DataFrame) -> pd.Series:
    places = {(item.paramcd, *place) for item in CATALOGUE.values() for place in item.places}
    keys = zip(*(table[name].tolist() for name in ("PARAMCD", "LOC", "LAT")), strict=True)
    return pd.Series([key in places for key in keys], index=table.index, dtype=bool)


def _analysed_where_passed(table: pd.DataFrame) -> pd.Series:
    passed = (table["QCSTAT"] == QcStatus.PASS.value) & table["AVAL"].notna()
    return (table["ANL01FL"] == "Y") == passed


def _in_window_where_analysed(table: pd.DataFrame) -> pd.Series:
    # Not known is not inside.
    inside = (table["ADY"] >= table["AWLO"]) & (table["ADY"] <= table["AWHI"])
    return (table["ANL02FL"] == "Y") == ((table["ANL01FL"] == "Y") & inside.fillna(False))


def _missing_is_not_run(table: pd.DataFrame) -> pd.Series:
    return (table["QCSTAT"] == QcStatus.NOTRUN.value) == table["AVAL"].isna()


def _missing_has_reason(table: pd.DataFrame) -> pd.Series:
    return table["AVAL"].notna() | (table["QCREAS"] != "")


def _measured_has_method(table: pd.DataFrame) -> pd.Series:
    return table["AVAL"].isna() | (table["METHOD"] != "")


_DOMAINS: dict[str, list[str]] = {
    "PARAMCD": list(CATALOGUE),
    "LOC": list(location_levels()),
    "LAT": list(LATERALITIES),
    "QCSTAT": [status.value for status in QcStatus],
    "ABLFL": ["", "Y"],
    "ANL01FL": ["", "Y"],
    "ANL02FL": ["", "Y"],
}

SCHEMA = pa.DataFrameSchema(
    columns={
        column.name: pa.Column(
            DTYPES[column.kind],
            pa.Check.isin(_DOMAINS[column.name]) if column.name in _DOMAINS else None,
            nullable=column.kind != "text",
        )
        for column in COLUMNS
    },
    checks=[
        pa.Check(_unit_is_the_catalogues, name="AVALU is the unit of the catalogue"),
        pa.Check(_place_is_the_catalogues, name="LOC and LAT are places of the endpoint"),
        pa.Check(_analysed_where_passed, name="ANL01FL is Y exactly where QC passed"),
        pa.Check(_in_window_where_analysed, name="ANL02FL is Y exactly inside the window"),
        pa.Check(_missing_is_not_run, name="QCSTAT is notrun exactly where AVAL is missing"),
        pa.Check(_missing_has_reason, name="a missing AVAL has a reason"),
        pa.Check(_measured_has_method, name="a value has a METHOD"),
    ],
    unique=list(KEY),
    strict=True,
    ordered=True,
)


def validate(table: pd.DataFrame) -> None:
    """Check the endpoint table.

    Raises
    ------
    TableError
        With the first broken rule and a row that breaks it.
    """
    try:
        SCHEMA.validate(table, lazy=True)
    except pa.errors.SchemaErrors as error:
        case = error.failure_cases.iloc[0]
        where = ""
        if pd.notna(case["index"]) and case["index"] in table.index:
            where = " at " + " ".join(str(table.loc[case["index"], name]) for name in KEY)
        raise TableError(f"the endpoint table breaks '{case['check']}'{where}") from error
