"""MRI endpoints of one visit and of a pair of visits."""

from __future__ import annotations

from smartms_img.catalogue import terms
from smartms_img.catalogue.record import Category, Cdisc, Endpoint, Term, Worse
from smartms_img.naming import UnitKind

_LESION = "network on T1w and FLAIR, 26-connected, from the volume floor of the configuration"
_TISSUE = "tissue segmentation of the lesion-filled T1w"
_REGION = "atlas regions and tissue of the lesion-filled T1w"
_JACOBIAN = "Jacobian integration in the space half way between the visits"
_YEARLY = f"{_JACOBIAN}: 100 ((1 + PBVC/100)^(1/years) - 1), a year of 365.25 days"
_NEW = "joint decision on both visits: FLAIR rose, no lesion voxel at the earlier visit; METHOD"
_RULE = "joint decision on the FLAIR of both visits, by a named rule"
_SELL = "Jacobian seeds of at least 12.5 %/year grown at 4 %/year, from 10 voxels"


def _visit(
    paramcd: str,
    name: str,
    unit: str,
    method: str,
    worse: Worse,
    location: Term = terms.BRAIN,
) -> Endpoint:
    test = terms.VOLUME if unit == "mL" else Term(paramcd)
    return Endpoint(
        paramcd=paramcd,
        name=name,
        unit=unit,
        category=Category.MRI,
        kind=UnitKind.SESSION,
        method=method,
        worse=worse,
        cdisc=Cdisc(test, location, terms.MRI, terms.UNIT_TERMS[unit]),
    )


def _lesion(
    paramcd: str,
    name: str,
    unit: str,
    method: str,
    seen_on: Term = terms.FLAIR,
    regions: tuple[str, ...] = ("",),
) -> Endpoint:
    return Endpoint(
        paramcd=paramcd,
        name=name,
        unit=unit,
        category=Category.MRI,
        kind=UnitKind.SESSION,
        method=method,
        worse=Worse.INCREASE,
        cdisc=Cdisc(Term(paramcd), terms.BRAIN, seen_on, terms.UNIT_TERMS[unit]),
        locations=regions,
        of_lesions=True,
    )


def _change(
    paramcd: str,
    name: str,
    unit: str,
    method: str,
    worse: Worse,
    location: Term = terms.BRAIN,
    min_visits: int = 2,
) -> Endpoint:
    of_lesions = method not in (_JACOBIAN, _YEARLY, _SELL)
    method_term = terms.FLAIR if of_lesions else terms.MRI
    return Endpoint(
        paramcd=paramcd,
        name=name,
        unit=unit,
        category=Category.MRI_CHANGE,
        kind=UnitKind.PAIR,
        method=method,
        worse=worse,
        cdisc=Cdisc(Term(paramcd), location, method_term, terms.UNIT_TERMS[unit]),
        min_visits=min_visits,
        of_lesions=of_lesions,
    )


_LOSS, _GAIN, _NONE = Worse.DECREASE, Worse.INCREASE, Worse.NEITHER
_REGIONS = ("", *terms.LESION_REGIONS)
_BLACK_HOLE = "part of a T2 lesion with a T1w signal at or below the median of grey matter"
_NORMALISED = "BPV times the head-size factor of the affine to MNI152"

VISIT_ENDPOINTS: tuple[Endpoint, ...] = (
    _lesion("T2LV", "T2 lesion volume", "mL", _LESION, regions=_REGIONS),
    _lesion("T2LN", "Count of T2 lesions", "count", _LESION, regions=_REGIONS),
    _lesion("BHLV", "T1 black hole volume", "mL", _BLACK_HOLE, terms.MRI),
    _lesion("BHLN", "Count of T1 black holes", "count", _BLACK_HOLE, terms.MRI),
    _visit("BPV", "Brain parenchymal volume", "mL", _TISSUE, _LOSS),
    _visit("GMV", "Grey matter volume", "mL", _TISSUE, _LOSS, terms.GREY_MATTER),
    _visit("WMV", "White matter volume", "mL", _TISSUE, _LOSS, terms.WHITE_MATTER),
    _visit("CSFV", "Cerebrospinal fluid volume", "mL", _TISSUE, _GAIN, Term("CSF SPACE")),
    _visit("TIV", "Total intracranial volume", "mL", _TISSUE, _NONE, Term("CRANIAL CAVITY")),
    _visit("CGMV", "Cortical grey matter volume", "mL", _REGION, _LOSS, terms.CORTEX),
    _visit("DGMV", "Deep grey matter volume", "mL", _REGION, _LOSS, terms.DEEP_GREY_MATTER),
    _visit("THALV", "Thalamus volume", "mL", _REGION, _LOSS, terms.THALAMUS),
    _visit("VENTV", "Lateral ventricle volume", "mL", _REGION, _GAIN, terms.LATERAL_VENTRICLE),
    _visit("BSTV", "Brainstem volume", "mL", _REGION, _LOSS, Term("BRAIN STEM")),
    _visit("CBLV", "Cerebellum volume", "mL", _REGION, _LOSS, Term("CEREBELLUM")),
    _visit("BPF", "Brain parenchymal fraction", "ratio", "BPV divided by TIV", _LOSS),
    _visit("NBV", "Normalised brain volume", "mL", _NORMALISED, _LOSS),
)

PAIR_ENDPOINTS: tuple[Endpoint, ...] = (
    _change("PBVC", "Percentage brain volume change", "%", _JACOBIAN, _LOSS),
    _change("PBVCY", "Annualised brain volume change", "%/year", _YEARLY, _LOSS),
    _change(
        "PGMVC",
        "Percentage grey matter volume change",
        "%",
        _JACOBIAN,
        _LOSS,
        terms.GREY_MATTER,
    ),
    _change(
        "PDGMVC",
        "Percentage deep grey matter volume change",
        "%",
        _JACOBIAN,
        _LOSS,
        terms.DEEP_GREY_MATTER,
    ),
    _change("PTHALVC", "Percentage thalamus volume change", "%", _JACOBIAN, _LOSS, terms.THALAMUS),
    _change(
        "PCGMVC",
        "Percentage cortical grey matter volume change",
        "%",
        _JACOBIAN,
        _LOSS,
        terms.CORTEX,
    ),
    _change(
        "PWMVC",
        "Percentage white matter volume change",
        "%",
        _JACOBIAN,
        _LOSS,
        terms.WHITE_MATTER,
    ),
    _change(
        "PVENTVC",
        "Percentage lateral ventricle volume change",
        "%",
        _JACOBIAN,
        _GAIN,
        terms.LATERAL_VENTRICLE,
    ),
    _change("NEWLN", "Count of new T2 lesions", "count", _NEW, _GAIN),
    _change("NEWLV", "Volume of new T2 lesions", "mL", _NEW, _GAIN),
    _change("ENLLN", "Count of enlarging T2 lesions", "count", _RULE, _GAIN),
    _change("ENLLV", "Volume gained by enlarging T2 lesions", "mL", _RULE, _GAIN),
    _change("SHRLN", "Count of shrinking T2 lesions", "count", _RULE, _NONE),
    _change("RESLN", "Count of resolved T2 lesions", "count", _RULE, _NONE),
    _change(
        "ATLV", "Atrophied lesion volume", "mL", "baseline lesion that is CSF at follow-up", _GAIN
    ),
    _change("SELLN", "Count of slowly expanding lesions", "count", _SELL, _GAIN, min_visits=3),
    _change("SELLV", "Volume of slowly expanding lesions", "mL", _SELL, _GAIN, min_visits=3),
)
