"""Exceptions that a user sees as one clear line, and the exit code each one means."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of every command (a contract with users' scripts)."""

    DONE = 0
    PIPELINE_FAILED = 1
    BAD_INPUT = 2
    SOME_UNITS_FAILED = 3


INTERRUPTED = 130
"""What a shell says of a program that Ctrl-C ended."""


class SmartmsError(Exception):
    """Base of all errors that smartms raises on purpose."""

    exit_code: ExitCode = ExitCode.PIPELINE_FAILED


@dataclass
class InputError(SmartmsError):
    """The user's input or configuration is wrong.

    Attributes
    ----------
    problem : str
        What is wrong, without a full stop.
    remedy : str
        What the user can do about it, as an imperative sentence without a full stop.
    subject, session, item, file : str
        Whom and what it concerns: participant label, session label, eye or series, and file
        (relative to the dataset, or the bare name). Empty where unknown.
    """

    problem: str
    remedy: str
    subject: str = ""
    session: str = ""
    item: str = ""
    file: str = ""

    exit_code = ExitCode.BAD_INPUT

    def __str__(self) -> str:
        """One line: whom it concerns, the file, the problem, the remedy."""
        whom = " ".join(part for part in (self.subject, self.session, self.item) if part)
        prefix = ": ".join(part for part in (whom, self.file) if part)
        line = f"{self.problem}. {self.remedy}."
        return f"{prefix}: {line}" if prefix else line


class ConfigurationError(InputError):
    """A configuration file is wrong."""


class MeasurementError(SmartmsError):
    """A measurement could not be made from valid input (no fovea found, registration failed)."""
