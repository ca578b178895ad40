"""APOSTEL 2.0, the first five points: study, device, settings, scanning, fundus pictures."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from smartms_img.config import StudyConfig
from smartms_img.io.oct_model import ScanPattern
from smartms_img.naming import OctScanKind
from smartms_img.tables.apostel_scans import (
    INVESTIGATORS,
    NOT_STATED,
    Block,
    ScanRecord,
    by_kind,
    spread,
    tally,
)

_TARGET = {
    OctScanKind.RING: "circle round the optic disc",
    OctScanKind.MACULA: "volume about the fovea",
}
_SIZES = ("bscans", "ascans", "rows")
_ROOM_AND_STAFF = (
    "sites",
    "operators_and_training",
    "pupil_dilation",
    "room_light_and_temperature",
)


def study_protocol(scans: Sequence[ScanRecord], config: StudyConfig) -> Block:
    """Return point 1: what was planned, and how many people and eyes were measured."""
    to_state = (
        "design_and_registration",
        "inclusion_and_exclusion_criteria",
        "ethics_approval_and_consent",
        "ophthalmological_examination_and_refraction",
    )
    return {
        "study": config.study_id,
        "baseline": config.baseline,
        "visits": [
            {"label": visit.label, "name": visit.name, "window_days": list(visit.window_days)}
            for visit in config.visits
        ],
        "eyes_planned": [eye.value for eye in config.oct.eyes],
        "scans_planned": [kind.value for kind in config.oct.scans],
        "subjects_measured": len({scan.subject for scan in scans}),
        "eyes_measured": len({(scan.subject, scan.eye) for scan in scans}),
        "scans_measured": {
            visit.label: tally(scan.kind for scan in scans if scan.visit == visit.label)
            for visit in config.visits
        },
        "blinding": f"smartms reads no treatment arm; otherwise {INVESTIGATORS}",
    } | dict.fromkeys(to_state, INVESTIGATORS)


def acquisition_device(scans: Sequence[ScanRecord]) -> Block:
    """Return point 2: devices with their software, and whether they changed between visits."""
    devices = Counter((scan.text("device"), scan.text("software")) for scan in scans)
    series: defaultdict[tuple[str, str, str], list[ScanRecord]] = defaultdict(list)
    for scan in scans:
        series[scan.subject, scan.eye, scan.kind].append(scan)
    repeated = [group for group in series.values() if len(group) > 1]
    return {
        "devices": [
            {"device": device, "software": software, "scans": count}
            for (device, software), count in sorted(devices.items())
        ],
        "software_is": "version of the file format or of the software, as the file states it",
        "series_are": "one pattern of one eye at several visits",
        "series": len(repeated),
        "series_with_several_devices": _varied(repeated, "device"),
        "series_with_several_software_versions": _varied(repeated, "software"),
        "serial_numbers": "not read",
        "technique_and_light_source": INVESTIGATORS,
    }


def acquisition_settings(scans: Sequence[ScanRecord]) -> Block:
    """Return point 3: quality of the signal; room and staff are in no file."""
    quality = {
        kind.value: spread(scan.number("quality_db") for scan in group)
        for kind, group in by_kind(scans).items()
    }
    return {"signal_quality_db": quality} | dict.fromkeys(_ROOM_AND_STAFF, INVESTIGATORS)


def scanning_protocol(scans: Sequence[ScanRecord]) -> Block:
    """Return point 4: each pattern that occurs, with its size, spacing and averaging.

    Patterns are told apart by their counts: spacing in um depends on the eye.
    """
    patterns = [
        _pattern(kind, same)
        for kind, group in by_kind(scans).items()
        for same in _of_one_size(group)
    ]
    unknown = ("enhanced_depth_imaging", "follow_up_mode_of_the_device", "scan_angle", "focus")
    return {
        "patterns": patterns,
        "width_and_height_are": "from the centre of the first to that of the last A-scan or "
        "B-scan",
        "frames_averaged_are": "frames averaged into a B-scan",
    } | dict.fromkeys(unknown, NOT_STATED)


def funduscopic_imaging(scans: Sequence[ScanRecord]) -> Block:
    """Return point 5: pictures of the fundus that lie in the files of the scans."""
    described = [scan for scan in scans if "fundus" in scan.description]
    pictures = [scan.description["fundus"] for scan in described if scan.description["fundus"]]
    sizes = ("rows", "row_mm"), ("columns", "column_mm")
    height, width = (
        spread(picture[count] * picture[step] for picture in pictures) for count, step in sizes
    )
    with_positions = sum(bool(scan.description["positions_known"]) for scan in described)
    return {
        "scans_with_a_fundus_picture": len(pictures),
        "scans_without": len(described) - len(pictures),
        "scans_of_which_it_is_not_known": len(scans) - len(described),
        "scans_with_known_position_of_the_b_scans": with_positions,
        "picture_height_mm": height,
        "picture_width_mm": width,
        "modality_and_wavelength": NOT_STATED,
        "other_fundus_imaging": INVESTIGATORS,
    }


def _varied(series: Sequence[Sequence[ScanRecord]], name: str) -> int:
    """Count series whose scans do not all have the same text."""
    return sum(len({scan.text(name) for scan in group}) > 1 for group in series)


def _of_one_size(scans: Sequence[ScanRecord]) -> list[list[ScanRecord]]:
    groups: defaultdict[tuple[str, tuple[float, ...]], list[ScanRecord]] = defaultdict(list)
    for scan in scans:
        sizes = tuple(scan.number(name) or 0.0 for name in _SIZES)
        groups[scan.text("pattern"), sizes].append(scan)
    return [groups[key] for key in sorted(groups)]


def _pattern(kind: OctScanKind, scans: Sequence[ScanRecord]) -> Block:
    first = scans[0]
    block: Block = {
        "scan": kind.value,
        "target": _TARGET[kind],
        "scans": len(scans),
        "pattern": first.text("pattern"),
    }
    block |= {name: first.description.get(name, NOT_STATED) for name in _SIZES}
    block |= {name: _spread(scans, name) for name in ("axial_um", "ascan_um")}
    if first.text("pattern") == ScanPattern.RING:
        block["ring_diameter_mm"] = _spread(scans, "ring_diameter_mm")
    if first.text("pattern") == ScanPattern.VOLUME:
        block["bscan_um"] = _spread(scans, "bscan_um")
        block["width_mm"] = spread(_length_mm(scan, "ascans", "ascan_um") for scan in scans)
        block["height_mm"] = spread(_length_mm(scan, "bscans", "bscan_um") for scan in scans)
    return block | {"frames_averaged": _spread(scans, "frames_averaged")}


def _spread(scans: Sequence[ScanRecord], name: str) -> dict[str, float] | str:
    return spread(scan.number(name) for scan in scans)


def _length_mm(scan: ScanRecord, count: str, step_um: str) -> float | None:
    number, step = scan.number(count), scan.number(step_um)
    return None if number is None or step is None else (number - 1) * step / 1000
