"""Nodes of the eye workflow: find layers, measure, draw."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from nipype.interfaces.base import BaseInterfaceInputSpec, TraitedSpec, traits

from smartms_img.catalogue import endpoint
from smartms_img.errors import InputError
from smartms_img.interfaces.base import SimpleInterface
from smartms_img.interfaces.oct_checks import oct_checks
from smartms_img.interfaces.oct_figures import MeasuredThickness, draw_scan
from smartms_img.interfaces.oct_results import (
    ScanResult,
    landmarks_file,
    load_landmarks,
    thickness_file,
    write_result,
)
from smartms_img.io.layout import measures_file, qc_file
from smartms_img.io.measures import Measure, write_measures, write_qc
from smartms_img.io.oct import read_oct
from smartms_img.io.oct_layers import load_arrays, read_outside_layers, save_arrays
from smartms_img.io.oct_model import OctScan, ScanPattern
from smartms_img.method import METHOD_VERSION
from smartms_img.naming import Eye, OctScanKind, UnitKind
from smartms_img.oct.boundaries import BOUNDARIES, LayerBoundaries
from smartms_img.oct.follow import Alignment, align, landmarks, measuring_place
from smartms_img.oct.measure import Key, MaculaPlace, Rows
from smartms_img.oct.scan import locate_macula, measure_scan, segment_scan
from smartms_img.oct.sectors import SectorValue

PATTERN = {OctScanKind.RING: ScanPattern.RING, OctScanKind.MACULA: ScanPattern.VOLUME}


def read_eye_scan(
    path: Path, *, subject: str, session: str, eye: Eye, kind: OctScanKind
) -> OctScan:
    """Read a scan and hold it against what its name says.

    Raises
    ------
    InputError
        If it cannot be read, or shows another eye or another pattern.
    """
    item = f"{eye} {kind}"
    try:
        scan = read_oct(path)
    except InputError as error:
        raise InputError(
            error.problem, error.remedy, subject, session, item, error.file
        ) from error
    if scan.laterality is not eye:
        problem = f"is named {eye} but says it shows {scan.laterality}"
        raise InputError(
            problem, "Correct the name or the file", subject, session, item, path.name
        )
    if scan.pattern is not PATTERN[kind]:
        problem = f"is named {kind} but holds a {scan.pattern} scan"
        raise InputError(
            problem, "Correct the name or the file", subject, session, item, path.name
        )
    return scan


class _FindLayersInputSpec(BaseInterfaceInputSpec):
    in_file = traits.Str(mandatory=True, desc="raw scan")
    subject = traits.Str(mandatory=True)
    session = traits.Str(mandatory=True)
    eye = traits.Str(mandatory=True)
    kind = traits.Str(mandatory=True, desc="ring or macula")


class _FindLayersOutputSpec(TraitedSpec):
    rows = traits.Str(desc="boundaries in px")
    confidence = traits.Str(desc="confidence of the boundaries")


class FindLayers(SimpleInterface):
    """Find the nine boundaries of a scan."""

    input_spec, output_spec = _FindLayersInputSpec, _FindLayersOutputSpec

    def _compute(self, folder: Path) -> None:
        layers = segment_scan(_scan(self.inputs))
        for name in ("rows", "confidence"):
            save_arrays(folder / f"{name}.npz", getattr(layers, name))
            self._results[name] = str(folder / f"{name}.npz")


class _MeasureEyeInputSpec(_FindLayersInputSpec):
    rows = traits.Str(mandatory=True)
    confidence = traits.Str(mandatory=True)
    baseline = traits.Str(desc="stem of the baseline's derivatives; empty for none")
    reference = traits.Str(desc="label of the baseline visit; empty for none")
    note = traits.Str(desc="what the unit has to do without; empty for nothing")
    outside = traits.Str(desc="layers from elsewhere; empty for none")
    sources = traits.List(traits.Str(), mandatory=True)
    config = traits.Any(mandatory=True, desc="StudyConfig")
    staging = traits.Str(mandatory=True)
    stem = traits.Str(mandatory=True)


class _MeasureEyeOutputSpec(TraitedSpec):
    fovea_mm = traits.List(traits.Float(), desc="centre of the measuring grid; empty for none")
    aligned = traits.Bool(desc="whether the scan was aligned with its baseline")


class MeasureEye(SimpleInterface):
    """Measure a scan where its baseline was measured; write layers, values and checks."""

    input_spec, output_spec = _MeasureEyeInputSpec, _MeasureEyeOutputSpec

    def _compute(self, folder: Path) -> None:  # noqa: ARG002 - results go to staging
        scan, layers = _scan(self.inputs), _layers(self.inputs)
        config = self.inputs.config
        macula = locate_macula(scan, layers.rows) if self._is_macula() else None
        marks = landmarks(scan, layers.rows, macula)
        alignment, place = None, macula
        if self.inputs.baseline:
            before = load_landmarks(landmarks_file(Path(self.inputs.baseline)))
            alignment = align(before, marks, scan.laterality)
            place = measuring_place(macula, alignment, before) if macula else None
        values = self._values(scan, layers, alignment, place)
        result = ScanResult(scan, layers, values, alignment, place)
        stem = Path(self.inputs.staging) / self.inputs.stem
        write_result(stem, result, marks)
        staging = Path(self.inputs.staging)
        write_measures(
            staging / measures_file(self.inputs.stem), self._measures(values, alignment)
        )
        checks = oct_checks(scan, layers, macula, alignment, (config.oct, config.qc.oct))
        write_qc(staging / qc_file(self.inputs.stem), checks)
        fovea = place.fovea_mm if place else None
        self._results["fovea_mm"] = list(fovea) if fovea else []
        self._results["aligned"] = alignment is not None

    def _values(
        self,
        scan: OctScan,
        layers: LayerBoundaries,
        alignment: Alignment | None,
        place: MaculaPlace | None,
    ) -> dict[str, dict[Key, SectorValue]]:
        return {
            source: measure_scan(
                scan,
                rows,
                min_coverage=self.inputs.config.oct.min_sector_coverage,
                rotation_deg=alignment.rotation_deg if alignment else 0.0,
                place=place,
            )
            for source, rows in self._layer_sources(scan, layers).items()
        }

    def _layer_sources(self, scan: OctScan, layers: LayerBoundaries) -> dict[str, Rows]:
        """Boundaries by whose they are."""
        sources = {"smartms": layers.rows, "device": scan.device_layers}
        if self.inputs.outside:
            count, _, ascans = scan.bscans.shape
            path = Path(self.inputs.outside)
            outside = read_outside_layers(path, (count, ascans), BOUNDARIES)
            sources[self.inputs.config.oct.layers] = outside
        return sources

    def _is_macula(self) -> bool:
        return bool(self.inputs.kind == OctScanKind.MACULA)

    def _measures(
        self, values: dict[str, dict[Key, SectorValue]], alignment: Alignment | None
    ) -> list[Measure]:
        source = self.inputs.config.oct.measured_layers
        place = f", aligned to {self.inputs.reference}" if alignment else ""
        note = self.inputs.note
        if self.inputs.baseline and alignment is None:
            note = "not aligned: the scans share no kind of picture"
        return [
            Measure(
                PARAMCD=paramcd,
                value=value.value,
                unit=endpoint(paramcd).unit,
                method=f"{source} layers, {endpoint(paramcd).method}{place}",
                method_version=METHOD_VERSION[UnitKind.EYE],
                visit=self.inputs.session,
                LOC=loc,
                LAT=self.inputs.eye,
                source=tuple(self.inputs.sources),
                reason=value.reason or note,
            )
            for (paramcd, loc), value in values[source].items()
        ]


class _DrawEyeInputSpec(_FindLayersInputSpec):
    rows = traits.Str(mandatory=True)
    confidence = traits.Str(mandatory=True)
    fovea_mm = traits.List(traits.Float(), mandatory=True)
    aligned = traits.Bool(mandatory=True)
    baseline = traits.Str(mandatory=True)
    staging = traits.Str(mandatory=True)
    stem = traits.Str(mandatory=True)
    unit = traits.Str(mandatory=True, desc="unit id")


class _DrawEyeOutputSpec(TraitedSpec):
    figures = traits.List(traits.Str(), desc="pictures, relative to the staging folder")


class DrawEye(SimpleInterface):
    """Draw a scan, its layers and its thickness."""

    input_spec, output_spec = _DrawEyeInputSpec, _DrawEyeOutputSpec

    def _compute(self, folder: Path) -> None:  # noqa: ARG002 - results go to staging
        fovea, stem = self.inputs.fovea_mm, self.inputs.stem
        before = Path(self.inputs.baseline) if self.inputs.aligned else None
        thickness = MeasuredThickness(
            load_arrays(thickness_file(Path(self.inputs.staging) / stem)),
            (fovea[0], fovea[1]) if fovea else None,
            load_arrays(thickness_file(before)) if before else {},
        )
        self._results["figures"] = draw_scan(
            _scan(self.inputs),
            _layers(self.inputs),
            thickness,
            staging=Path(self.inputs.staging),
            stem=stem,
            unit=self.inputs.unit,
        )


def _scan(inputs: _FindLayersInputSpec) -> OctScan:
    return read_eye_scan(
        Path(inputs.in_file),
        subject=inputs.subject,
        session=inputs.session,
        eye=Eye(inputs.eye),
        kind=OctScanKind(inputs.kind),
    )


def _layers(inputs: _MeasureEyeInputSpec | _DrawEyeInputSpec) -> LayerBoundaries:
    rows, confidence = load_arrays(Path(inputs.rows)), load_arrays(Path(inputs.confidence))
    return LayerBoundaries(
        {name: curve.astype(np.float64) for name, curve in rows.items()},
        {name: curve.astype(np.float64) for name, curve in confidence.items()},
    )
