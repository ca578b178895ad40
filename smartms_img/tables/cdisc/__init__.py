"""The endpoint table in CDISC's forms: ADaM and SDTM datasets with their define.xml."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from smartms_img.config import StudyConfig
from smartms_img.tables.cdisc.adam import adam_datasets
from smartms_img.tables.cdisc.dataset_json import write_dataset_json
from smartms_img.tables.cdisc.define import DEFINE_FILE, write_define
from smartms_img.tables.cdisc.guide import write_guide
from smartms_img.tables.cdisc.sdtm import sdtm_datasets
from smartms_img.tables.cdisc.xpt import write_xpt


def write_exports(folder: Path, table: pd.DataFrame, config: StudyConfig) -> None:
    """Write the exports of an endpoint table.

    Writes ``adimg``, ``adoct``, ``nv`` and ``oe``, each as ``.xpt``, ``.json`` and ``.ndjson``,
    and ``define.xml`` and ``reviewers_guide.md``. They hold no date of their own, so that the same
    table gives the same bytes.

    Parameters
    ----------
    folder : Path
        Folder of the tables.
    table : DataFrame
        A valid endpoint table.
    config : StudyConfig
        Study and method.
    """
    datasets = [*adam_datasets(table), *sdtm_datasets(table)]
    for dataset in datasets:
        write_xpt(folder, dataset)
        write_dataset_json(folder, dataset, config.study_id)
    write_define(folder / DEFINE_FILE, datasets, config.study_id)
    write_guide(folder, datasets, config)
