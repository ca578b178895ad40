"""Last nodes of the session workflow: endpoints, automatic checks, derivatives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from nipype.interfaces.base import BaseInterfaceInputSpec, TraitedSpec, isdefined, traits

from smartms_img.config import MriQcConfig
from smartms_img.interfaces.arrays import get, get_arrays, get_mask
from smartms_img.interfaces.base import SimpleInterface
from smartms_img.interfaces.lesion_files import write_lesion_rows
from smartms_img.interfaces.results import Store, StoreInputSpec, as_measures, flair_checks
from smartms_img.io.layout import lesions_file, measures_file, qc_file
from smartms_img.io.measures import Measure, QcMetric, check, write_measures, write_qc
from smartms_img.method import METHOD_VERSION
from smartms_img.mri.brain import edge_fraction, erode, shown
from smartms_img.mri.geometry import resample
from smartms_img.mri.lesion_table import lesion_rows
from smartms_img.mri.quality import contrast_measures, mutual_information
from smartms_img.mri.session_measures import (
    Value,
    black_hole_values,
    head_size_values,
    lesion_values,
)
from smartms_img.mri.tissue import Tissue, tissue_volumes_ml
from smartms_img.naming import UnitKind
from smartms_img.volume import Volume

_VERSION = METHOD_VERSION[UnitKind.SESSION]
_LESIONS = ("T2LV", "T2LN", "BHLV", "BHLN")


class _MeasureSessionInputSpec(BaseInterfaceInputSpec):
    staging = traits.Str(mandatory=True)
    stem = traits.Str(mandatory=True)
    session = traits.Str(mandatory=True)
    sources = traits.List(mandatory=True)
    t1w = traits.Str(mandatory=True, desc="without bias field, lesions not filled")
    brain_mask = traits.Str(mandatory=True)
    maps = traits.Str(mandatory=True)
    tissue = traits.Str(mandatory=True)
    to_scan = traits.List(mandatory=True)
    flair = traits.Str(desc="undefined, as the three below, where the visit has no FLAIR")
    flair_to_t1w = traits.List()
    lesions = traits.Str()
    context = traits.Str()
    similarity = traits.Float(mandatory=True)
    min_volume_mm3 = traits.Float(mandatory=True)
    lesion_rule = traits.Str("", usedefault=True, desc="where lesion masks come from, for METHOD")
    thresholds = traits.Any(mandatory=True)


class _MeasureSessionOutputSpec(TraitedSpec):
    measures = traits.Str()


class MeasureSession(SimpleInterface):
    """Write the endpoints and the automatic checks of a visit."""

    input_spec, output_spec = _MeasureSessionInputSpec, _MeasureSessionOutputSpec

    def _compute(self, folder: Path) -> None:  # noqa: ARG002 - writes to the staging folder
        staging, stem = Path(self.inputs.staging), self.inputs.stem
        sources = self.inputs.sources
        measures = as_measures(
            self._brain_values(),
            visit=self.inputs.session,
            method_version=_VERSION,
            sources=sources[:1],
        )
        if isdefined(self.inputs.lesions):
            measures += self._lesion_measures()
        write_measures(staging / measures_file(stem), measures)
        write_qc(staging / qc_file(stem), self._checks())
        self._results["measures"] = str(staging / measures_file(stem))

    def _lesion_measures(self) -> list[Measure]:
        """Masks from elsewhere are not our method, but what is measured in them is."""
        rule, values = self.inputs.lesion_rule, self._lesion_values()
        masks = [value for value in values if value.paramcd.startswith("T2")]
        inside = [value for value in values if value not in masks]
        return [
            measure
            for part, names in ((masks, {"instead": rule}), (inside, {"rule": rule}))
            for measure in as_measures(
                part,
                visit=self.inputs.session,
                method_version=_VERSION,
                sources=self.inputs.sources,
                **names,
            )
        ]

    def _brain_values(self) -> list[Value]:
        mask = get_mask(self.inputs.brain_mask)
        tissue = Tissue(**get_arrays(self.inputs.tissue))
        regions = get_arrays(self.inputs.maps)["regions"]
        volumes = tissue_volumes_ml(tissue, regions, mask.data, mask.voxel_volume_mm3)
        values = [Value(name, "", volume) for name, volume in volumes.items()]
        return values + head_size_values(volumes, np.array(self.inputs.to_scan))

    def _lesion_values(self) -> list[Value]:
        lesions, context = get_mask(self.inputs.lesions), get_arrays(self.inputs.context)
        tissue = Tissue.of(context)
        spacing = lesions.spacing_mm
        values = lesion_values(lesions.data, tissue, context["regions"], spacing)
        return values + black_hole_values(
            lesions.data, context["t1w"], tissue, spacing, self.inputs.min_volume_mm3
        )

    def _checks(self) -> list[QcMetric]:
        limits: MriQcConfig = self.inputs.thresholds
        t1w, mask = get(self.inputs.t1w), get_mask(self.inputs.brain_mask)
        contrast = contrast_measures(t1w, Tissue(**get_arrays(self.inputs.tissue)))
        volume_ml = mask.data.sum() * mask.voxel_volume_mm3 / 1000.0
        low, high = limits.tiv_range_ml
        checks = [
            check(
                "template_correlation",
                self.inputs.similarity,
                at_least=limits.min_template_correlation,
            ),
            check("snr", contrast["snr"], at_least=limits.min_snr),
            check("cnr", contrast["cnr"], at_least=limits.min_cnr),
            check("cjv", contrast["cjv"], at_most=limits.max_cjv),
            check("intracranial_volume_ml", volume_ml, at_least=low, at_most=high),
            check("brain_on_edge", edge_fraction(mask.data), at_most=limits.max_edge_fraction),
        ]
        if isdefined(self.inputs.flair):
            checks += self._flair_checks(t1w, mask)
        return checks

    def _flair_checks(self, t1w: Volume, mask: Volume) -> list[QcMetric]:
        """Check that the FLAIR shows the head of the T1w, and all of its brain."""
        flair = get(self.inputs.flair)
        affine = np.array(self.inputs.flair_to_t1w) @ flair.affine
        on_t1w = resample(Volume(flair.data, affine), t1w)
        interior = erode(mask.data, 4.0, mask.spacing_mm)
        seen = resample(Volume(shown(flair), affine), t1w) > 0.5
        information = mutual_information(t1w.data, on_t1w, interior & (on_t1w > 0))
        return flair_checks(information, seen, interior, self.inputs.thresholds, _LESIONS)


class _StoreSessionInputSpec(StoreInputSpec):
    t1w = traits.Str(mandatory=True, desc="without bias field, lesions not filled")
    t1w_filled = traits.Str(desc="undefined, as the FLAIR, where the visit has no FLAIR")
    brain_mask = traits.Str(mandatory=True)
    maps = traits.Str(mandatory=True)
    tissue = traits.Str(mandatory=True)
    to_scan = traits.List(mandatory=True)
    skull_stripped = traits.Bool(mandatory=True)
    flair = traits.Str()
    flair_to_t1w = traits.List()
    lesions = traits.Str()
    evidence = traits.Str()
    context = traits.Str()


class StoreSession(Store):
    """Write the derivatives of a visit with their sidecars."""

    input_spec = _StoreSessionInputSpec
    method_version = _VERSION

    def _compute(self, folder: Path) -> None:  # noqa: ARG002 - writes to the staging folder
        inputs = self.inputs
        t1w = get(inputs.t1w)
        tissue, maps = Tissue(**get_arrays(inputs.tissue)), get_arrays(inputs.maps)
        self._save(
            t1w,
            "desc-preproc_T1w",
            "T1w without bias field, on its own grid",
            SkullStripped=bool(inputs.skull_stripped),
        )
        self._save(get(inputs.brain_mask), "desc-brain_mask", "Brain mask", np.uint8)
        self._save(t1w.like(tissue.labels), "dseg", "1 CSF, 2 grey, 3 white matter", np.uint8)
        for name in ("csf", "grey", "white"):
            label = {"csf": "CSF", "grey": "GM", "white": "WM"}[name]
            self._save(
                t1w.like(getattr(tissue, name)), f"label-{label}_probseg", f"Posterior of {label}"
            )
        self._save(t1w.like(maps["regions"]), "desc-regions_dseg", "Regions from MNI152", np.uint8)
        self._matrix(inputs.to_scan, "from-MNI152_to-T1w", "MNI152", "T1w")
        if isdefined(inputs.flair):
            self._store_lesions()
        self._results["stem"] = inputs.stem

    def _store_lesions(self) -> None:
        inputs = self.inputs
        flair, evidence = get(inputs.flair), get_arrays(inputs.evidence)
        self._save(get(inputs.t1w_filled), "desc-filled_T1w", "T1w with lesions filled")
        self._save(flair, "desc-preproc_FLAIR", "FLAIR without bias field, on its own grid")
        self._save(
            get(inputs.lesions), "label-lesion_mask", "Lesions on the grid of the FLAIR", np.uint8
        )
        self._save(
            flair.like(evidence["probability"]), "label-lesion_probseg", "Lesion probability"
        )
        context = get_arrays(inputs.context)
        tissue = Tissue.of(context)
        rows = lesion_rows(
            get_mask(inputs.lesions), evidence["probability"], tissue, context["regions"]
        )
        write_lesion_rows(Path(inputs.staging) / lesions_file(inputs.stem), rows)
        self._matrix(inputs.flair_to_t1w, "from-FLAIR_to-T1w", "FLAIR", "T1w")
