"""``participants.tsv``: who takes part, and whose eyes had optic neuritis."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from smartms_img.errors import InputError
from smartms_img.io.findings import Finding
from smartms_img.io.treatment import treatment_findings
from smartms_img.io.tsv import is_missing, read_tsv
from smartms_img.naming import Eye

FILE = "participants.tsv"
OPTIC_NEURITIS_COLUMN = "optic_neuritis"
_EYES = {
    "OD": frozenset({Eye.OD}),
    "OS": frozenset({Eye.OS}),
    "both": frozenset({Eye.OD, Eye.OS}),
    "none": frozenset[Eye](),
}


@dataclass(frozen=True)
class Participants:
    """The participants of a dataset.

    Attributes
    ----------
    labels : tuple of str
        Labels without ``sub-``, in file order.
    optic_neuritis : dict of str to frozenset of Eye or None
        Eyes with a history of optic neuritis, by label; absent where nothing is stated, None
        where what is stated is not clear.
    findings : tuple of Finding
        What the table lacks or has wrong.
    """

    labels: tuple[str, ...]
    optic_neuritis: dict[str, frozenset[Eye] | None]
    findings: tuple[Finding, ...]


def read_participants(bids: Path) -> Participants:
    """Read ``participants.tsv``.

    Only ``participant_id`` and, where it exists, ``optic_neuritis`` (OD, OS, both, none) are
    read: nothing else, in particular no treatment arm, enters the program.
    """
    path = bids / FILE
    if not path.is_file():
        remedy = "Add the table with column participant_id"
        return Participants(
            (), {}, (Finding("missing", "no participants table", remedy, file=FILE),)
        )
    try:
        rows = read_tsv(path, key="participant_id")
    except InputError as error:
        return Participants((), {}, (Finding("wrong", error.problem, error.remedy, file=FILE),))
    affected: dict[str, frozenset[Eye] | None] = {}
    labels: list[str] = []
    findings = treatment_findings(rows, FILE)
    for row in rows:
        label = row["participant_id"].removeprefix("sub-")
        if not (label.isascii() and label.isalnum()):
            problem = "a participant_id is not 'sub-' and letters and digits"
            findings.append(Finding("wrong", problem, "Correct it", file=FILE))
            continue
        if label in labels:
            findings.append(Finding("wrong", "is listed twice", "Keep one row", label, file=FILE))
            affected[label] = None
            continue
        labels.append(label)
        text = row.get(OPTIC_NEURITIS_COLUMN, "")
        if text in _EYES:
            affected[label] = _EYES[text]
        elif not is_missing(text):
            problem = f"unknown {OPTIC_NEURITIS_COLUMN} '{text}'"
            remedy = "Write OD, OS, both or none"
            findings.append(Finding("wrong", problem, remedy, label, file=FILE))
            affected[label] = None
    return Participants(tuple(labels), affected, tuple(findings))
