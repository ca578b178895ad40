"""Elements and names of ODM and Define-XML."""

from __future__ import annotations

from lxml import etree

ODM = "http://www.cdisc.org/ns/odm/v1.3"
DEF = "http://www.cdisc.org/ns/def/v2.1"
XLINK = "http://www.w3.org/1999/xlink"
XML = "http://www.w3.org/XML/1998/namespace"


def add(parent: etree._Element, name: str, **attributes: str) -> etree._Element:
    """Add a child; a name without a namespace is one of ODM."""
    tag = name if name.startswith("{") else odm(name)
    return etree.SubElement(parent, tag, attrib=attributes)


def describe(element: etree._Element, text: str) -> None:
    """Add a description."""
    translated(add(element, "Description"), text)


def translated(element: etree._Element, text: str) -> None:
    """Add an English text."""
    translated = add(element, "TranslatedText")
    translated.set(f"{{{XML}}}lang", "en")
    translated.text = text


def odm(name: str) -> str:
    """Return a name in the namespace of ODM."""
    return f"{{{ODM}}}{name}"


def of_define(name: str) -> str:
    """Return a name in the namespace of Define-XML."""
    return f"{{{DEF}}}{name}"
