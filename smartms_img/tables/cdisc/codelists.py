"""Lists of codes of the datasets: CDISC's, with NCI codes, and the study's own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from smartms_img.catalogue import CATALOGUE, LATERALITIES, Category, Term, location_levels
from smartms_img.tables.cdisc.dataset import Dataset
from smartms_img.tables.cdisc.sdtm import test_name

# Terms of CDISC's lists that no endpoint of the catalogue names.
_GENERAL = (
    Term("Y", "C49488"),
    Term("NOT DONE", "C49484"),
    Term("RIGHT", "C25228"),
    Term("LEFT", "C25229"),
    Term("BILATERAL", "C13332"),
)
# Of CDISC, though their NCI codes are not stated here.
_WITHOUT_CODE = {"THICKMN", "THICKMIN", "Mean Thickness", "Minimum Thickness", "NV", "OE"}
_OF_CDISC = {
    "NY": ("No Yes Response", "C66742"),
    "ND": ("Not Done", "C66789"),
    "LATERAL": ("Laterality", "C99073"),
    "UNIT": ("Unit", "C71620"),
    "BODYLOC": ("Anatomical Location", "C74456"),
    "METHOD": ("Method", "C85492"),
    "NVTESTCD": ("Nervous System Findings Test Code", ""),
    "NVTEST": ("Nervous System Findings Test Name", ""),
    "OETESTCD": ("Ophthalmic Exam Test Code", ""),
    "OETEST": ("Ophthalmic Exam Test Name", ""),
    "DOMAIN": ("SDTM Domain Abbreviation", "C66734"),
}
_OWN = {
    "AVISIT": "Planned visit",
    "PARCAT1": "Category of the endpoint",
    "PARAMCD": "Code of the endpoint",
    "PARAM": "Endpoint with unit and method",
    "LOC": "Location",
    "LAT": "Eye",
    "QCSTAT": "Quality control status",
}
_QCSTAT = {
    "pass": "The value passed quality control",
    "fail": "The value failed quality control",
    "pending": "Not decided yet",
    "notrun": "There is no value",
}


@dataclass(frozen=True)
class Item:
    """One code.

    Attributes
    ----------
    value, decode : str
        The code, and what it means; empty where it speaks for itself.
    code : str
        NCI code; empty where it has none, or it is not stated.
    extended : bool
        Whether it is the sponsor's extension of a list of CDISC.
    """

    value: str
    decode: str = ""
    code: str = ""
    extended: bool = False


@dataclass(frozen=True)
class Codelist:
    """One list.

    Attributes
    ----------
    key, name : str
        Name in the program, and its title.
    code : str
        NCI code of the list; empty where it has none or it is not stated.
    of_cdisc : bool
        Whether it is a list of CDISC.
    items : tuple of Item
        The codes that the datasets hold.
    """

    key: str
    name: str
    code: str
    of_cdisc: bool
    items: tuple[Item, ...]


def codelists(datasets: Iterable[Dataset]) -> list[Codelist]:
    """Return the lists that variables of the datasets name, with the codes that they hold.

    A list of which no code is held is left out.
    """
    held: dict[str, dict[str, None]] = {}
    for dataset in datasets:
        for variable in dataset.variables:
            if variable.codelist:
                values = dataset.contents.held[variable.name]
                held.setdefault(variable.codelist, {}).update(dict.fromkeys(values))
    lists = [_codelist(key, [value for value in held[key] if value]) for key in sorted(held)]
    return [one for one in lists if one.items]


def _codelist(key: str, values: list[str]) -> Codelist:
    if key in _OF_CDISC:
        name, code = _OF_CDISC[key]
        codes = {term.text: term.code for term in _terms()}
        items = tuple(_item_of_cdisc(value, codes.get(value, "")) for value in sorted(values))
        return Codelist(key, name, code, of_cdisc=True, items=items)
    decodes = _decodes(key)
    own = tuple(Item(value, decodes.get(value, "")) for value in sorted(values))
    return Codelist(key, _OWN[key], "", of_cdisc=False, items=own)


def _item_of_cdisc(value: str, code: str) -> Item:
    return Item(value, code=code, extended=not code and value not in _WITHOUT_CODE)


def _terms() -> Iterator[Term]:
    yield from _GENERAL
    for item in CATALOGUE.values():
        cdisc = item.cdisc
        yield from (cdisc.test, cdisc.location, cdisc.method, cdisc.unit)
        yield Term(test_name(item), cdisc.test.code)


def _decodes(key: str) -> dict[str, str]:
    """Return the meaning of the study's own codes."""
    meanings: dict[str, dict[str, str]] = {
        "PARCAT1": {category.value: category.value for category in Category},
        "PARAMCD": {item.paramcd: item.name for item in CATALOGUE.values()},
        "LOC": location_levels(),
        "LAT": LATERALITIES,
        "QCSTAT": _QCSTAT,
    }
    return meanings.get(key, {})
