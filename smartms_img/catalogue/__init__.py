"""The catalogue of endpoints: the one place that says what smartms measures."""

from smartms_img.catalogue.endpoints import CATALOGUE, endpoint
from smartms_img.catalogue.error_of_measurement import KnownError, known_errors
from smartms_img.catalogue.planned import PlannedKey, planned_keys, planned_places
from smartms_img.catalogue.readme import readme_table
from smartms_img.catalogue.record import (
    BOTH_EYES,
    PRECISION,
    Category,
    Cdisc,
    Endpoint,
    Term,
    Worse,
)
from smartms_img.catalogue.terms import (
    LATERALITIES,
    LESION_REGIONS,
    MACULA_SECTORS,
    RING_SECTORS,
    location_levels,
    place_name,
)

__all__ = [
    "BOTH_EYES",
    "CATALOGUE",
    "LATERALITIES",
    "LESION_REGIONS",
    "MACULA_SECTORS",
    "PRECISION",
    "RING_SECTORS",
    "Category",
    "Cdisc",
    "Endpoint",
    "KnownError",
    "PlannedKey",
    "Term",
    "Worse",
    "endpoint",
    "known_errors",
    "location_levels",
    "place_name",
    "planned_keys",
    "planned_places",
    "readme_table",
]
