"""SDTM: the endpoint table as findings, MRI in NV and OCT in OE."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from smartms_img.catalogue import Category, Endpoint, endpoint, place_name
from smartms_img.naming import UnitKind
from smartms_img.tables.cdisc.dataset import Form, Rows, Variable, in_categories
from smartms_img.tables.cdisc.findings import finding_numbers
from smartms_img.tables.lines import blank_where, decimals, joint_codes, of_codes

LATERALITY = {"OD": "RIGHT", "OS": "LEFT", "BOTH": "BILATERAL", "": ""}
"""LAT of the endpoint table in the words of CDISC."""
NOT_DONE = "NOT DONE"
# --TEST of tests that several endpoints share, and of names beyond 40 characters.
_SHARED = {"VOLUME": "Volume", "THICKMN": "Mean Thickness", "THICKMIN": "Minimum Thickness"}
_SHORT = {
    "PDGMVC": "Percentage deep grey volume change",
    "PCGMVC": "Percentage cortical grey volume change",
    "PVENTVC": "Percentage ventricle volume change",
    "GCIPLV": "GCIPL volume",
    "IEDRNFL": "Inter-eye difference of global RNFL",
}


def test_name(item: Endpoint) -> str:
    """Return --TEST of an endpoint, at most 40 characters.

    >>> test_name(endpoint("THALV")), test_name(endpoint("PCGMVC"))
    ('Volume', 'Percentage cortical grey volume change')
    """
    shared = _SHARED.get(item.cdisc.test.text)
    return shared or _SHORT.get(item.paramcd, item.name)


def _select(table: pa.Table, domain: str, categories: tuple[Category, ...]) -> Rows:
    repeated = in_categories(table, categories)
    number, is_first = finding_numbers(repeated)
    rows = {name: column.filter(pa.array(is_first)) for name, column in repeated.items()}
    keys, codes = _measurements(rows)
    missing = rows["AVAL"].is_null().to_numpy(zero_copy_only=False)

    def said(text: Callable[[_Measurement], str]) -> pa.DictionaryArray:
        return of_codes(codes, [text(key) for key in keys])

    places = np.array([key.endpoint.precision for key in keys], np.int64)
    written = decimals(rows["AVAL"], places[codes])
    result = pc.dictionary_encode(pc.fill_null(written, ""))
    unit = blank_where(said(lambda key: key.endpoint.cdisc.unit.text), missing)
    columns = {
        "STUDYID": rows["STUDYID"],
        "DOMAIN": said(lambda _: domain),
        "USUBJID": rows["USUBJID"],
        "SEQ": pa.array(number[is_first]),
        "SPID": said(lambda key: key.identifier),
        "TESTCD": said(lambda key: key.endpoint.cdisc.test.text),
        "TEST": said(lambda key: test_name(key.endpoint)),
        "TSTDTL": said(lambda key: key.details),
        "CAT": rows["PARCAT1"],
        "ORRES": result,
        "ORRESU": unit,
        "STRESC": result,
        "STRESN": rows["AVAL"],
        "STRESU": unit,
        "STAT": blank_where(said(lambda _: NOT_DONE), ~missing),
        "REASND": blank_where(rows["QCREAS"], ~missing),
        "LOC": said(lambda key: key.endpoint.cdisc.location.text),
        "LAT": said(lambda key: LATERALITY[key.lat]),
        "METHOD": said(lambda key: key.endpoint.cdisc.method.text),
        "BLFL": rows["ABLFL"],
        "DRVFL": said(lambda key: "Y" if key.is_derived else ""),
        "ACPTFL": rows["ANL01FL"],
        "VISITNUM": rows["AVISITN"],
        "VISIT": rows["AVISIT"],
        "DY": rows["ADY"],
    }
    return {_named(domain, name): column for name, column in columns.items()}


@dataclass(frozen=True)
class _Measurement:
    """What rows of the same planned value at different visits of subjects share."""

    paramcd: str
    loc: str
    lat: str
    basetype: str

    @property
    def endpoint(self) -> Endpoint:
        return endpoint(self.paramcd)

    @property
    def is_derived(self) -> bool:
        """Whether it is computed from both eyes."""
        return self.endpoint.measured_by(self.lat) is UnitKind.SUBJECT

    @property
    def identifier(self) -> str:
        """PARAMCD, LOC and LAT joined by '.', and for a pair the visit it starts from."""
        start = f"FROM {self.basetype}" if self.endpoint.kind is UnitKind.PAIR else ""
        return ".".join(part for part in (self.paramcd, self.loc, self.lat, start) if part)

    @property
    def details(self) -> str:
        """Name of the endpoint and of the place where it was measured."""
        place = place_name(self.endpoint, self.loc)
        return self.endpoint.name + (f", {place}" if place else "")


def _measurements(rows: Rows) -> tuple[list[_Measurement], NDArray[np.integer]]:
    """Return the distinct measurements of rows, and the number of each row's."""
    columns = [rows[name] for name in ("PARAMCD", "LOC", "LAT", "BASETYPE")]
    _, first, codes = np.unique(joint_codes(columns), return_index=True, return_inverse=True)
    texts = [pc.take(column.dictionary, column.indices.take(first)) for column in columns]
    found = zip(*(text.to_pylist() for text in texts), strict=True)
    return [_Measurement(*key) for key in found], codes


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
        one("DRVFL", "Derived Flag", "text", "Derived",
            "Y where the value is computed from those of both eyes", codelist="NY"),
        one("ACPTFL", "Accepted Record Flag", "text", "Derived",
            "Y where quality control passed the value", codelist="NY"),
        one("VISITNUM", "Visit Number", "integer", "Assigned", "Number of the planned visit",
            must=True),
        one("VISIT", "Visit Name", "text", "Assigned", "Name of the planned visit", must=True,
            codelist="AVISIT"),
        one("DY", "Study Day", "integer", "Derived",
            "Day relative to the baseline visit, which is day 1; there is no day 0"),
    )  # fmt: skip


def _form(domain: str, label: str, *categories: Category) -> Form:
    return Form(
        name=domain,
        label=label,
        structure="One row a subject, visit and measurement",
        standard="SDTM",
        dataset_class="FINDINGS",
        keys=("STUDYID", "USUBJID", f"{domain}SPID", "VISITNUM"),
        variables=_variables(domain),
        select=partial(_select, domain=domain, categories=categories),
    )


SDTM: tuple[Form, ...] = (
    _form("NV", "Nervous System Findings", Category.MRI, Category.MRI_CHANGE),
    _form("OE", "Ophthalmic Examinations", Category.OCT),
)
"""The endpoint table as findings. Rows of extra baselines repeat a measurement: left out."""
