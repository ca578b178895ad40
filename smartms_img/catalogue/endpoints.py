"""All endpoints, in the order of the tables."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from smartms_img.catalogue.mri import PAIR_ENDPOINTS, VISIT_ENDPOINTS
from smartms_img.catalogue.oct import EYE_ENDPOINTS, SUBJECT_ENDPOINTS
from smartms_img.catalogue.record import Endpoint

CATALOGUE: Mapping[str, Endpoint] = MappingProxyType(
    {
        item.paramcd: item
        for item in (*VISIT_ENDPOINTS, *PAIR_ENDPOINTS, *EYE_ENDPOINTS, *SUBJECT_ENDPOINTS)
    }
)
"""Endpoints by PARAMCD, in the order of the tables."""


def endpoint(paramcd: str) -> Endpoint:
    """Return the endpoint of a PARAMCD.

    Raises
    ------
    KeyError
        If the catalogue has no such endpoint.

    Examples
    --------
    >>> endpoint("PBVC").unit
    '%'
    >>> endpoint("RNFL").places[-1]
    ('G', 'BOTH')
    """
    return CATALOGUE[paramcd]
