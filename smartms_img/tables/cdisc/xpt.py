"""SAS transport files, version 5."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyreadstat

from smartms_img.io.atomic import atomic_path
from smartms_img.tables.cdisc.dataset import Dataset

# Where the two headers of a file say when it was made and changed.
_DATES_AT = (144, 160, 464, 480)
_DATE = b"01JAN70:00:00:00"


def write_xpt(folder: Path, dataset: Dataset) -> None:
    """Write ``<name>.xpt``; missing text is blank, missing numbers are SAS's missing value.

    The file says of itself that it is of 1970: a true date would make equal tables unequal files.
    """
    numbers = [item.name for item in dataset.variables if item.kind != "text"]
    frame = dataset.frame.astype(dict.fromkeys(numbers, "float64"))
    texts = [item.name for item in dataset.variables if item.kind == "text"]
    frame = frame.astype(dict.fromkeys(texts, "object"))
    with atomic_path(folder / f"{dataset.name.lower()}.xpt") as temporary:
        _write(frame, temporary, dataset)
        with temporary.open("r+b") as file:
            for place in _DATES_AT:
                file.seek(place)
                file.write(_DATE)


def _write(frame: pd.DataFrame, path: Path, dataset: Dataset) -> None:
    pyreadstat.write_xport(
        frame,
        str(path),
        file_label=dataset.label,
        column_labels=[item.label for item in dataset.variables],
        table_name=dataset.name,
        file_format_version=5,
    )
