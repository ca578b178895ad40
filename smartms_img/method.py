"""Method versions: a number may change only together with one of these."""

from __future__ import annotations

from smartms_img.naming import UnitKind

METHOD_VERSION: dict[UnitKind, str] = {
    UnitKind.SESSION: "1",
    UnitKind.PAIR: "2",
    UnitKind.EYE: "1",
    UnitKind.SUBJECT: "1",
}
