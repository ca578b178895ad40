"""The endpoint table from the evidence of every subject."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from dask.base import compute
from dask.delayed import delayed

from smartms_img.catalogue import planned_keys
from smartms_img.config import StudyConfig
from smartms_img.tables.columns import COLUMNS
from smartms_img.tables.evidence import SubjectEvidence
from smartms_img.tables.rows import Row, subject_rows

DTYPES = {"text": "str", "integer": "Int64", "number": "float64"}


def assemble(
    subjects: Sequence[SubjectEvidence], config: StudyConfig, partitions: int | None = None
) -> pd.DataFrame:
    """Return the endpoint table: every planned row of every subject, measured or not.

    The result depends on the arguments alone, and not on ``partitions``.

    Parameters
    ----------
    subjects : sequence of SubjectEvidence
        In the order of the rows.
    config : StudyConfig
        Study and method.
    partitions : int, optional
        Number of Dask tasks that the subjects are dealt to; by default one a subject.

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
    # Not traversed: Dask would look for its own collections in every measure.
    parts = [delayed(part, traverse=False) for part in _split(subjects, partitions)]
    tasks = [delayed(_partition_rows)(part, config) for part in parts]
    computed: tuple[list[Row], ...] = compute(*tasks)  # type: ignore[no-untyped-call]
    return as_table([row for part in computed for row in part])


def as_table(rows: Sequence[Row]) -> pd.DataFrame:
    """Return rows as a table with the types of its columns."""
    names = [column.name for column in COLUMNS]
    table = pd.DataFrame([vars(row) for row in rows], columns=names)
    return table.astype({column.name: DTYPES[column.kind] for column in COLUMNS})


def _partition_rows(subjects: Sequence[SubjectEvidence], config: StudyConfig) -> list[Row]:
    keys = planned_keys(config)
    return [row for subject in subjects for row in subject_rows(subject, config, keys)]


def _split(
    subjects: Sequence[SubjectEvidence], partitions: int | None
) -> list[Sequence[SubjectEvidence]]:
    """Return runs of neighbouring subjects, at most ``partitions`` of them."""
    count = len(subjects) if partitions is None else partitions
    size = -(-len(subjects) // count) if count else 1
    return [subjects[start : start + size] for start in range(0, len(subjects), size)]
