"""A unit: the smallest piece of work that runs, fails and resumes on its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from smartms_img.config import StudyConfig
from smartms_img.io.plan_table import PlanStatus
from smartms_img.naming import Eye, OctScanKind, UnitKind


@dataclass(frozen=True)
class Unit:
    """One row of the plan.

    Attributes
    ----------
    id : str
        Unit id, as spelt by :mod:`smartms_img.naming`.
    kind : UnitKind
        What is measured: one visit, a pair of visits, one OCT scan, or a whole subject.
    subject, session, reference : str
        Labels without ``sub-`` and ``ses-``. ``session`` is empty for a subject unit;
        ``reference`` is the earlier visit that the unit compares with, empty where there is none.
    eye, scan : Eye or None, OctScanKind or None
        Which scan of which eye; None for MRI and subject units.
    status : {'runnable', 'blocked', 'excluded'}
        Whether the dataset allows it to run.
    reason : str
        Why it does not run; for a runnable unit, what it has to do without (often empty).
    inputs : tuple of str
        Raw files, POSIX paths relative to the BIDS dataset, sorted.
    depends : tuple of str
        Ids of the units whose outputs it reads.
    """

    id: str
    kind: UnitKind
    subject: str
    session: str
    reference: str
    eye: Eye | None
    scan: OctScanKind | None
    status: PlanStatus
    reason: str
    inputs: tuple[str, ...]
    depends: tuple[str, ...]


@dataclass(frozen=True)
class UnitContext:
    """Where a unit reads and writes.

    Attributes
    ----------
    bids, out : Path
        Dataset, and output directory whose finished derivatives the unit may read.
    staging : Path
        Empty folder; whatever the workflow leaves here moves to the same place below ``out``.
    work : Path
        Scratch folder of this unit, removed when the unit succeeds.
    config : StudyConfig
        Study and method.
    """

    bids: Path
    out: Path
    staging: Path
    work: Path
    config: StudyConfig
