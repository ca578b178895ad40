"""The catalogue as a table of the README."""

from __future__ import annotations

from smartms_img.catalogue.endpoints import CATALOGUE


def readme_table() -> str:
    """Return the catalogue as a Markdown table, one line an endpoint, with a final newline."""
    lines = [
        "| PARAMCD | what | unit | LOC | LAT | worse | method |",
        "|---|---|---|---|---|---|---|",
    ]
    for item in CATALOGUE.values():
        loc = ", ".join(dict.fromkeys(loc for loc, _ in item.places if loc))
        lat = ", ".join(dict.fromkeys(lat for _, lat in item.places if lat))
        cells = (item.paramcd, item.name, item.unit, loc, lat, item.worse.value, item.method)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
