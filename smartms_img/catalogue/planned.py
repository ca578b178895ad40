"""Which values a study plans: the denominator of every table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from smartms_img.catalogue.endpoints import CATALOGUE, endpoint
from smartms_img.catalogue.record import BOTH_EYES, Endpoint
from smartms_img.naming import Eye, OctScanKind, UnitKind


class PlannedVisit(Protocol):
    """A visit of the study configuration."""

    @property
    def label(self) -> str:
        """Session label."""


class PlannedPair(Protocol):
    """Two visits that the study configuration compares."""

    @property
    def reference(self) -> str:
        """Session label of the earlier visit."""

    @property
    def follow(self) -> str:
        """Session label of the later visit."""


class PlannedOct(Protocol):
    """The OCT part of the study configuration."""

    @property
    def eyes(self) -> Sequence[Eye]:
        """Eyes that are scanned."""

    @property
    def scans(self) -> Sequence[OctScanKind]:
        """Scans of an eye."""


class Study(Protocol):
    """What the plan of values needs of a :class:`smartms_img.config.StudyConfig`."""

    @property
    def visits(self) -> Sequence[PlannedVisit]:
        """Planned visits in order."""

    @property
    def pairs(self) -> Sequence[PlannedPair]:
        """Every follow-up against the baseline, and the extra pairs."""

    @property
    def oct(self) -> PlannedOct:
        """OCT method."""

    def baselines_of(self, label: str, /) -> Sequence[str]:
        """Visits that the values of a visit are compared with: the baseline first."""


@dataclass(frozen=True)
class PlannedKey:
    """One planned value of every subject.

    Attributes
    ----------
    paramcd, loc, lat : str
        Key of the catalogue.
    visit : str
        Session label.
    reference : str
        Session label of the visit that it is compared with; empty for the baseline, unless it is
        an endpoint of a pair.
    """

    paramcd: str
    loc: str
    lat: str
    visit: str
    reference: str = ""

    @cached_property
    def endpoint(self) -> Endpoint:
        """The endpoint of the catalogue."""
        return endpoint(self.paramcd)


def planned_keys(config: Study) -> tuple[PlannedKey, ...]:
    """Return every (PARAMCD, LOC, LAT, visit, reference) that a study plans, in table order.

    Order: visits as configured, endpoints as in the catalogue, reference visits as configured,
    then locations and lateralities. Pair endpoints exist for follow-up visits only; the others are
    there once for each baseline of their visit. A value of both eyes is planned where the study
    scans both.
    """
    pairs = dict.fromkeys((pair.reference, pair.follow) for pair in config.pairs)
    keys: list[PlannedKey] = []
    for visit in config.visits:
        references = [reference for reference, follow in pairs if follow == visit.label]
        baselines = ["", *config.baselines_of(visit.label)[1:]]
        for item in CATALOGUE.values():
            for reference in references if item.kind is UnitKind.PAIR else baselines:
                keys += [
                    PlannedKey(item.paramcd, loc, lat, visit.label, reference)
                    for loc, lat in planned_places(item, config.oct)
                ]
    return tuple(keys)


def planned_places(item: Endpoint, oct_config: PlannedOct) -> Iterator[tuple[str, str]]:
    """Yield (LOC, LAT) of an endpoint that the study's scans and eyes can give."""
    if item.scan is not None and item.scan not in oct_config.scans:
        return
    for loc, lat in item.places:
        needs_both = lat == BOTH_EYES or item.kind is UnitKind.SUBJECT
        needed = list(Eye) if needs_both else [eye for eye in Eye if eye == lat]
        if all(eye in oct_config.eyes for eye in needed):
            yield loc, lat
