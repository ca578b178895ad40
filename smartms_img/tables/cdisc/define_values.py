"""Value-level metadata of Define-XML: what AVAL is depends on PARAMCD."""

from __future__ import annotations

from lxml import etree

from smartms_img.catalogue import endpoint
from smartms_img.tables.cdisc.dataset import Dataset, Variable
from smartms_img.tables.cdisc.markup import add, describe, of_define

BY_VALUE = "AVAL"


def by_value(dataset: Dataset) -> Variable | None:
    """Return the variable of a dataset that each PARAMCD gives a meaning of its own, if any."""
    if not dataset.contents.records:
        return None
    return next((item for item in dataset.variables if item.name == BY_VALUE), None)


def paramcds(dataset: Dataset) -> list[str]:
    """Return the PARAMCD of a dataset, in its order."""
    return list(dataset.contents.held["PARAMCD"])


def add_value_list(version: etree._Element, dataset: Dataset) -> None:
    """Add the list of what AVAL is for each PARAMCD."""
    values = add(version, of_define("ValueListDef"), OID=f"VL.{dataset.name}.{BY_VALUE}")
    for number, paramcd in enumerate(paramcds(dataset), start=1):
        one = add(values, "ItemRef", ItemOID=_value_oid(dataset, paramcd))
        one.set("OrderNumber", str(number))
        one.set("Mandatory", "No")
        one.set("MethodOID", f"MT.{paramcd}")
        add(one, of_define("WhereClauseRef"), WhereClauseOID=_where_oid(dataset, paramcd))


def add_conditions(version: etree._Element, dataset: Dataset) -> None:
    """Add the conditions 'PARAMCD is ...' of the list."""
    for paramcd in paramcds(dataset):
        _add_where(version, dataset, paramcd)


def _add_where(version: etree._Element, dataset: Dataset, paramcd: str) -> None:
    where = add(version, of_define("WhereClauseDef"), OID=_where_oid(dataset, paramcd))
    check = add(where, "RangeCheck", Comparator="EQ", SoftHard="Soft")
    check.set(of_define("ItemOID"), f"IT.{dataset.name}.PARAMCD")
    add(check, "CheckValue").text = paramcd


def add_items_of_values(version: etree._Element, dataset: Dataset) -> None:
    """Add what AVAL is for each PARAMCD."""
    for paramcd in paramcds(dataset):
        _add_item_of_value(version, dataset, paramcd)


def _add_item_of_value(version: etree._Element, dataset: Dataset, paramcd: str) -> None:
    known = endpoint(paramcd)
    item = add(version, "ItemDef", OID=_value_oid(dataset, paramcd), Name=BY_VALUE)
    item.set("DataType", "float" if known.precision else "integer")
    item.set("Length", "16")
    if known.precision:
        item.set("SignificantDigits", str(known.precision))
    item.set("SASFieldName", BY_VALUE)
    describe(item, known.param)
    add(item, of_define("Origin"), Type="Derived", Source="Vendor")


def _value_oid(dataset: Dataset, paramcd: str) -> str:
    return f"IT.{dataset.name}.{BY_VALUE}.{paramcd}"


def _where_oid(dataset: Dataset, paramcd: str) -> str:
    return f"WC.{dataset.name}.{paramcd}"
