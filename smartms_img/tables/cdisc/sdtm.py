"""SDTM: the endpoint table as findings, MRI in NV and OCT in OE."""

from __future__ import annotations

import pandas as pd

from smartms_img.catalogue import CATALOGUE, Category, Endpoint, endpoint, place_name
from smartms_img.naming import UnitKind
from smartms_img.tables.cdisc.dataset import Dataset, Variable, split_long_texts

LATERALITY = {"OD": "RIGHT", "OS": "LEFT", "BOTH": "BILATERAL", "": ""}
"""LAT of the endpoint table in the words of CDISC."""
NOT_DONE = "NOT DONE"
_DATASETS = {
    "NV": ("Nervous System Findings", (Category.MRI, Category.MRI_CHANGE)),
    "OE": ("Ophthalmic Examinations", (Category.OCT,)),
}
# --TEST of tests that several endpoints share, and of names beyond 40 characters.
_SHARED = {"VOLUME": "Volume", "THICKMN": "Mean Thickness", "THICKMIN": "Minimum Thickness"}
_SHORT = {
    "PDGMVC": "Percentage deep grey volume change",
    "PCGMVC": "Percentage cortical grey volume change",
    "PVENTVC": "Percentage ventricle volume change",
    "GCIPLV": "GCIPL volume",
    "IEDRNFL": "Inter-eye difference of global RNFL",
}


def sdtm_datasets(table: pd.DataFrame) -> list[Dataset]:
    """Return NV (MRI) and OE (OCT) of an endpoint table.

    A measurement is one row, whatever it is compared with: rows of extra baselines repeat it and
    are left out.
    """
    return [_dataset(table, domain) for domain in _DATASETS]


def test_name(item: Endpoint) -> str:
    """Return --TEST of an endpoint, at most 40 characters.

    >>> test_name(endpoint("THALV")), test_name(endpoint("PCGMVC"))
    ('Volume', 'Percentage cortical grey volume change')
    """
    shared = _SHARED.get(item.cdisc.test.text)
    return shared or _SHORT.get(item.paramcd, item.name)


def _dataset(table: pd.DataFrame, domain: str) -> Dataset:
    label, categories = _DATASETS[domain]
    in_domain = table["PARCAT1"].isin([category.value for category in categories])
    rows = table[in_domain & ~_is_repeated(table)].reset_index(drop=True)
    frame, variables = split_long_texts(_frame(rows, domain), _variables(domain))
    return Dataset(
        name=domain,
        label=label,
        structure="One row a subject, visit and measurement",
        standard="SDTM",
        dataset_class="FINDINGS",
        keys=("STUDYID", "USUBJID", f"{domain}SPID", "VISITNUM"),
        variables=variables,
        frame=frame,
    )


def _is_pair(table: pd.DataFrame) -> pd.Series:
    pairs = [code for code, item in CATALOGUE.items() if item.kind is UnitKind.PAIR]
    return table["PARAMCD"].isin(pairs)


def _is_repeated(table: pd.DataFrame) -> pd.Series:
    measurement = ["USUBJID", "AVISIT", "PARAMCD", "LOC", "LAT"]
    return table.duplicated(measurement) & ~_is_pair(table)


def _frame(rows: pd.DataFrame, domain: str) -> pd.DataFrame:
    catalogue = {code: endpoint(code) for code in rows["PARAMCD"].unique()}
    cdisc = {code: item.cdisc for code, item in catalogue.items()}
    missing = rows["AVAL"].isna()
    result = _results(rows)
    unit = rows["PARAMCD"].map({code: item.unit.text for code, item in cdisc.items()})
    columns = {
        "STUDYID": rows["STUDYID"],
        "DOMAIN": pd.Series(domain, index=rows.index, dtype="str"),
        "USUBJID": rows["USUBJID"],
        "SEQ": (rows.groupby("USUBJID").cumcount() + 1).astype("Int64"),
        "SPID": _identifier(rows),
        "TESTCD": rows["PARAMCD"].map({code: item.test.text for code, item in cdisc.items()}),
        "TEST": rows["PARAMCD"].map({code: test_name(item) for code, item in catalogue.items()}),
        "TSTDTL": _details(rows, catalogue),
        "CAT": rows["PARCAT1"],
        "ORRES": result,
        "ORRESU": unit.where(~missing, ""),
        "STRESC": result,
        "STRESN": rows["AVAL"],
        "STRESU": unit.where(~missing, ""),
        "STAT": pd.Series(NOT_DONE, index=rows.index, dtype="str").where(missing, ""),
        "REASND": rows["QCREAS"].where(missing, ""),
        "LOC": rows["PARAMCD"].map({code: item.location.text for code, item in cdisc.items()}),
        "LAT": rows["LAT"].map(LATERALITY),
        "METHOD": rows["PARAMCD"].map({code: item.method.text for code, item in cdisc.items()}),
        "BLFL": rows["ABLFL"],
        "ACPTFL": rows["ANL01FL"],
        "VISITNUM": rows["AVISITN"],
        "VISIT": rows["AVISIT"],
        "DY": rows["ADY"],
    }
    return pd.DataFrame({_named(domain, name): column for name, column in columns.items()})


