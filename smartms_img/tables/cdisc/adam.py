"""ADaM: the endpoint table as two datasets of the basic data structure."""

from __future__ import annotations

from functools import partial

import numpy as np
import pyarrow as pa

from smartms_img.catalogue import Category
from smartms_img.tables.cdisc.dataset import Form, Origin, Rows, Variable, in_categories
from smartms_img.tables.cdisc.findings import finding_numbers
from smartms_img.tables.columns import COLUMNS, KEY
from smartms_img.tables.lines import of_codes

_NAMES = {"SRCSHA256": "SRCSHA", "CFGSHA256": "CFGSHA"}
_LABELS = {
    "STUDYID": "Study Identifier",
    "USUBJID": "Unique Subject Identifier",
    "AVISIT": "Analysis Visit",
    "AVISITN": "Analysis Visit (N)",
    "ADY": "Analysis Relative Day",
    "PARCAT1": "Parameter Category 1",
    "PARAMCD": "Parameter Code",
    "PARAM": "Parameter",
    "LOC": "Location",
    "LAT": "Laterality",
    "AVAL": "Analysis Value",
    "AVALU": "Analysis Value Unit",
    "AVALERR": "SD of Repeat Measurement of AVAL",
    "BASE": "Baseline Value",
    "CHG": "Change from Baseline",
    "PCHG": "Percent Change from Baseline",
    "ABLFL": "Baseline Record Flag",
    "ANL01FL": "Analysis Flag 01",
    "QCSTAT": "Quality Control Status",
    "QCREAS": "Reason of Quality Control Status",
    "METHOD": "Method of Measurement",
    "METHODVR": "Version of the Method",
    "INTERVAL": "Years from the Visit of BASETYPE",
    "SRCFILE": "Measured Files",
    "SRCSHA256": "SHA-256 of the Measured Files",
    "CFGSHA256": "SHA-256 of the Configuration",
    "BASETYPE": "Baseline Type",
    "AWLO": "Analysis Window Beginning Timepoint",
    "AWHI": "Analysis Window Ending Timepoint",
    "ANL02FL": "Analysis Flag 02",
}
_ASSIGNED = {
    "STUDYID", "USUBJID", "AVISIT", "AVISITN", "PARCAT1", "PARAMCD", "PARAM", "LOC", "LAT",
    "AVALU", "AVALERR", "METHOD", "METHODVR", "BASETYPE", "AWLO", "AWHI",
}  # fmt: skip
_CODELISTS = {
    "AVISIT": "AVISIT",
    "PARCAT1": "PARCAT1",
    "PARAMCD": "PARAMCD",
    "PARAM": "PARAM",
    "LOC": "LOC",
    "LAT": "LAT",
    "AVALU": "UNIT",
    "ABLFL": "NY",
    "ANL01FL": "NY",
    "ANL02FL": "NY",
    "QCSTAT": "QCSTAT",
    "BASETYPE": "AVISIT",
}
_MANDATORY = {
    "STUDYID", "USUBJID", "AVISIT", "AVISITN", "PARCAT1", "PARAMCD", "PARAM", "AVALU", "QCSTAT",
    "BASETYPE",
}  # fmt: skip
_SOURCE = (
    Variable(
        "SRCDOM",
        "Source Data",
        "text",
        "Assigned",
        "SDTM dataset that holds the measurement",
        mandatory=True,
    ),
    Variable(
        "SRCVAR",
        "Source Variable",
        "text",
        "Assigned",
        "Variable of SRCDOM that holds AVAL",
        mandatory=True,
    ),
    Variable(
        "SRCSEQ",
        "Source Sequence Number",
        "integer",
        "Derived",
        "Sequence number of the record of SRCDOM",
        mandatory=True,
    ),
)
_FOR_STATISTICS = (
    Variable("TRTSEQP", "Planned Sequence of Treatments", "text", "Assigned",
             "Empty: statistics fills it, the treatment is never read"),
    Variable("APERIOD", "Period", "integer", "Assigned",
             "Empty: statistics fills it, the treatment is never read"),
)  # fmt: skip


def _variables() -> tuple[Variable, ...]:
    kinds = {"text": "text", "integer": "integer", "number": "float"}
    return tuple(
        Variable(
            name=_NAMES.get(column.name, column.name),
            label=_LABELS[column.name],
            kind=kinds[column.kind],  # type: ignore[arg-type]
            origin=_origin(column.name),
            comment=column.description,
            codelist=_CODELISTS.get(column.name, ""),
            mandatory=column.name in _MANDATORY,
        )
        for column in COLUMNS
    )


def _origin(name: str) -> Origin:
    return "Assigned" if name in _ASSIGNED else "Derived"


def _select(table: pa.Table, domain: str, categories: tuple[Category, ...]) -> Rows:
    rows = in_categories(table, categories)
    found = {_NAMES.get(name, name): rows[name] for name in table.column_names}
    same = np.zeros(len(rows["STUDYID"]), np.int32)
    return found | {
        "SRCDOM": of_codes(same, [domain]),
        "SRCVAR": of_codes(same, [f"{domain}STRESN"]),
        "SRCSEQ": pa.array(finding_numbers(rows)[0]),
        "TRTSEQP": of_codes(same, [""]),
        "APERIOD": pa.nulls(len(same), pa.int64()),
    }


def _form(name: str, label: str, domain: str, *categories: Category) -> Form:
    return Form(
        name=name,
        label=label,
        structure="One row a subject, visit, PARAMCD, LOC, LAT and BASETYPE",
        standard="ADaM",
        dataset_class="BASIC DATA STRUCTURE",
        keys=("STUDYID", *KEY),
        variables=(*_variables(), *_SOURCE, *_FOR_STATISTICS),
        select=partial(_select, domain=domain, categories=categories),
    )


ADAM: tuple[Form, ...] = (
    _form("ADIMG", "MRI Analysis Dataset", "NV", Category.MRI, Category.MRI_CHANGE),
    _form("ADOCT", "OCT Analysis Dataset", "OE", Category.OCT),
)
"""The endpoint table: MRI and OCT."""
