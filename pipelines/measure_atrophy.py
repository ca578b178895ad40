"""Measure the volume change between two T1w without a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipelines.measure_visits import BASE, FOLLOW, SUBJECT, measure_visits
from smartms_img.config import StudyConfig
from smartms_img.interfaces.oct_checks import values_by_name
from smartms_img.io.layout import measures_file, pair_stem, qc_file
from smartms_img.io.measures import read_measures, read_qc
from smartms_img.naming import Contrast


def measure_atrophy(
    base: Path, follow: Path, out: Path, config: StudyConfig, work: Path
) -> dict[str, Any]:
    """Measure the volume change from one T1w to another, whole-head or skull-stripped.

    Both scans go through the workflows of a study, as visits without FLAIR.

    Parameters
    ----------
    base, follow : Path
        T1w, NIfTI.
    out : Path
        Folder for the derivatives, made if absent.
    config : StudyConfig
        Method and thresholds.
    work : Path
        Scratch folder, empty.

    Returns
    -------
    dict
        JSON-able: per cent by PARAMCD, negative for loss from ``base`` to ``follow``, and ``qc``.

    Raises
    ------
    InputError
        If a scan cannot be read.
    UnitError
        If a scan cannot be measured.
    """
    measure_visits({Contrast.T1W: base}, {Contrast.T1W: follow}, out, config, work)
    stem = pair_stem(SUBJECT, BASE, FOLLOW)
    changes = {
        measure.PARAMCD: measure.value for measure in read_measures(out / measures_file(stem))
    }
    return {**changes, "qc": values_by_name(read_qc(out / qc_file(stem)))}
