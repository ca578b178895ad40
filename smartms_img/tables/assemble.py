"""The endpoint table from the evidence of subjects."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pandas as pd

from smartms_img.config import StudyConfig
from smartms_img.tables.columns import COLUMNS, DTYPES
from smartms_img.tables.evidence import SubjectEvidence
from smartms_img.tables.rows import Cells, subject_cells
from smartms_img.tables.value_plan import ValuePlan


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
    plan = ValuePlan(config)
    with no_collector():
        cells = [row for subject in subjects for row in subject_cells(subject, plan)]
        found = _typed(pd.DataFrame(cells, columns=list(Cells._fields)))
    planned = _typed(plan.columns()).take(np.tile(np.arange(len(plan.keys)), len(subjects)))
    whole = pd.concat([planned.reset_index(drop=True), found], axis="columns")
    return whole[[column.name for column in COLUMNS]]


@contextmanager
def no_collector() -> Iterator[None]:
    """Let Python not look for cycles among millions of values: there are none to be found."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    """Return columns with the types of the endpoint table."""
    return table.astype(
        {column.name: DTYPES[column.kind] for column in COLUMNS if column.name in table}
    )
