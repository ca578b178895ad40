"""The automatic checks of an OCT scan: numbers of the picture against the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from smartms_img.config import OctConfig, OctQcConfig
from smartms_img.io.measures import QcMetric, check
from smartms_img.io.oct_model import OctScan, ScanPattern
from smartms_img.naming import QcStatus
from smartms_img.oct.boundaries import LayerBoundaries, thickness_um
from smartms_img.oct.columns import FloatArray
from smartms_img.oct.follow import Alignment
from smartms_img.oct.measure import MaculaPlace
from smartms_img.oct.quality import (
    MACULA_BOUNDARIES,
    RING_BOUNDARIES,
    clipped_ascans,
    disc_offset_um,
    fovea_offset_um,
    illumination,
    macula_laterality_ratio,
    mean_confidence,
    mirrored_ascans,
    missing_ascans,
    ring_laterality_ratio,
    ring_starts_temporal,
)
from smartms_img.oct.scan import scan_spacing

LEAST_RING_RATIO = 0.8
LEAST_MACULA_RATIO = 1.0
LEAST_SIMILARITY = 0.3
# A ring and its mirror image reach 0.54; the same eye again reaches 0.98.
LEAST_RING_SIMILARITY = 0.75
# The circle of 12 degrees is 3.5 mm wide in the usual eye.
LEAST_DIAMETER_MM, MOST_DIAMETER_MM = 3.0, 4.2
WHY = {
    "signal_db": "signal is weak",
    "frames": "too few frames were averaged",
    "missing_ascans": "the retina is not visible in part of the A-scans",
    "clipped_ascans": "the retina is cut by the edge of the picture",
    "mirrored_ascans": "the retina is mirrored (upside down)",
    "illumination": "part of the scan is dark",
    "confidence": "the layers were not found for certain",
    "centration_um": "the scan is off centre",
    "laterality": "the scan looks like the other eye",
    "ring_start": "the ring does not start temporal for the stated eye",
    "alignment_shift_um": "the follow-up lies at another place than the baseline",
    "ring_diameter_mm": "the ring is not the circle of 3.5 mm",
    "same_device": "the follow-up was made by another device than the baseline",
    "alignment_similarity": "the follow-up does not look like the baseline's eye",
}


def oct_checks(
    scan: OctScan,
    layers: LayerBoundaries,
    place: MaculaPlace | None,
    alignment: Alignment | None,
    config: tuple[OctConfig, OctQcConfig],
) -> list[QcMetric]:
    """Return every check of one scan; a failed one says in words what is wrong."""
    method, limits = config
    metrics = [
        _device("signal_db", scan.quality_db, limits.min_quality_db),
        _device("frames", scan.frames_averaged, limits.min_frames),
        *_picture(scan, layers, limits),
        *(_ring(scan, layers, limits) if scan.pattern is ScanPattern.RING else []),
        *(_macula(scan, layers, place, limits) if place else []),
        *(_aligned(scan, alignment, method) if alignment else []),
    ]
    return [_explained(metric) for metric in metrics]


def values_by_name(metrics: list[QcMetric]) -> Mapping[str, object]:
    """Return metrics as a JSON object by name."""
    return {
        metric.metric: {
            "value": metric.value,
            "threshold": metric.threshold,
            "status": metric.status.value,
            "reason": metric.reason,
        }
        for metric in metrics
    }


def _device(name: str, value: float | None, least: float) -> QcMetric:
    if value is None:
        reason = f"the file does not tell {name}"
        return QcMetric(name, None, f">= {least:g}", QcStatus.NOTRUN, reason)
    return check(name, float(value), at_least=least)


def _picture(scan: OctScan, layers: LayerBoundaries, limits: OctQcConfig) -> list[QcMetric]:
    bscans: FloatArray = scan.bscans
    names = RING_BOUNDARIES if scan.pattern is ScanPattern.RING else MACULA_BOUNDARIES
    clipped = clipped_ascans(bscans, layers, scan.axial_um)
    mirrored = mirrored_ascans(bscans, scan_spacing(scan))
    return [
        check("missing_ascans", missing_ascans(bscans, layers), at_most=limits.max_missing_ascans),
        check("clipped_ascans", clipped, at_most=limits.max_clipped_ascans),
        check("mirrored_ascans", mirrored, at_most=limits.max_missing_ascans),
        check("illumination", illumination(bscans, layers), at_least=limits.min_illumination),
        check("confidence", mean_confidence(layers, names), at_least=limits.min_confidence),
    ]


def _ring(scan: OctScan, layers: LayerBoundaries, limits: OctQcConfig) -> list[QcMetric]:
    metrics = []
    rnfl = thickness_um(layers.rows, "RNFL", scan.axial_um)
    if rnfl is not None:
        ratio = ring_laterality_ratio(rnfl[0])
        metrics.append(check("laterality", ratio, at_least=LEAST_RING_RATIO))
    if scan.ring_diameter_mm is not None:
        metrics.append(
            check(
                "ring_diameter_mm",
                scan.ring_diameter_mm,
                at_least=LEAST_DIAMETER_MM,
                at_most=MOST_DIAMETER_MM,
            )
        )
    offset = None
    if scan.positions_mm is None:
        reason = "the file does not tell where the ring starts: the eye is taken as stated"
        metrics.append(QcMetric("ring_start", None, ">= 1", QcStatus.NOTRUN, reason))
    else:
        starts = float(ring_starts_temporal(scan.positions_mm, scan.laterality))
        metrics.append(check("ring_start", starts, at_least=1))
        if scan.fundus is not None:
            x, y = scan.positions_mm[0, 2:]
            offset = disc_offset_um(scan.fundus.image, scan.fundus.spacing_mm, (x, y))
    metrics.append(_centration(offset, limits, "no optic disc seen on a fundus picture"))
    return metrics


def _macula(
    scan: OctScan, layers: LayerBoundaries, place: MaculaPlace | None, limits: OctQcConfig
) -> list[QcMetric]:
    if place is None or place.fovea_mm is None:
        return [
            QcMetric("fovea", 0.0, ">= 1", QcStatus.FAIL, "no fovea found in the scan"),
        ]
    metrics = [
        _centration(fovea_offset_um(place.grid, place.fovea_mm), limits, ""),
    ]
    rnfl = thickness_um(layers.rows, "RNFL", scan.axial_um)
    if rnfl is not None:
        ratio = macula_laterality_ratio(place.grid, rnfl, place.fovea_mm)
        metrics.append(check("laterality", ratio, at_least=LEAST_MACULA_RATIO))
    return metrics


def _centration(offset: float | None, limits: OctQcConfig, unknown: str) -> QcMetric:
    if offset is None:
        threshold = f"<= {limits.max_centration_um:g}"
        return QcMetric("centration_um", None, threshold, QcStatus.NOTRUN, unknown)
    return check("centration_um", offset, at_most=limits.max_centration_um)


def _aligned(scan: OctScan, alignment: Alignment, method: OctConfig) -> list[QcMetric]:
    limit = method.max_alignment_shift_um
    ring = scan.pattern is ScanPattern.RING
    least = LEAST_RING_SIMILARITY if ring else LEAST_SIMILARITY
    metrics = [
        check("alignment_similarity", alignment.similarity, at_least=least),
        check("same_device", float(alignment.same_device), at_least=1),
    ]
    if alignment.shift_um is None:
        reason = "no fundus picture at both visits"
        unknown = QcMetric("alignment_shift_um", None, f"<= {limit:g}", QcStatus.NOTRUN, reason)
        return [*metrics, unknown]
    return [*metrics, check("alignment_shift_um", alignment.shift_um, at_most=limit)]


def _explained(metric: QcMetric) -> QcMetric:
    if metric.status is not QcStatus.FAIL or metric.metric not in WHY:
        return metric
    return replace(metric, reason=f"{WHY[metric.metric]}: {metric.reason}")
