"""SAS transport files, version 5, in parts: a head, rows after rows, and blanks at the end.

The format has neither a number of rows nor anything else behind its head but the rows, so that
parts of a dataset that are written with the same lengths of texts can be put one behind the other.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pyarrow as pa
import pyreadstat
from numpy.typing import NDArray

from smartms_img.tables.cdisc.dataset import Dataset, Rows

# Where the two headers of a file say when it was made and changed.
_DATES_AT = (144, 160, 464, 480)
_DATE = b"01JAN70:00:00:00"
_BLOCK = 80
_NUMBER = 8
_MISSING = np.uint64(0x2E << 56)
_LARGEST = np.uint64(2**63 - 1)


def xpt_head(dataset: Dataset) -> bytes:
    """Return what a file says before its rows.

    It says that it is of 1970: a true date would make equal tables unequal files.
    """
    cells = {
        item.name: "x" * dataset.lengths[item.name] if item.kind == "text" else 0.0
        for item in dataset.variables
    }
    with TemporaryDirectory(prefix="smartms-") as folder:
        path = Path(folder) / "rows.xpt"
        pyreadstat.write_xport(
            pd.DataFrame([cells]),
            str(path),
            file_label=dataset.form.label,
            column_labels=[item.label for item in dataset.variables],
            table_name=dataset.name,
            file_format_version=5,
        )
        written = bytearray(path.read_bytes())
    for place in _DATES_AT:
        written[place : place + len(_DATE)] = _DATE
    row = row_bytes(dataset)
    return bytes(written[: len(written) - row - padding(row)])


def xpt_rows(rows: Rows, dataset: Dataset) -> bytes:
    """Return rows; missing text is blank, missing numbers are SAS's missing value.

    pyreadstat writes the same bytes value by value, which took two fifths of the time of all
    tables.
    """
    fields = [
        (item.name, f"S{dataset.lengths[item.name]}" if item.kind == "text" else ">u8")
        for item in dataset.variables
    ]
    written = np.empty(len(rows["STUDYID"]), np.dtype(fields))
    for item in dataset.variables:
        column = rows[item.name]
        if item.kind == "text":
            width = dataset.lengths[item.name]
            texts = [text.encode().ljust(width) for text in column.dictionary.to_pylist()]
            written[item.name] = np.array(texts, f"S{width}")[column.indices.to_numpy()]
        else:
            numbers = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
            written[item.name] = ibm_floats(numbers)
    return written.tobytes()


def ibm_floats(values: NDArray[np.float64]) -> NDArray[np.uint64]:
    """Return the bits of numbers as IBM's mainframes hold them; NaN is SAS's missing value.

    A number is a fraction between 1/16 and 1, of 56 bits, times a power of 16. Its 53 bits of
    IEEE fit, so that no digit is lost (SAS technical support, TS-140). Beyond 16 to the power of
    63 is the largest number, and below 16 to the power of -65 nothing.

    >>> [f"{bits:016x}" for bits in ibm_floats(np.array([1.0, -118.625, 0.0, np.nan]))]
    ['4110000000000000', 'c276a00000000000', '0000000000000000', '2e00000000000000']
    """
    present = np.nan_to_num(values)
    fraction, power = np.frexp(np.abs(present))
    sixteens = -(-power // 4)
    bits = np.ldexp(fraction, 53).astype(np.uint64) << (3 - (4 * sixteens - power)).astype(
        np.uint64
    )
    sign = np.signbit(present).astype(np.uint64) << np.uint64(63)
    whole = bits | (sixteens + 64).astype(np.uint64) << np.uint64(56) | sign
    conditions = [np.isnan(values), (present == 0) | (sixteens < -64), sixteens > 63]
    return np.select(conditions, [_MISSING, np.uint64(0), _LARGEST | sign], whole)


def padding(size: int) -> int:
    """Return how many blanks follow so many bytes of rows.

    >>> padding(100), padding(160)
    (60, 0)
    """
    return -size % _BLOCK


def row_bytes(dataset: Dataset) -> int:
    """Return the bytes of one row."""
    return sum(
        dataset.lengths[item.name] if item.kind == "text" else _NUMBER
        for item in dataset.variables
    )
