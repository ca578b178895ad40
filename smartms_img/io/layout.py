"""Where everything lies below the output directory."""

from __future__ import annotations

from pathlib import PurePosixPath

from smartms_img.naming import Eye, OctScanKind

TABLES_FOLDER = "tables"


def session_stem(subject: str, session: str) -> str:
    """Return the stem of the MRI derivatives of a visit, relative to the output directory.

    >>> session_stem("01", "M00")
    'sub-01/ses-M00/anat/sub-01_ses-M00'
    """
    return f"sub-{subject}/ses-{session}/anat/sub-{subject}_ses-{session}"


def pair_stem(subject: str, reference: str, session: str) -> str:
    """Return the stem of the change from ``reference`` to ``session``.

    >>> pair_stem("01", "M00", "M06")
    'sub-01/ses-M06/anat/sub-01_ses-M06_ref-M00'
    """
    return f"{session_stem(subject, session)}_ref-{reference}"


def eye_stem(subject: str, session: str, eye: Eye, kind: OctScanKind) -> str:
    """Return the stem of the derivatives of one OCT scan.

    >>> eye_stem("01", "M00", Eye.OD, OctScanKind.RING)
    'sub-01/ses-M00/oct/sub-01_ses-M00_eye-OD_acq-ring'
    """
    return f"sub-{subject}/ses-{session}/oct/sub-{subject}_ses-{session}_eye-{eye}_acq-{kind}"


def subject_stem(subject: str) -> str:
    """Return the stem of what belongs to a subject rather than to a visit.

    >>> subject_stem("01")
    'sub-01/sub-01'
    """
    return f"sub-{subject}/sub-{subject}"


def figure_stem(stem: str) -> str:
    """Return the stem of the figures that belong to a stem of derivatives.

    >>> figure_stem("sub-01/ses-M00/anat/sub-01_ses-M00")
    'sub-01/figures/sub-01_ses-M00'
    """
    path = PurePosixPath(stem)
    return f"{path.parts[0]}/figures/{path.name}"


def measures_file(stem: str) -> str:
    """Return the measures file of a stem."""
    return f"{stem}_desc-measures.json"


def lesions_file(stem: str) -> str:
    """Return the table of lesions of a stem."""
    return f"{stem}_desc-lesions_stats.tsv"


def qc_file(stem: str) -> str:
    """Return the QC metrics file of a stem."""
    return f"{stem}_desc-qc.json"


def layers_file(stem: str) -> str:
    """Return the layers document of a stem."""
    return f"{stem}_desc-layers.json"
