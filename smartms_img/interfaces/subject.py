"""Node of the subject workflow: what needs both eyes of a visit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from nipype.interfaces.base import BaseInterfaceInputSpec, TraitedSpec, traits
from numpy.typing import NDArray

from smartms_img.catalogue import BOTH_EYES, CATALOGUE, Endpoint, planned_places
from smartms_img.config import OctConfig
from smartms_img.figures.oct import tsnit_of_eyes
from smartms_img.figures.png import save_png
from smartms_img.interfaces.base import SimpleInterface
from smartms_img.io.atomic import write_json
from smartms_img.io.layout import figure_stem, measures_file, subject_stem
from smartms_img.io.measures import Measure, read_measures, write_measures
from smartms_img.io.oct_layers import load_arrays
from smartms_img.io.participants import read_participants
from smartms_img.method import METHOD_VERSION
from smartms_img.naming import Eye, UnitKind, subject_unit
from smartms_img.oct.both_eyes import (
    THRESHOLD_SETS,
    Combined,
    EyeValue,
    ThresholdSet,
    inter_eye_difference,
    mean_of_eyes,
)

# In METHOD of an eye this follows whose layers they are.
_LAYERS = " layers, "
_LOCATION = {"IEDRNFL": "G", "IEDGCIP": "M6"}
_Curve = tuple[NDArray[np.float64], NDArray[np.float64]]
_Found = dict[tuple[str, str, str, Eye], Measure]


class _CombineEyesInputSpec(BaseInterfaceInputSpec):
    bids = traits.Str(mandatory=True, desc="dataset, for participants.tsv")
    subject = traits.Str(mandatory=True)
    visits = traits.List(traits.Str(), mandatory=True, desc="session labels in order")
    measure_files = traits.List(traits.Str(), mandatory=True, desc="of the eye units")
    config = traits.Any(mandatory=True, desc="OctConfig")
    staging = traits.Str(mandatory=True)


class _CombineEyesOutputSpec(TraitedSpec):
    measures = traits.Str(desc="measures file")


class CombineEyes(SimpleInterface):
    """Write inter-eye differences and means of both eyes of every visit."""

    input_spec, output_spec = _CombineEyesInputSpec, _CombineEyesOutputSpec

    def _compute(self, folder: Path) -> None:  # noqa: ARG002 - the result goes to staging
        config: OctConfig = self.inputs.config
        rule = THRESHOLD_SETS[config.inter_eye_thresholds]
        affected: frozenset[Eye] | None = frozenset()
        if config.exclude_optic_neuritis:
            known = read_participants(Path(self.inputs.bids)).optic_neuritis
            affected = known.get(self.inputs.subject, affected)
        found = self._found()
        measures = []
        for visit in self.inputs.visits:
            for item in CATALOGUE.values():
                for loc, lat in planned_places(item, config):
                    if item.paramcd in _LOCATION:
                        measures.append(_difference(item, visit, found, rule))
                    elif lat == BOTH_EYES:
                        measures.append(_mean(item, loc, visit, found, affected))
        path = Path(self.inputs.staging) / measures_file(subject_stem(self.inputs.subject))
        write_measures(path, measures)
        self._results["measures"] = str(path)

    def _found(self) -> _Found:
        return {
            (measure.PARAMCD, measure.LOC, measure.visit, Eye(measure.LAT)): measure
            for file in self.inputs.measure_files
            for measure in read_measures(Path(file))
        }


class _DrawEyesInputSpec(BaseInterfaceInputSpec):
    subject = traits.Str(mandatory=True)
    rings = traits.List(
        traits.Tuple(traits.Str(), traits.Str(), traits.Str()),
        mandatory=True,
        desc="eye, visit and thickness file of each ring, in order",
    )
    staging = traits.Str(mandatory=True)


class _DrawEyesOutputSpec(TraitedSpec):
    figures = traits.List(traits.Str(), desc="pictures, relative to the staging folder")


class DrawEyes(SimpleInterface):
    """Draw the nerve fibre layer of both eyes at all visits side by side."""

    input_spec, output_spec = _DrawEyesInputSpec, _DrawEyesOutputSpec

    def _compute(self, folder: Path) -> None:  # noqa: ARG002 - results go to staging
        subject = self.inputs.subject
        eyes: dict[str, dict[str, _Curve]] = {}
        for eye, visit, file in self.inputs.rings:
            arrays = load_arrays(Path(file))
            if "RNFL_um" in arrays:
                curve = arrays["angle_deg"][0], arrays["RNFL_um"][0]
                eyes.setdefault(eye, {})[visit] = curve
        self._results["figures"] = []
        if not eyes:
            return
        title = "RNFL thickness of both eyes at all visits"
        base = f"{figure_stem(subject_stem(subject))}_tsnit"
        figure: Figure = tsnit_of_eyes(eyes, title=title)
        staging = Path(self.inputs.staging)
        save_png(figure, staging / f"{base}.png")
        alt = "RNFL thickness against the angle round the disc, one curve a visit"
        entry = {"title": title, "alt": alt, "unit": subject_unit(subject), "order": 0}
        write_json(staging / f"{base}.json", entry)
        self._results["figures"] = [f"{base}.png"]


def _difference(item: Endpoint, visit: str, found: _Found, rule: ThresholdSet) -> Measure:
    source = item.derived_from
    threshold = rule.rnfl_um if source == "RNFL" else rule.gcipl_um
    eyes = _eyes(source, _LOCATION[item.paramcd], visit, found)
    combined = inter_eye_difference(_values(eyes), threshold, rule.name)
    return _measure(item, "", "", visit, (combined, eyes, rule.name))


def _mean(
    item: Endpoint, loc: str, visit: str, found: _Found, affected: frozenset[Eye] | None
) -> Measure:
    eyes = _eyes(item.paramcd, loc, visit, found)
    return _measure(
        item, loc, BOTH_EYES, visit, (mean_of_eyes(_values(eyes), affected), eyes, "mean of eyes")
    )


def _eyes(paramcd: str, loc: str, visit: str, found: _Found) -> dict[Eye, Measure]:
    keys = {eye: (paramcd, loc, visit, eye) for eye in Eye}
    return {eye: found[key] for eye, key in keys.items() if key in found}


def _values(eyes: dict[Eye, Measure]) -> dict[Eye, EyeValue]:
    return {eye: EyeValue(measure.value, measure.reason) for eye, measure in eyes.items()}


def _whose(used: Iterable[Eye], eyes: Mapping[Eye, Measure]) -> str:
    """Return whose layers the eyes were measured on, as their METHOD says first."""
    methods = (eyes[eye].method for eye in used if eye in eyes)
    names = dict.fromkeys(method.partition(_LAYERS)[0] for method in methods if _LAYERS in method)
    return f"{' and '.join(names)}{_LAYERS}" if names else ""


def _measure(
    item: Endpoint,
    loc: str,
    lat: str,
    visit: str,
    result: tuple[Combined, dict[Eye, Measure], str],
) -> Measure:
    combined, eyes, rule = result
    sources = [file for eye in combined.used if eye in eyes for file in eyes[eye].source]
    return Measure(
        PARAMCD=item.paramcd,
        value=combined.value,
        unit=item.unit,
        method=f"{_whose(combined.used, eyes)}{item.method}: {rule}",
        method_version=METHOD_VERSION[UnitKind.SUBJECT],
        visit=visit,
        LOC=loc,
        LAT=lat,
        source=tuple(sources),
        reason=combined.reason,
    )
