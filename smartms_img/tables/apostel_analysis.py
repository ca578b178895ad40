"""APOSTEL 2.0, the last three points: analysis, nomenclature, statistics."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from smartms_img.catalogue import (
    BOTH_EYES,
    CATALOGUE,
    LATERALITIES,
    MACULA_SECTORS,
    RING_SECTORS,
    Endpoint,
    planned_places,
)
from smartms_img.config import OctConfig, StudyConfig
from smartms_img.naming import OctScanKind, UnitKind
from smartms_img.oct import ring
from smartms_img.oct.both_eyes import THRESHOLD_SETS
from smartms_img.oct.boundaries import BOUNDARIES, LAYERS
from smartms_img.tables.apostel_scans import (
    INVESTIGATORS,
    NOT_STATED,
    Block,
    ScanRecord,
    by_kind,
    spread,
    tally,
)

_SECTORS = {OctScanKind.RING: RING_SECTORS, OctScanKind.MACULA: MACULA_SECTORS}
_NAMES_OF_BOUNDARIES = {
    "ILM": "inner limiting membrane",
    "RNFL_GCL": "retinal nerve fiber layer to ganglion cell layer",
    "IPL_INL": "inner plexiform to inner nuclear layer",
    "INL_OPL": "inner nuclear to outer plexiform layer",
    "OPL_ONL": "outer plexiform to outer nuclear layer",
    "ELM": "external limiting membrane",
    "EZ": "ellipsoid zone",
    "RPE": "retinal pigment epithelium",
    "BM": "Bruch's membrane",
}


def data_analysis(scans: Sequence[ScanRecord], config: StudyConfig) -> Block:
    """Return point 7: segmentation, layers, sectors, and where follow-ups were measured."""
    follow_ups = [scan for scan in scans if scan.visit != config.baseline]
    return {
        "segmentation": _segmentation(scans, config.oct),
        "layers": {layer: " to ".join(limits) for layer, limits in LAYERS.items()},
        "endpoints": {
            kind.value: [item.paramcd for item in _planned(config.oct, kind, UnitKind.EYE)]
            for kind in config.oct.scans
        },
        "orientation": "both eyes in OD orientation: nasal and temporal are anatomical",
        "sectors": _sectors(config.oct),
        "least_measured_share_of_a_sector": config.oct.min_sector_coverage,
        "follow_ups": [_follow_ups(kind, group) for kind, group in by_kind(follow_ups).items()],
        "largest_accepted_shift_of_a_follow_up_um": config.oct.max_alignment_shift_um,
    }


def nomenclature(config: StudyConfig) -> Block:
    """Return point 8: names of endpoints, places, eyes and boundaries, from the catalogue."""
    oct_config = config.oct
    items = [item for kind in oct_config.scans for item in _planned(oct_config, kind)]
    return {
        "endpoints": {item.paramcd: item.param for item in items},
        "locations": {kind.value: _SECTORS[kind] for kind in oct_config.scans},
        "lateralities": {code: text for code, text in LATERALITIES.items() if code},
        "boundaries": {name: _NAMES_OF_BOUNDARIES[name] for name in BOUNDARIES},
    }


def statistical_analysis(config: StudyConfig) -> Block:
    """Return point 9: what smartms computes from the values, and what it leaves to statistics."""
    to_state = (
        "models_and_tests",
        "correlation_of_the_eyes_of_a_person",
        "covariates",
        "missing_values",
        "multiple_comparisons",
        "sample_size",
    )
    return {
        "done_by_smartms": "change of each value from the baseline (CHG) and in per cent of it "
        "(PCHG); no test, no model, no imputation",
        "baseline": config.baseline,
        "both_eyes": _both_eyes(config.oct),
        "inter_eye_differences": _inter_eye(config.oct),
    } | dict.fromkeys(to_state, INVESTIGATORS)


def _segmentation(scans: Sequence[ScanRecord], config: OctConfig) -> Block:
    source = config.measured_layers
    by_smartms = source == "smartms"
    methods = {
        "smartms": "automatic, every boundary on every B-scan",
        "device": "layers in the files of the device, by the software of point 2",
    }
    return {
        "layers_of": source,
        "method": methods.get(source, INVESTIGATORS),
        "smartms_version": tally(scan.smartms_version or NOT_STATED for scan in scans),
        "method_version": tally(
            version for scan in scans for version in scan.method_versions or (NOT_STATED,)
        ),
        "manual_correction": "none" if by_smartms else NOT_STATED,
        "scans_with_layers_of_the_device": sum(map(_has_device_layers, scans)),
    }


def _has_device_layers(scan: ScanRecord) -> bool:
    of_device = scan.description.get("mean_thickness_um", {}).get("device", {})
    return any(thickness is not None for thickness in of_device.values())


def _sectors(config: OctConfig) -> Block:
    described = {
        OctScanKind.RING: {
            "angles_deg_from_temporal_over_superior": {
                name: [first, first + width] for name, (first, width) in ring.RING_SECTORS.items()
            }
        },
        OctScanKind.MACULA: {
            "grid": "ETDRS, diameters 1, 3 and 6 mm, centred on the fovea found in the scan"
        },
    }
    return {kind.value: described[kind] for kind in config.scans}


def _follow_ups(kind: OctScanKind, scans: Sequence[ScanRecord]) -> Block:
    alignments = [scan.description.get("alignment") or {} for scan in scans]
    shifts = [alignment.get("shift_um") for alignment in alignments]
    rotations = [alignment.get("rotation_deg") for alignment in alignments]
    return {
        "scan": kind.value,
        "scans": len(scans),
        "aligned_with_the_baseline_by": tally(_aligned_by(scan) for scan in scans),
        "shift_um": spread(shifts, "not known"),
        "rotation_deg": spread(rotations, "not known"),
    }


def _aligned_by(scan: ScanRecord) -> str:
    if not scan.description:
        return NOT_STATED
    alignment = scan.description.get("alignment") or {"method": "not aligned"}
    return str(alignment["method"])


def _planned(
    config: OctConfig, scan: OctScanKind, kind: UnitKind | None = None
) -> Iterator[Endpoint]:
    """Yield the endpoints of a scan that the study plans; those of one kind of unit, if named."""
    for item in CATALOGUE.values():
        wanted = item.scan is scan and kind in {None, item.kind}
        if wanted and any(planned_places(item, config)):
            yield item


def _both_eyes(config: OctConfig) -> Block:
    items = [item for scan in config.scans for item in _planned(config, scan)]
    means = [
        f"{item.paramcd} {loc}".strip()
        for item in items
        for loc, lat in planned_places(item, config)
        if lat == BOTH_EYES
    ]
    if not means:
        return {"values": "each eye has rows of its own", "means_of_both_eyes": "not planned"}
    left_out = "left out, the other eye stands for the person"
    return {
        "values": "each eye has rows of its own",
        "means_of_both_eyes": means,
        "eyes_with_optic_neuritis_in_means": left_out
        if config.exclude_optic_neuritis
        else "not left out",
    }


def _inter_eye(config: OctConfig) -> Block | str:
    items = [item for scan in config.scans for item in _planned(config, scan) if item.derived_from]
    if not items:
        return "not planned"
    rule = THRESHOLD_SETS[config.inter_eye_thresholds]
    return {
        "endpoints": {item.paramcd: item.derived_from for item in items},
        "threshold_set": rule.name,
        "flagged_from_um": {"RNFL": rule.rnfl_um, "GCIPL": rule.gcipl_um},
    }
