"""Identifiers by which define.xml and the datasets name each other."""

from __future__ import annotations

from smartms_img.tables.cdisc.dataset import Dataset, Variable


def study_oid(study: str) -> str:
    """Return the identifier of a study."""
    return f"ST.{study}"


def version_oid(study: str) -> str:
    """Return the identifier of the metadata of a study."""
    return f"MDV.{study}"


def group_oid(dataset: Dataset) -> str:
    """Return the identifier of a dataset."""
    return f"IG.{dataset.name}"


def item_oid(dataset: Dataset, variable: Variable) -> str:
    """Return the identifier of a variable."""
    return f"IT.{dataset.name}.{variable.name}"
