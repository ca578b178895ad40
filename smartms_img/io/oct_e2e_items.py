"""The items of a Heidelberg ``.e2e`` file, a small database that may hold many scans.

The maker never published the layout. This is the one of the eyepy project
(https://github.com/MedVisBonn/eyepy, ``docs/formats/he_e2e.md``): a header says where the last of
a chain of directories lies, each directory lists items, and each item has a header of its own.
Items are numbered by patient, study, series and B-scan; the numbers count within a database and
serve here for nothing but telling scans apart.

Items of other kinds than those named here (patient, visit, device, times) are never looked at.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

from smartms_img.io.oct_refusal import damaged

FIRST_DIRECTORY_AT = 76
DIRECTORY_BYTES = 52
ENTRY = struct.Struct("<4I4i2H2I")
ITEM_HEADER_BYTES = 60


class Kind(IntEnum):
    """Numbers of the kinds of item that are read."""

    FIELD = 5
    EYE = 11
    BSCAN = 10004
    LAYER = 10019
    TURN = 10025
    IMAGE = 0x40000000


_KINDS = frozenset(Kind)


@dataclass(frozen=True)
class Item:
    """One piece of data.

    Attributes
    ----------
    series : tuple of int
        What items of one scan have in common.
    bscan : int
        Number of the B-scan times two, -1 for an item of the whole scan.
    part : int
        0 for the fundus picture, 1 for a B-scan.
    kind : Kind
        What it is.
    content : memoryview
        The data without headers.
    """

    series: tuple[int, int, int]
    bscan: int
    part: int
    kind: Kind
    content: memoryview


def read_items(data: bytes, file: str) -> list[Item]:
    """Return the items that are read, in the order of the file.

    Raises
    ------
    InputError
        If the file is no ``.e2e`` file, is truncated, or its directories are damaged.
    """
    if not data.startswith(b"CMDb"):
        raise damaged("is no Heidelberg .e2e file", file)
    items = []
    n_entries = n_bytes = 0
    for at in _directories(data, file):
        (count,) = struct.unpack_from("<I", data, at + 36)
        n_entries += count
        end = at + DIRECTORY_BYTES + count * ENTRY.size
        if end > len(data) or n_entries * ENTRY.size > len(data):
            raise damaged("is truncated or damaged in its directory", file)
        for entry in ENTRY.iter_unpack(data[at + DIRECTORY_BYTES : end]):
            _, start, size, _, patient, study, series, bscan, part, _, kind, _ = entry
            if kind in _KINDS:
                n_bytes += size
                if n_bytes > len(data):
                    raise damaged("is truncated or damaged in its directory", file)
                content = _content(data, start, size, kind, file)
                items.append(Item((patient, study, series), bscan, part, Kind(kind), content))
    return items


def _directories(data: bytes, file: str) -> list[int]:
    """Return where the directories lie; each points to the one before it."""
    places: dict[int, None] = {}
    (at,) = struct.unpack_from("<I", data, FIRST_DIRECTORY_AT)
    while at:
        if at in places or not data.startswith(b"MDbDir", at):
            raise damaged("is truncated or damaged in its directory", file)
        places[at] = None
        (at,) = struct.unpack_from("<I", data, at + 44)
    return list(places)[::-1]


def _content(data: bytes, start: int, size: int, kind: int, file: str) -> memoryview:
    first = start + ITEM_HEADER_BYTES
    if first + size > len(data):
        raise damaged("is truncated", file)
    (said,) = struct.unpack_from("<I", data, start + 52)
    if not data.startswith(b"MDbData", start) or said != kind:
        raise damaged("is damaged in an item", file)
    return memoryview(data)[first : first + size]
