"""Closed vocabularies and file names: the one place that spells them."""

from __future__ import annotations

from enum import StrEnum


class Contrast(StrEnum):
    """MRI contrasts, spelt as their BIDS suffix."""

    T1W = "T1w"
    FLAIR = "FLAIR"
    T2W = "T2w"


class Eye(StrEnum):
    """Laterality of an eye: right (OD) or left (OS)."""

    OD = "OD"
    OS = "OS"


class OctScanKind(StrEnum):
    """What an OCT scan is for, spelt as its ``acq-`` entity."""

    RING = "ring"
    MACULA = "macula"


class UnitKind(StrEnum):
    """Kinds of unit: the smallest piece of work that runs, fails and resumes on its own."""

    SESSION = "session"
    PAIR = "pair"
    EYE = "eye"
    SUBJECT = "subject"


class QcStatus(StrEnum):
    """What is known about the quality of a value."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    PENDING = "pending"
    NOTRUN = "notrun"


def session_unit(subject: str, session: str) -> str:
    """Return the unit id of the MRI of one visit.

    >>> session_unit("01", "M00")
    'sub-01_ses-M00_mri'
    """
    return f"sub-{subject}_ses-{session}_mri"


def pair_unit(subject: str, reference: str, session: str) -> str:
    """Return the unit id of the MRI change from ``reference`` to ``session``.

    >>> pair_unit("01", "M00", "M06")
    'sub-01_ses-M06_ref-M00_pair'
    """
    return f"sub-{subject}_ses-{session}_ref-{reference}_pair"


def eye_unit(subject: str, session: str, eye: Eye, kind: OctScanKind) -> str:
    """Return the unit id of one OCT scan of one eye.

    >>> eye_unit("01", "M00", Eye.OD, OctScanKind.RING)
    'sub-01_ses-M00_eye-OD_acq-ring'
    """
    return f"sub-{subject}_ses-{session}_eye-{eye}_acq-{kind}"


def subject_unit(subject: str) -> str:
    """Return the unit id of what needs all visits or both eyes of one subject.

    >>> subject_unit("01")
    'sub-01_subject'
    """
    return f"sub-{subject}_subject"