def _results(rows: pd.DataFrame) -> pd.Series:
    """Return AVAL as text with the decimals of the catalogue; empty where missing."""
    decimals = rows["PARAMCD"].map({code: item.precision for code, item in CATALOGUE.items()})
    pairs = zip(rows["AVAL"], decimals, strict=True)
    texts = ["" if pd.isna(value) else f"{value:.{places}f}" for value, places in pairs]
    return pd.Series(texts, index=rows.index, dtype="str")


def _details(rows: pd.DataFrame, catalogue: dict[str, Endpoint]) -> pd.Series:
    """Return the name of the endpoint and of the place where it was measured."""
    pairs = rows[["PARAMCD", "LOC"]].drop_duplicates().itertuples(index=False)
    texts = {}
    for code, loc in pairs:
        place = place_name(catalogue[code], loc)
        texts[code, loc] = catalogue[code].name + (f", {place}" if place else "")
    keys = zip(rows["PARAMCD"], rows["LOC"], strict=True)
    return pd.Series([texts[key] for key in keys], index=rows.index, dtype="str")


def _identifier(rows: pd.DataFrame) -> pd.Series:
    """Return PARAMCD, LOC and LAT joined by '.', and for a pair the visit it starts from."""
    name = rows["PARAMCD"]
    for part in ("LOC", "LAT"):
        name = name + ("." + rows[part]).where(rows[part] != "", "")
    start = (".FROM " + rows["BASETYPE"]).where(_is_pair(rows), "")
    return name + start


def _named(domain: str, name: str) -> str:
    shared = {"STUDYID", "DOMAIN", "USUBJID", "VISITNUM", "VISIT"}
    return name if name in shared else domain + name


def _variables(domain: str) -> tuple[Variable, ...]:
    def one(name: str, *rest: str, codelist: str = "", must: bool = False) -> Variable:
        label, kind, origin, comment = rest
        full = _named(domain, name)
        return Variable(full, label, kind, origin, comment, codelist, must)  # type: ignore[arg-type]

    term = f"{domain}TESTCD"
    return (
        one("STUDYID", "Study Identifier", "text", "Assigned", "From the configuration",
            must=True),
        one("DOMAIN", "Domain Abbreviation", "text", "Assigned", "Domain", must=True,
            codelist="DOMAIN"),
        one("USUBJID", "Unique Subject Identifier", "text", "Assigned",
            "STUDYID, hyphen, label of the subject", must=True),
        one("SEQ", "Sequence Number", "integer", "Derived", "Running number within the subject",
            must=True),
        one("SPID", "Sponsor-Defined Identifier", "text", "Assigned",
            "PARAMCD, LOC and LAT of the endpoint table, joined by '.'; for a change between two "
            "visits also the earlier visit", must=True),
        one("TESTCD", "Short Name of Test", "text", "Assigned", "Test", must=True, codelist=term),
        one("TEST", "Name of Test", "text", "Assigned", "Test", must=True,
            codelist=f"{domain}TEST"),
        one("TSTDTL", "Test Detail", "text", "Assigned", "Endpoint and place",
            must=True),
        one("CAT", "Category", "text", "Assigned", "PARCAT1 of the endpoint table", must=True,
            codelist="PARCAT1"),
        one("ORRES", "Result in Original Units", "text", "Derived",
            "AVAL of the endpoint table with its decimals"),
        one("ORRESU", "Original Units", "text", "Assigned", "Unit", codelist="UNIT"),
        one("STRESC", "Result in Standard Format", "text", "Derived", "As the original result"),
        one("STRESN", "Numeric Result in Standard Units", "float", "Derived",
            "AVAL of the endpoint table"),
        one("STRESU", "Standard Units", "text", "Assigned", "Unit", codelist="UNIT"),
        one("STAT", "Completion Status", "text", "Derived", "NOT DONE where there is no value",
            codelist="ND"),
        one("REASND", "Reason Not Done", "text", "Derived", "Why there is no value"),
        one("LOC", "Location", "text", "Assigned", "Part of the body", codelist="BODYLOC"),
        one("LAT", "Laterality", "text", "Assigned",
            "Eye; BILATERAL for the mean of both eyes", codelist="LATERAL"),
        one("METHOD", "Method of Test", "text", "Assigned", "Imaging method", codelist="METHOD"),
        one("BLFL", "Baseline Flag", "text", "Derived", "ABLFL of the endpoint table",
            codelist="NY"),
        one("ACPTFL", "Accepted Record Flag", "text", "Derived",
            "Y where quality control passed the value", codelist="NY"),
        one("VISITNUM", "Visit Number", "integer", "Assigned", "Number of the planned visit",
            must=True),
        one("VISIT", "Visit Name", "text", "Assigned", "Name of the planned visit", must=True,
            codelist="AVISIT"),
        one("DY", "Study Day", "integer", "Derived",
            "Day relative to the baseline visit, which is day 1; there is no day 0"),
    )  # fmt: skip
