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
