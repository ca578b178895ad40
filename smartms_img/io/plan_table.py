"""``plan.tsv`` of an output directory: which units the study should have."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from smartms_img.errors import InputError
from smartms_img.io.layout import eye_stem, pair_stem, session_stem, subject_stem
from smartms_img.io.tsv import is_missing, read_tsv
from smartms_img.naming import Eye, OctScanKind, UnitKind

PLAN_FILE = "plan.tsv"
PlanStatus = Literal["runnable", "blocked", "excluded"]
_STATUSES: dict[str, PlanStatus] = {name: name for name in get_args(PlanStatus)}


@dataclass(frozen=True)
class PlanRow:
    """One unit of the plan, as a reader of the output directory sees it.

    Attributes
    ----------
    unit : str
        Unit id.
    kind : UnitKind
        Kind of unit.
    subject, session, reference : str
        Labels; empty where they do not apply.
    eye, scan : Eye or None, OctScanKind or None
        Of an OCT scan.
    status : {'runnable', 'blocked', 'excluded'}
        Whether the dataset allows it to run.
    reason : str
        Why it does not run.
    inputs : tuple of str
        Raw files, relative to the BIDS dataset.
    depends : tuple of str
        Ids of the units whose outputs it reads.
    day : int or None
        Days since baseline of the visit; None where unknown.
    """

    unit: str
    kind: UnitKind
    subject: str
    session: str = ""
    reference: str = ""
    eye: Eye | None = None
    scan: OctScanKind | None = None
    status: PlanStatus = "runnable"
    reason: str = ""
    inputs: tuple[str, ...] = ()
    depends: tuple[str, ...] = ()
    day: int | None = None

    @property
    def stem(self) -> str:
        """Stem of the unit's derivatives, relative to the output directory."""
        if self.kind is UnitKind.SESSION:
            return session_stem(self.subject, self.session)
        if self.kind is UnitKind.PAIR:
            return pair_stem(self.subject, self.reference, self.session)
        if self.eye is not None and self.scan is not None:
            return eye_stem(self.subject, self.session, self.eye, self.scan)
        return subject_stem(self.subject)


def read_plan(out: Path, unit: str = "") -> tuple[PlanRow, ...]:
    """Read the plan of an output directory, in file order; of one unit alone if it is named.

    Raises
    ------
    InputError
        If the directory has no plan, or the plan is damaged.
    """
    path = out / PLAN_FILE
    if not path.is_file():
        raise InputError(
            f"{out.name} has no {PLAN_FILE}", "Run 'smartms run' with this output directory first"
        )
    rows = []
    for number, cells in enumerate(read_tsv(path, key="unit", only=unit), start=2):
        try:
            rows.append(_row(cells))
        except (KeyError, ValueError) as error:
            problem, remedy = f"line {number} is damaged ({error})", "Run 'smartms run' again"
            raise InputError(problem, remedy, file=PLAN_FILE) from error
    return tuple(rows)


def _row(cells: dict[str, str]) -> PlanRow:
    text = {name: "" if is_missing(value) else value for name, value in cells.items()}
    day = text.get("day", "")
    return PlanRow(
        unit=text["unit"],
        kind=UnitKind(text["kind"]),
        subject=text["subject"],
        session=text["session"],
        reference=text["reference"],
        eye=Eye(text["eye"]) if text["eye"] else None,
        scan=OctScanKind(text["scan"]) if text["scan"] else None,
        status=_STATUSES[text["status"]],
        reason=text["reason"],
        inputs=_list(text["inputs"]),
        depends=_list(text["depends"]),
        day=int(day) if day else None,
    )


def _list(cell: str) -> tuple[str, ...]:
    return tuple(cell.split(";")) if cell else ()
