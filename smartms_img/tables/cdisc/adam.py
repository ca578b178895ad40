"""ADaM: the endpoint table as two datasets of the basic data structure."""

from __future__ import annotations

import pandas as pd

from smartms_img.catalogue import Category
from smartms_img.tables.cdisc.dataset import Dataset, Origin, Variable, split_long_texts
from smartms_img.tables.columns import COLUMNS, KEY

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
    "AWLO": "Analysis Window Beginning Day",
    "AWHI": "Analysis Window Ending Day",
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
_FOR_STATISTICS = (
    Variable("TRTSEQP", "Planned Sequence of Treatments", "text", "Assigned",
             "Empty: statistics fills it, the treatment is never read"),
    Variable("APERIOD", "Period", "integer", "Assigned",
             "Empty: statistics fills it, the treatment is never read"),
)  # fmt: skip
_DATASETS = {
    "ADIMG": ("MRI Analysis Dataset", (Category.MRI, Category.MRI_CHANGE)),
    "ADOCT": ("OCT Analysis Dataset", (Category.OCT,)),
}


def adam_datasets(table: pd.DataFrame) -> list[Dataset]:
    """Return ADIMG (MRI) and ADOCT (OCT) of an endpoint table."""
    return [_dataset(table, name) for name in _DATASETS]


def _dataset(table: pd.DataFrame, name: str) -> Dataset:
    label, categories = _DATASETS[name]
    rows = table[table["PARCAT1"].isin([category.value for category in categories])]
    frame = rows.rename(columns=_NAMES).reset_index(drop=True)
    frame["TRTSEQP"], frame["APERIOD"] = "", pd.array([None] * len(frame), dtype="Int64")
    split, variables = split_long_texts(frame, (*_variables(), *_FOR_STATISTICS))
    return Dataset(
        name=name,
        label=label,
        structure="One row a subject, visit, PARAMCD, LOC, LAT and BASETYPE",
        standard="ADaM",
        dataset_class="BASIC DATA STRUCTURE",
        keys=("STUDYID", *KEY),
        variables=variables,
        frame=split,
    )


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
