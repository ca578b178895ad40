"""``apostel.json``: how OCT was done in a study, by the nine points of APOSTEL 2.0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from smartms_img.config import StudyConfig
from smartms_img.io.atomic import write_json
from smartms_img.io.decisions import Decision
from smartms_img.io.results import UnitResult
from smartms_img.tables.apostel_acquisition import (
    acquisition_device,
    acquisition_settings,
    funduscopic_imaging,
    scanning_protocol,
    study_protocol,
)
from smartms_img.tables.apostel_analysis import data_analysis, nomenclature, statistical_analysis
from smartms_img.tables.apostel_scans import NO_OCT, Block, ScanRecord, gather_scans
from smartms_img.tables.apostel_selection import data_selection

APOSTEL_FILE = "apostel.json"


def write_apostel(
    out: Path,
    results: Mapping[str, UnitResult],
    config: StudyConfig,
    decisions: Sequence[Decision],
    target: Path,
) -> None:
    """Write ``apostel.json`` into the folder ``target``; the same arguments give the same bytes.

    Raises
    ------
    InputError
        If the layers document of a scan cannot be read.
    """
    scans = gather_scans(out, results, decisions)
    write_json(target / APOSTEL_FILE, apostel_report(scans, config))


def apostel_report(scans: Sequence[ScanRecord], config: StudyConfig) -> Block:
    """Return the report: nine blocks, without a label of a subject, a date or a file name.

    Points 1 and 6 tell planned scans from measured ones, the others speak of measured ones. What
    smartms cannot know is a sentence in place of a value.

    Parameters
    ----------
    scans : sequence of ScanRecord
        Every scan of the plan, in any order.
    config : StudyConfig
        Study and method.

    References
    ----------
    Aytulun et al. 2021, doi:10.1212/WNL.0000000000012125.
    """
    measured = [scan for scan in scans if scan.standing == "done"]
    report: Block = {
        "Description": "How OCT was done, over all scans that were measured",
        "Guideline": "APOSTEL 2.0, Aytulun et al. 2021, doi:10.1212/WNL.0000000000012125",
        "study_protocol": study_protocol(measured, config),
        "acquisition_device": acquisition_device(measured),
        "acquisition_settings": acquisition_settings(measured),
        "scanning_protocol": scanning_protocol(measured),
        "funduscopic_imaging": funduscopic_imaging(measured),
        "post_acquisition_data_selection": data_selection(scans),
        "post_acquisition_data_analysis": data_analysis(measured, config),
        "nomenclature_and_abbreviations": nomenclature(config),
        "statistical_analysis": statistical_analysis(config),
    }
    if measured:
        return report
    kept = {"Description", "Guideline", "study_protocol", "post_acquisition_data_selection"}
    return {name: block if name in kept else NO_OCT for name, block in report.items()}
