"""What the catalogue says about one endpoint."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from smartms_img.naming import OctScanKind, UnitKind

BOTH_EYES = "BOTH"


class Category(StrEnum):
    """PARCAT1: which part of the endpoint list."""

    MRI = "MRI"
    MRI_CHANGE = "MRI change"
    OCT = "OCT"


class Worse(StrEnum):
    """Which sign of a change is worse for the patient."""

    DECREASE = "decrease"
    INCREASE = "increase"
    NEITHER = "neither"


PRECISION: dict[str, int] = {
    "count": 0,
    "um": 2,
    "mL": 3,
    "%": 3,
    "%/year": 3,
    "mm3": 4,
    "ratio": 5,
}
"""Units of the catalogue, and the decimals that a value of that unit is written with."""


@dataclass(frozen=True)
class Term:
    """A term of CDISC controlled terminology; an empty code is a sponsor's extension."""

    text: str
    code: str = ""


@dataclass(frozen=True)
class Cdisc:
    """Terms that describe an endpoint in SDTM and define.xml."""

    test: Term
    location: Term
    method: Term
    unit: Term


@dataclass(frozen=True)
class Endpoint:
    """One endpoint: a PARAMCD with everything that does not depend on the patient.

    Attributes
    ----------
    paramcd : str
        At most 8 characters of A-Z and 0-9.
    name : str
        What is measured, without unit and method.
    unit : str
        A key of :data:`PRECISION`.
    category : Category
        PARCAT1.
    kind : UnitKind
        The kind of unit that measures it (a mean of both eyes comes from the subject unit).
    method : str
        How it is measured, one sentence without a full stop.
    worse : Worse
        Direction.
    cdisc : Cdisc
        Terms for SDTM and define.xml.
    scan : OctScanKind or None
        The OCT scan that it is measured on.
    locations, lateralities : tuple of str
        LOC and LAT of its rows; the empty string is the whole brain, the whole scan, or no eye.
    both_eyes_at : tuple of str
        Locations whose mean of both eyes (LAT 'BOTH') is a row as well.
    derived_from : str
        PARAMCD of the values of the single eyes that it is computed from.
    min_visits : int
        Visits that the definition needs; a value from fewer is marked 'candidate'.
    of_lesions : bool
        Whether lesions are outlined for it: whoever objects to the lesions objects to it.
    """

    paramcd: str
    name: str
    unit: str
    category: Category
    kind: UnitKind
    method: str
    worse: Worse
    cdisc: Cdisc
    scan: OctScanKind | None = None
    locations: tuple[str, ...] = ("",)
    lateralities: tuple[str, ...] = ("",)
    both_eyes_at: tuple[str, ...] = ()
    derived_from: str = ""
    min_visits: int = 1
    of_lesions: bool = False

    @property
    def param(self) -> str:
        """PARAM: name, unit and method."""
        return f"{self.name} ({self.unit}), {self.method}"

    @property
    def precision(self) -> int:
        """Decimals that a value is written with."""
        return PRECISION[self.unit]

    @property
    def places(self) -> tuple[tuple[str, str], ...]:
        """Every (LOC, LAT) of a row, means of both eyes last."""
        single = [(loc, lat) for loc in self.locations for lat in self.lateralities]
        return (*single, *((loc, BOTH_EYES) for loc in self.both_eyes_at))

    def measured_by(self, lat: str) -> UnitKind:
        """Return the kind of unit that measures it at a laterality."""
        return UnitKind.SUBJECT if lat == BOTH_EYES else self.kind
