"""Define-XML 2.1: what the datasets, their variables, codes and methods mean."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lxml import etree

from smartms_img import __version__
from smartms_img.catalogue import endpoint
from smartms_img.io.atomic import atomic_path
from smartms_img.tables.cdisc.codelists import Codelist, Item, codelists
from smartms_img.tables.cdisc.dataset import NO_DATE, Dataset, Variable
from smartms_img.tables.cdisc.define_values import (
    BY_VALUE,
    add_conditions,
    add_items_of_values,
    add_value_list,
    by_value,
    paramcds,
)
from smartms_img.tables.cdisc.markup import (
    DEF,
    ODM,
    XLINK,
    add,
    describe,
    odm,
    of_define,
    translated,
)
from smartms_img.tables.cdisc.oid import group_oid, item_oid, study_oid, version_oid

DEFINE_FILE = "define.xml"
_PURPOSE = {"ADaM": "Analysis", "SDTM": "Tabulation"}
_STANDARDS = (
    ("STD.ADaM", "ADaMIG", "IG", "1.3", None),
    ("STD.SDTM", "SDTMIG", "IG", "3.4", None),
    ("STD.CT", "CDISC/NCI", "CT", "2024-03-29", "SDTM"),
)
_MOST_DECIMALS = 5


def write_define(path: Path, datasets: Sequence[Dataset], study: str) -> None:
    """Write define.xml.

    Parameters
    ----------
    path : Path
        File.
    datasets : sequence of Dataset
        All datasets of the folder.
    study : str
        STUDYID.
    """
    root = etree.Element(odm("ODM"), nsmap={None: ODM, "def": DEF, "xlink": XLINK})
    about = {
        "FileType": "Snapshot",
        "FileOID": f"{study_oid(study)}.DEFINE",
        "CreationDateTime": NO_DATE,
        "AsOfDateTime": NO_DATE,
        "ODMVersion": "1.3.2",
        "Originator": "smartms",
        "SourceSystem": "smartms",
        "SourceSystemVersion": __version__,
        of_define("Context"): "Other",
    }
    root.attrib.update(about)
    described = add(root, "Study", OID=study_oid(study))
    names = add(described, "GlobalVariables")
    for name, text in (
        ("StudyName", study),
        ("StudyDescription", f"Imaging endpoints of {study}"),
        ("ProtocolName", study),
    ):
        add(names, name).text = text
    _add_version(described, datasets, study)
    with atomic_path(path) as temporary:
        etree.ElementTree(root).write(
            str(temporary), xml_declaration=True, encoding="UTF-8", pretty_print=True
        )


def _add_version(study: etree._Element, datasets: Sequence[Dataset], name: str) -> None:
    version = add(study, "MetaDataVersion", OID=version_oid(name), Name=f"Datasets of {name}")
    version.set("Description", "MRI and OCT endpoints in ADaM and SDTM")
    version.set(of_define("DefineVersion"), "2.1.0")
    _add_standards(version)
    analysed = [dataset for dataset in datasets if by_value(dataset)]
    for dataset in analysed:
        add_value_list(version, dataset)
    for dataset in analysed:
        add_conditions(version, dataset)
    for dataset in datasets:
        _add_group(version, dataset)
    lists = codelists(datasets)
    coded = {one.key for one in lists}
    for dataset, variable in _all_variables(datasets):
        _add_item(version, dataset, variable, coded)
    for dataset in analysed:
        add_items_of_values(version, dataset)
    for one in lists:
        _add_codelist(version, one)
    _add_methods(version, datasets)
    _add_comments(version, datasets)


def _all_variables(datasets: Sequence[Dataset]) -> list[tuple[Dataset, Variable]]:
    return [(dataset, variable) for dataset in datasets for variable in dataset.variables]


def _add_comments(version: etree._Element, datasets: Sequence[Dataset]) -> None:
    for dataset, variable in _all_variables(datasets):
        if variable.origin == "Assigned":
            comment = add(version, of_define("CommentDef"), OID=_comment_oid(dataset, variable))
            describe(comment, variable.comment)


def _add_standards(version: etree._Element) -> None:
    standards = add(version, of_define("Standards"))
    for oid, name, kind, number, published in _STANDARDS:
        one = add(standards, of_define("Standard"), OID=oid, Name=name, Type=kind)
        if published:
            one.set("PublishingSet", published)
        one.set("Version", number)
        one.set("Status", "Final")


def _add_group(version: etree._Element, dataset: Dataset) -> None:
    group = add(version, "ItemGroupDef", OID=group_oid(dataset), Name=dataset.name)
    leaf = f"LF.{dataset.name}"
    group.attrib.update(
        {
            "Repeating": "Yes",
            "IsReferenceData": "No",
            "SASDatasetName": dataset.name,
            "Purpose": _PURPOSE[dataset.form.standard],
            of_define("Structure"): dataset.form.structure,
            of_define("StandardOID"): f"STD.{dataset.form.standard}",
            of_define("ArchiveLocationID"): leaf,
        }
    )
    if dataset.form.standard == "SDTM":
        group.set("Domain", dataset.name)
    if not dataset.contents.records:
        group.set(of_define("HasNoData"), "Yes")
    describe(group, dataset.form.label)
    for number, variable in enumerate(dataset.variables, start=1):
        one = add(group, "ItemRef", ItemOID=item_oid(dataset, variable))
        one.set("OrderNumber", str(number))
        one.set("Mandatory", "Yes" if variable.mandatory else "No")
        if variable.name in dataset.form.keys:
            one.set("KeySequence", str(dataset.form.keys.index(variable.name) + 1))
        if variable.origin == "Derived":
            one.set("MethodOID", _method_oid(dataset, variable))
    add(group, of_define("Class"), Name=dataset.form.dataset_class)
    place = add(group, of_define("leaf"), ID=leaf)
    place.set(f"{{{XLINK}}}href", f"{dataset.name.lower()}.xpt")
    add(place, of_define("title")).text = f"{dataset.name.lower()}.xpt"


def _add_item(
    version: etree._Element, dataset: Dataset, variable: Variable, coded: set[str]
) -> None:
    item = add(version, "ItemDef", OID=item_oid(dataset, variable), Name=variable.name)
    item.set("DataType", variable.kind)
    item.set("Length", str(dataset.lengths[variable.name]))
    if variable.kind == "float":
        item.set("SignificantDigits", str(_MOST_DECIMALS))
    item.set("SASFieldName", variable.name)
    if variable.origin == "Assigned":
        item.set(of_define("CommentOID"), _comment_oid(dataset, variable))
    describe(item, variable.label)
    if variable.codelist in coded:
        add(item, "CodeListRef", CodeListOID=f"CL.{variable.codelist}")
    add(item, of_define("Origin"), Type=variable.origin, Source="Vendor")
    if variable is by_value(dataset):
        add(item, of_define("ValueListRef"), ValueListOID=f"VL.{dataset.name}.{BY_VALUE}")


def _add_codelist(version: etree._Element, one: Codelist) -> None:
    element = add(version, "CodeList", OID=f"CL.{one.key}", Name=one.name, DataType="text")
    if one.of_cdisc:
        element.set(of_define("StandardOID"), "STD.CT")
    else:
        element.set(of_define("IsNonStandard"), "Yes")
    decoded = any(item.decode for item in one.items)
    for item in one.items:
        _add_code(element, item, decoded=decoded)
    if one.code:
        add(element, "Alias", Context="nci:ExtCodeID", Name=one.code)


def _add_code(element: etree._Element, item: Item, *, decoded: bool) -> None:
    name = "CodeListItem" if decoded else "EnumeratedItem"
    code = add(element, name, CodedValue=item.value)
    if item.extended:
        code.set(of_define("ExtendedValue"), "Yes")
    if decoded:
        translated(add(code, "Decode"), item.decode or item.value)
    if item.code:
        add(code, "Alias", Context="nci:ExtCodeID", Name=item.code)


def _add_methods(version: etree._Element, datasets: Sequence[Dataset]) -> None:
    for dataset, variable in _all_variables(datasets):
        if variable.origin == "Derived":
            oid, title = _method_oid(dataset, variable), f"{dataset.name} {variable.name}"
            _add_method(version, oid, title, variable.comment)
    for dataset in datasets:
        for paramcd in paramcds(dataset) if by_value(dataset) else []:
            _add_method(version, f"MT.{paramcd}", paramcd, endpoint(paramcd).method)


def _add_method(version: etree._Element, oid: str, name: str, text: str) -> None:
    describe(add(version, "MethodDef", OID=oid, Name=name, Type="Computation"), text)


def _method_oid(dataset: Dataset, variable: Variable) -> str:
    return f"MT.{dataset.name}.{variable.name}"


def _comment_oid(dataset: Dataset, variable: Variable) -> str:
    return f"COM.{dataset.name}.{variable.name}"
