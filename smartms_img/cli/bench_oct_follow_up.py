"""How well a known motion and a known loss of thickness are found again."""

from __future__ import annotations

import numpy as np

from smartms_img.io.oct_model import ScanPattern
from smartms_img.oct.follow import align, landmarks, measuring_place
from smartms_img.oct.measure import MaculaPlace
from smartms_img.oct.scan import locate_macula, measure_scan, segment_scan
from smartms_img.phantoms.lesion_scores import Figure
from smartms_img.phantoms.oct import OctPhantom, phantom_scan

COVERAGE = 0.9


def follow_up_figures(name: str, first: OctPhantom, second: OctPhantom) -> list[Figure]:
    """Measure two phantoms of one eye as visits, and compare with what is known.

    Returns
    -------
    list of Figure
        Error of the rotation (degrees); of a volume, how far the fovea is missed (um); the
        change of thickness that was found (um): RNFL of the ring, GCIPL in the 6 mm disc.
    """
    scans = [phantom_scan(phantom) for phantom in (first, second)]
    rows = [segment_scan(scan).rows for scan in scans]
    volume = first.pattern is ScanPattern.VOLUME
    places: list[MaculaPlace | None] = [None, None]
    if volume:
        places = [locate_macula(s, r) for s, r in zip(scans, rows, strict=True)]
    marks = [landmarks(s, r, p) for s, r, p in zip(scans, rows, places, strict=True)]
    alignment = align(marks[0], marks[1], first.laterality)
    if alignment is None:
        raise ValueError("the phantoms show different eyes")
    turned = second.rotation_deg - first.rotation_deg
    found = {"rotation error, degrees": alignment.rotation_deg - turned}
    if places[1] and alignment.onto_baseline is not None:
        fovea = alignment.onto_baseline @ (*second.fovea_mm, 1.0)
        found["fovea missed, um"] = 1000 * float(np.hypot(*(fovea - first.fovea_mm)))
        places[1] = measuring_place(places[1], alignment, marks[0])
    key = ("GCIPL", "M6") if volume else ("RNFL", "G")
    values = [
        measure_scan(s, r, min_coverage=COVERAGE, rotation_deg=turn, place=p)[key].value
        for s, r, turn, p in zip(scans, rows, (0.0, alignment.rotation_deg), places, strict=True)
    ]
    before, after = (np.nan if value is None else value for value in values)
    found[f"{key[0]} change, um"] = float(after - before)
    return [Figure("follow-up", name, statistic, value, 1) for statistic, value in found.items()]
