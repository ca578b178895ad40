"""Controlled terms: LOC and LAT of the tables, and CDISC terminology with NCI codes."""

from __future__ import annotations

from smartms_img.catalogue.record import BOTH_EYES, Endpoint, Term
from smartms_img.naming import OctScanKind

LESION_REGIONS: dict[str, str] = {
    "PV": "periventricular",
    "JC": "juxtacortical or cortical",
    "IT": "infratentorial",
    "DWM": "deep white matter",
}
"""LOC of the regions of the McDonald criteria (lesion endpoints)."""

RING_SECTORS: dict[str, str] = {
    "G": "global, the whole ring",
    "T": "temporal sector",
    "TS": "temporal superior sector",
    "TI": "temporal inferior sector",
    "N": "nasal sector",
    "NS": "nasal superior sector",
    "NI": "nasal inferior sector",
    "PMB": "papillomacular bundle",
}
"""LOC of the peripapillary ring."""

MACULA_SECTORS: dict[str, str] = {
    "C": "central 1 mm disc",
    "IS": "inner superior",
    "IN": "inner nasal",
    "II": "inner inferior",
    "IT": "inner temporal",
    "OS": "outer superior",
    "ON": "outer nasal",
    "OI": "outer inferior",
    "OT": "outer temporal",
    "M3": "mean in the 3 mm disc",
    "M6": "mean in the 6 mm disc",
}
"""LOC of the ETDRS grid (diameters 1, 3 and 6 mm, centred on the fovea)."""

LATERALITIES: dict[str, str] = {
    "": "no eye: an MRI endpoint, or a difference between the eyes",
    "OD": "right eye",
    "OS": "left eye",
    BOTH_EYES: "mean of both eyes",
}
"""LAT of the tables."""


def location_levels() -> dict[str, str]:
    """Return every LOC with its meaning; 'IT' depends on the endpoint and says so.

    >>> location_levels()["IT"]
    'lesions: infratentorial; macula: inner temporal'
    """
    groups = {
        "": {"": "the whole brain or the whole scan"},
        "lesions": LESION_REGIONS,
        "ring": RING_SECTORS,
        "macula": MACULA_SECTORS,
    }
    levels: dict[str, str] = {}
    for group, places in groups.items():
        for code, text in places.items():
            labelled = f"{group}: {text}" if group else text
            levels[code] = f"{levels[code]}; {labelled}" if code in levels else labelled
    return levels


def place_name(item: Endpoint, loc: str) -> str:
    """Return the place that a LOC of an endpoint is; empty for the whole brain or scan.

    Raises
    ------
    KeyError
        If the endpoint has no such LOC.
    """
    if not loc:
        return ""
    if item.scan is None:
        return LESION_REGIONS[loc]
    return (RING_SECTORS if item.scan is OctScanKind.RING else MACULA_SECTORS)[loc]


VOLUME = Term("VOLUME", "C74720")
THICKNESS_MEAN = Term("THICKMN")
THICKNESS_MINIMUM = Term("THICKMIN")

MRI = Term("MRI", "C16809")
FLAIR = Term("FLAIR", "C82392")
OCT = Term("OCT", "C20828")

BRAIN = Term("BRAIN", "C12439")
THALAMUS = Term("THALAMUS", "C12459")
CORTEX = Term("CEREBRAL CORTEX", "C12443")
LATERAL_VENTRICLE = Term("BRAIN VENTRICLE, LATERAL", "C12834")
GREY_MATTER = Term("BRAIN, GREY MATTER")
WHITE_MATTER = Term("BRAIN, WHITE MATTER")
DEEP_GREY_MATTER = Term("BRAIN, DEEP GREY MATTER")
MACULA = Term("MACULA", "C26464")
RNFL = Term("RETINAL NERVE FIBER LAYER", "C32953")

UNIT_TERMS: dict[str, Term] = {
    "count": Term("count"),
    "um": Term("um", "C48510"),
    "mL": Term("mL", "C28254"),
    "%": Term("%", "C25613"),
    "%/year": Term("%/year"),
    "mm3": Term("mm3"),
    "ratio": Term("ratio"),
}
"""CDISC unit of each unit of the catalogue."""
