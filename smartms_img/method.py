"""Method versions: a number may change only together with one of these."""

from __future__ import annotations

from smartms_img.naming import UnitKind

METHOD_VERSION: dict[UnitKind, str] = {
    UnitKind.SESSION: "2",
    UnitKind.PAIR: "3",
    UnitKind.EYE: "1",
    UnitKind.SUBJECT: "1",
}
