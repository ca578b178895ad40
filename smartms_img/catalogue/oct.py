"""OCT endpoints of one eye and of both eyes of a subject."""

from __future__ import annotations

from smartms_img.catalogue import terms
from smartms_img.catalogue.record import Category, Cdisc, Endpoint, Term, Worse
from smartms_img.naming import Eye, OctScanKind, UnitKind

_EYES = tuple(eye.value for eye in Eye)
_RING = "mean on the 3.5 mm (12 degree) peripapillary ring, both eyes in OD orientation"
_GRID = "mean in the ETDRS grid centred on the found fovea, both eyes in OD orientation"
_DISC = "integral over the 6 mm disc centred on the found fovea"
_DIFFERENCE = "absolute difference of the eyes, flagged by a set threshold"
_GCIPL = "Ganglion cell-inner plexiform layer"
_GCIPL_PLACE = Term("GANGLION CELL-INNER PLEXIFORM LAYER")


def _terms(test: Term, location: Term, unit: str) -> Cdisc:
    return Cdisc(test, location, terms.OCT, terms.UNIT_TERMS[unit])


def _layer(
    paramcd: str,
    layer: str,
    worse: Worse,
    location: Term = terms.MACULA,
    both_eyes_at: tuple[str, ...] = (),
) -> Endpoint:
    return Endpoint(
        paramcd=paramcd,
        name=f"{layer} thickness",
        unit="um",
        category=Category.OCT,
        kind=UnitKind.EYE,
        method=_GRID,
        worse=worse,
        cdisc=_terms(terms.THICKNESS_MEAN, location, "um"),
        scan=OctScanKind.MACULA,
        locations=tuple(terms.MACULA_SECTORS),
        lateralities=_EYES,
        both_eyes_at=both_eyes_at,
    )


def _macula(
    paramcd: str,
    name: str,
    unit: str,
    method: str,
    cdisc: Cdisc,
    both_eyes_at: tuple[str, ...] = (),
) -> Endpoint:
    return Endpoint(
        paramcd=paramcd,
        name=name,
        unit=unit,
        category=Category.OCT,
        kind=UnitKind.EYE,
        method=method,
        worse=Worse.DECREASE,
        cdisc=cdisc,
        scan=OctScanKind.MACULA,
        lateralities=_EYES,
        both_eyes_at=both_eyes_at,
    )


def _inter_eye(paramcd: str, name: str, derived_from: str, scan: OctScanKind) -> Endpoint:
    location = terms.RNFL if scan is OctScanKind.RING else _GCIPL_PLACE
    return Endpoint(
        paramcd=paramcd,
        name=name,
        unit="um",
        category=Category.OCT,
        kind=UnitKind.SUBJECT,
        method=_DIFFERENCE,
        worse=Worse.INCREASE,
        cdisc=_terms(Term(paramcd), location, "um"),
        scan=scan,
        derived_from=derived_from,
    )


_RNFL = Endpoint(
    paramcd="RNFL",
    name="Peripapillary retinal nerve fiber layer thickness",
    unit="um",
    category=Category.OCT,
    kind=UnitKind.EYE,
    method=_RING,
    worse=Worse.DECREASE,
    cdisc=_terms(terms.THICKNESS_MEAN, terms.RNFL, "um"),
    scan=OctScanKind.RING,
    locations=tuple(terms.RING_SECTORS),
    lateralities=_EYES,
    both_eyes_at=("G",),
)

EYE_ENDPOINTS: tuple[Endpoint, ...] = (
    _RNFL,
    _layer("GCIPL", _GCIPL, Worse.DECREASE, _GCIPL_PLACE, ("M6",)),
    _layer("MRNFL", "Macular retinal nerve fiber layer", Worse.DECREASE),
    _layer("INL", "Inner nuclear layer", Worse.NEITHER, both_eyes_at=("M6",)),
    _layer("OPL", "Outer plexiform layer", Worse.NEITHER),
    _layer("ONL", "Outer nuclear layer", Worse.NEITHER),
    _layer("RETT", "Total retina", Worse.DECREASE),
    _macula(
        "GCIPLMN",
        f"{_GCIPL} minimum thickness",
        "um",
        "minimum of the six 60-degree sectors",
        _terms(terms.THICKNESS_MINIMUM, _GCIPL_PLACE, "um"),
    ),
    _macula(
        "TMV",
        "Total macular volume",
        "mm3",
        _DISC,
        _terms(Term("TMV"), terms.MACULA, "mm3"),
        ("",),
    ),
    _macula(
        "GCIPLV",
        f"{_GCIPL} volume",
        "mm3",
        _DISC,
        _terms(Term("GCIPLV"), _GCIPL_PLACE, "mm3"),
    ),
)

SUBJECT_ENDPOINTS: tuple[Endpoint, ...] = (
    _inter_eye(
        "IEDRNFL", "Inter-eye difference of global RNFL thickness", "RNFL", OctScanKind.RING
    ),
    _inter_eye("IEDGCIP", "Inter-eye difference of GCIPL thickness", "GCIPL", OctScanKind.MACULA),
)
