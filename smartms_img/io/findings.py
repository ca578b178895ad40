"""What is wrong with, or missing from, a dataset: one record a finding."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal, get_args

from smartms_img.errors import InputError

Level = Literal["wrong", "warning", "missing"]
LEVELS: tuple[Level, ...] = get_args(Level)


@dataclass(frozen=True)
class Finding:
    """One thing that a user should know about the dataset.

    Attributes
    ----------
    level : {'wrong', 'warning', 'missing'}
        ``missing``: something planned or recommended is absent. ``wrong``: what is there is
        unknown, contradictory, or cannot be used. ``warning``: it can be used, and should not be
        there.
    problem, remedy : str
        As in :class:`smartms_img.errors.InputError`.
    subject, session : str
        Labels without ``sub-`` and ``ses-``; empty where the finding concerns the dataset.
    item, file : str
        Contrast or eye, and the file relative to the dataset; empty where unknown.
    """

    level: Level
    problem: str
    remedy: str
    subject: str = ""
    session: str = ""
    item: str = ""
    file: str = ""

    def __str__(self) -> str:
        """One line, worded like an :class:`InputError`.

        >>> str(Finding("missing", "no FLAIR", "Add it", "01", "M06"))
        'sub-01 ses-M06: no FLAIR. Add it.'
        """
        return str(self.error())

    def error(self) -> InputError:
        """Return the finding as an exception."""
        subject = f"sub-{self.subject}" if self.subject else ""
        session = f"ses-{self.session}" if self.session else ""
        return InputError(self.problem, self.remedy, subject, session, self.item, self.file)

    def as_dict(self) -> dict[str, str]:
        """Return the fields as plain JSON content."""
        return asdict(self)
