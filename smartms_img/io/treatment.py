"""Columns that may tell the treatment: they are never read, and should not be there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from smartms_img.io.findings import Finding

_OF_TREATMENT = re.compile(
    r"(^|[^a-z])((act)?arm(s|cd)?|trt.*|treat.*|rando?m.*|alloc.*|placebo|verum|sequence|period|"
    r"group|(un)?blind.*|dose|drug|therapy|intervention|medication|imp|kit)($|[^a-z])"
)
_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def treatment_findings(
    rows: Sequence[Mapping[str, str]], file: str, subject: str = ""
) -> list[Finding]:
    """Return a warning for each column of a table whose name is one of a treatment.

    Parameters
    ----------
    rows : sequence of mapping
        The table; only the names of its columns are looked at.
    file, subject : str
        Whose it is.
    """
    remedy = "Take it out, if it does: whoever sees this dataset must be blinded"
    return [
        Finding(
            "warning",
            f"column '{column}' may tell the treatment; it is not read",
            remedy,
            subject,
            file=file,
        )
        for column in _of_treatment(rows[0] if rows else ())
    ]


def _of_treatment(columns: Iterable[str]) -> list[str]:
    """Return the columns whose name is one of a treatment.

    >>> _of_treatment(["participant_id", "arm", "trtseqp", "planned_arm", "harm", "age_group"])
    ['arm', 'trtseqp', 'planned_arm', 'age_group']
    """
    # 'ActualTreatment' is two words, as 'actual_treatment' is.
    words = {name: _WORD_START.sub(" ", name).lower().replace("_", " ") for name in columns}
    return [name for name, text in words.items() if _OF_TREATMENT.search(text)]
