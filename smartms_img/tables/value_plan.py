"""The planned values of a study, with what is the same for every subject."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from smartms_img.catalogue import BOTH_EYES, PlannedKey, known_errors, planned_keys
from smartms_img.config import StudyConfig
from smartms_img.naming import Eye, UnitKind, eye_unit, pair_unit, session_unit, subject_unit
from smartms_img.tables.evidence import MeasureKey


class Comparison(NamedTuple):
    """Two visits whose MRI is compared, and the endpoint whose checks say whether it may be."""

    reference: str
    visit: str
    change: str


class ValuePlan:
    """Every planned value in the order of the table; the attributes are lists of that length.

    Attributes
    ----------
    keys : tuple of PlannedKey
        What is planned.
    measures : list of MeasureKey
        The name of the value among the measures of its unit.
    spans : list of tuple of str
        Session labels of the visit that it is compared with, and of its visit.
    baselines : list of int or None
        Place of its baseline value; its own where it is that, None where it has none.
    comparisons : list of Comparison or None
        What has to be allowed for its change from the baseline, None where nothing has to.
    """

    def __init__(self, config: StudyConfig) -> None:
        self.config = config
        self.keys = planned_keys(config)
        self.measures = [measure_key(key) for key in self.keys]
        self.spans = [(key.reference or config.baseline, key.visit) for key in self.keys]
        self.baselines = _baselines(self.keys, self.spans)
        self.comparisons = [
            _comparison(key, *span) for key, span in zip(self.keys, self.spans, strict=True)
        ]
        units: dict[str, int] = {}
        self._unit = [units.setdefault(unit_of("", key), len(units)) for key in self.keys]
        self._one_a_unit = [self.keys[self._unit.index(number)] for number in range(len(units))]

    def units(self, subject: str) -> list[str]:
        """Return the id of the unit that measures each value of a subject."""
        names = [unit_of(subject, key) for key in self._one_a_unit]
        return [names[number] for number in self._unit]

    def columns(self) -> pd.DataFrame:
        """Return what the endpoint table says of each value whatever the subject."""
        visits = {visit.label: visit for visit in self.config.visits}
        rows = [
            {
                "STUDYID": self.config.study_id,
                "AVISIT": visits[key.visit].name,
                "AVISITN": visits[key.visit].number,
                "PARCAT1": key.endpoint.category.value,
                "PARAMCD": key.paramcd,
                "PARAM": key.endpoint.param,
                "LOC": key.loc,
                "LAT": key.lat,
                "AVALERR": _error_of(key),
                "BASETYPE": visits[reference].name,
            }
            for key, (reference, _) in zip(self.keys, self.spans, strict=True)
        ]
        return pd.DataFrame(rows)


def measure_key(key: PlannedKey) -> MeasureKey:
    """Return the name of a planned value among the measures of its unit."""
    return key.visit, key.paramcd, key.loc, key.lat


def unit_of(subject: str, key: PlannedKey) -> str:
    """Return the id of the unit that measures a planned value."""
    kind = key.endpoint.measured_by(key.lat)
    if kind is UnitKind.SESSION:
        return session_unit(subject, key.visit)
    if kind is UnitKind.PAIR:
        return pair_unit(subject, key.reference, key.visit)
    if kind is UnitKind.EYE and key.endpoint.scan is not None:
        return eye_unit(subject, key.visit, Eye(key.lat), key.endpoint.scan)
    return subject_unit(subject)


def _baselines(keys: tuple[PlannedKey, ...], spans: list[tuple[str, str]]) -> list[int | None]:
    """Return the place of each value's baseline value."""
    shared = [(key.paramcd, key.loc, key.lat, key.reference) for key in keys]
    at_baseline = {
        name: place
        for place, (name, (reference, visit)) in enumerate(zip(shared, spans, strict=True))
        if reference == visit
    }
    return [at_baseline.get(name) for name in shared]


def _comparison(key: PlannedKey, reference: str, visit: str) -> Comparison | None:
    """Return what has to be allowed for the change of a value of MRI from its baseline.

    Only the pair shows whether both visits are of one head and one protocol. Scans of an eye are
    held against the baseline by their own unit.
    """
    if key.endpoint.kind is not UnitKind.SESSION or visit == reference:
        return None
    # Checks of volume change tell whether volumes can be compared, those of lesion change
    # whether lesions can: a difference of protocol fails both measurements and differences.
    change = "NEWLN" if key.endpoint.of_lesions else "PBVC"
    return Comparison(reference, visit, change)


def _error_of(key: PlannedKey) -> float | None:
    """Return the known error of a single measurement; a mean of both eyes has another one."""
    error = known_errors().get((key.paramcd, key.loc))
    return error.sd if error and key.lat != BOTH_EYES else None
