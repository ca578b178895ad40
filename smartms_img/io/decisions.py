"""A decision about the quality of what one unit measured."""

from __future__ import annotations

from dataclasses import dataclass

from smartms_img.naming import QcStatus


@dataclass(frozen=True)
class Decision:
    """Who decided what about the values of a unit.

    Attributes
    ----------
    unit : str
        Unit id.
    status : QcStatus
        Pass, fail, or pending where nobody and nothing could decide yet.
    reason : str
        Why, without a full stop.
    decided_by : str
        'automatic', or the id of a reader.
    paramcd : str
        The endpoint that it speaks for. Empty: every endpoint of the unit that has no decision of
        its own.
    """

    unit: str
    status: QcStatus
    reason: str
    decided_by: str
    paramcd: str = ""


@dataclass(frozen=True)
class ReaderFigure:
    """A number about the readers, as ``tables/qc.tsv`` has it: it decides nothing.

    Attributes
    ----------
    metric : str
        What was computed.
    value : float or None
        None where it cannot be.
    note : str
        Of whom, of what, with which confidence interval, from how many ratings.
    """

    metric: str
    value: float | None
    note: str
