"""The columns of the endpoint table, in their order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes
    ----------
    name : str
        Name, as in ADaM where it has one.
    kind : {'text', 'integer', 'number'}
        Type; a missing text is empty, a missing number null.
    description : str
        For the data dictionary.
    """

    name: str
    kind: Literal["text", "integer", "number"]
    description: str


DTYPES = {"text": "str", "integer": "Int64", "number": "float64"}
"""Type of a column in pandas, by its kind."""

COLUMNS: tuple[Column, ...] = (
    Column("STUDYID", "text", "Study, from the configuration"),
    Column("USUBJID", "text", "Subject, unique across studies: STUDYID, hyphen, label"),
    Column("AVISIT", "text", "Name of the planned visit"),
    Column("AVISITN", "integer", "Number of the planned visit"),
    Column(
        "ADY",
        "integer",
        "Day of the visit relative to the baseline visit: that day is 1, the day before is -1, "
        "there is no day 0",
    ),
    Column("PARCAT1", "text", "Category of the endpoint"),
    Column("PARAMCD", "text", "Code of the endpoint"),
    Column("PARAM", "text", "Endpoint with unit and method"),
    Column("LOC", "text", "Location; empty for the whole brain or the whole scan"),
    Column("LAT", "text", "Eye; empty for MRI and for differences between the eyes"),
    Column("AVAL", "number", "Value; missing where QCREAS says why"),
    Column("AVALU", "text", "Unit of AVAL, AVALERR, BASE and CHG"),
    Column(
        "AVALERR",
        "number",
        "Standard deviation of repeat measurement of this endpoint; missing where unknown",
    ),
    Column(
        "BASE",
        "number",
        "AVAL at the baseline visit; missing for endpoints that are a change themselves",
    ),
    Column(
        "CHG",
        "number",
        "AVAL minus BASE, on rows other than the baseline, where the baseline passed QC",
    ),
    Column("PCHG", "number", "CHG in per cent of BASE; missing where BASE is 0"),
    Column("ABLFL", "text", "Y on the row whose AVAL is BASE"),
    Column("ANL01FL", "text", "Y where there is a value and QCSTAT is pass"),
    Column("QCSTAT", "text", "Quality of the value"),
    Column("QCREAS", "text", "Reason of QCSTAT and who or what decided, or why AVAL is missing"),
    Column("METHOD", "text", "What computed the value"),
    Column("METHODVR", "text", "Version of the method"),
    Column("INTERVAL", "number", "Years (365.25 days) from the visit of BASETYPE"),
    Column("SRCFILE", "text", "Files measured, relative to the dataset, joined by ';'"),
    Column(
        "SRCSHA256",
        "text",
        "SHA-256 of each file of SRCFILE, joined by ';'; of a folder, of the list of digests and "
        "names of its files, as sha256sum prints it",
    ),
    Column(
        "CFGSHA256",
        "text",
        "SHA-256 of the part of the configuration that the latest attempt at the unit ran with; "
        "of the whole configuration where there was no attempt",
    ),
    Column(
        "BASETYPE",
        "text",
        "Name of the visit that the row compares with: the baseline, or another visit that the "
        "configuration names as an extra baseline or in an extra pair",
    ),
    Column("AWLO", "integer", "First day of the visit's window, as ADY"),
    Column("AWHI", "integer", "Last day of the visit's window, as ADY"),
    Column("ANL02FL", "text", "Y where ANL01FL is Y and ADY is known and inside the window"),
)
"""Columns of the endpoint table.

The first 26 are the study's contract. BASETYPE is appended because a configuration may compare a
visit with more than one earlier visit: PBVC of month 12 from the baseline and PBVC of month 12
from month 6 agree in subject, visit, PARAMCD, LOC and LAT. ADaM's variable for several baselines
is BASETYPE, and it keeps PARAMCD and PARAM one to one, which a reference visit inside PARAM or
METHOD would not. So the key of a row is USUBJID, AVISIT, PARAMCD, LOC, LAT, BASETYPE; without
extra baselines and extra pairs BASETYPE is constant and the first five suffice. AWLO, AWHI and
ANL02FL follow: the window of a visit, and the rows that an analysis by windows takes.
"""

KEY: tuple[str, ...] = ("USUBJID", "AVISIT", "PARAMCD", "LOC", "LAT", "BASETYPE")
"""Columns that together name one row."""

PERCENT_DECIMALS = 3
YEAR_DECIMALS = 4
