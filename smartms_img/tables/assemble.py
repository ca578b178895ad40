"""The endpoint table from the evidence of subjects."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pandas as pd

from smartms_img.catalogue import planned_keys
from smartms_img.config import StudyConfig
from smartms_img.tables.columns import COLUMNS, DTYPES
from smartms_img.tables.evidence import SubjectEvidence
from smartms_img.tables.rows import Row, subject_rows


def assemble(subjects: Sequence[SubjectEvidence], config: StudyConfig) -> pd.DataFrame:
    """Return the endpoint table: every planned row of every subject, measured or not.

    Parameters
    ----------
    subjects : sequence of SubjectEvidence
        In the order of the rows.
    config : StudyConfig
        Study and method.

    Returns
    -------
    DataFrame
        Columns of :data:`smartms_img.tables.columns.COLUMNS` in their order; rows by subject,
        visit, endpoint, reference visit, location and laterality.

    Raises
    ------
    InputError
        If a unit measured something that is not planned.
    """
    keys = planned_keys(config)
    with _no_collector():
        rows = [row for subject in subjects for row in subject_rows(subject, config, keys)]
        return as_table(rows)


@contextmanager
def _no_collector() -> Iterator[None]:
    """Let Python not look for cycles among the rows: there are none, and it takes a third more."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def as_table(rows: Sequence[Row]) -> pd.DataFrame:
    """Return rows as a table with the types of its columns."""
    table = pd.DataFrame(rows, columns=[column.name for column in COLUMNS])
    return table.astype({column.name: DTYPES[column.kind] for column in COLUMNS})
