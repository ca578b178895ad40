"""Places of an endpoint: which one stands in the open, and how each is called."""

from __future__ import annotations

from smartms_img.catalogue import (
    LATERALITIES,
    LESION_REGIONS,
    MACULA_SECTORS,
    RING_SECTORS,
    Endpoint,
)
from smartms_img.naming import OctScanKind

# The first of these that an endpoint has is its main location.
_MAIN = ("", "G", "M6")


def main_location(item: Endpoint) -> str:
    """Return the LOC of an endpoint that is shown first; the others are folded away.

    >>> from smartms_img.catalogue import endpoint
    >>> [main_location(endpoint(code)) for code in ("T2LV", "RNFL", "INL", "TMV")]
    ['', 'G', 'M6', '']
    """
    return next((loc for loc in _MAIN if loc in item.locations), item.locations[0])


def place_text(item: Endpoint, loc: str, lat: str) -> str:
    """Return a place in words, empty for the whole brain.

    >>> from smartms_img.catalogue import endpoint
    >>> place_text(endpoint("T2LV"), "IT", "")
    'IT infratentorial'
    >>> place_text(endpoint("RNFL"), "G", "OS")
    'G global, the whole ring; OS left eye'
    """
    regions = LESION_REGIONS
    if item.scan is not None:
        regions = RING_SECTORS if item.scan is OctScanKind.RING else MACULA_SECTORS
    parts = [f"{loc} {regions[loc]}"] if loc else []
    parts += [f"{lat} {LATERALITIES[lat]}"] if lat else []
    return "; ".join(parts)
