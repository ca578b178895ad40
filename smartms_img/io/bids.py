"""Strict index of a BIDS dataset: one row a file, and a finding for whatever is not clear.

Only MRI (``anat/``: T1w, FLAIR, T2w) and retinal OCT (``oct/``) are looked at; everything else in
the dataset is left alone. Nothing is guessed: a file that cannot be placed for certain is a
finding and is not used.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from smartms_img.errors import InputError
from smartms_img.io.findings import Finding
from smartms_img.naming import Contrast, Eye, OctScanKind

MRI_EXTENSIONS = (".nii.gz", ".nii")
OCT_EXTENSIONS = (
    ".vol", ".e2e", ".xml", ".fda", ".fds", ".img", ".dcm", ".nii.gz", ".tif", ".tiff", ".png",
)  # fmt: skip
PICTURE_EXTENSIONS = (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".bmp")
# Entities that make an image something else than the plain contrast: left alone.
_OTHER_IMAGE_ENTITIES = frozenset(
    {"ce", "part", "echo", "inv", "flip", "mod", "space", "desc", "label", "stain", "chunk"}
)
_OTHER_ANAT_SUFFIXES = frozenset({
    "FLASH", "IRT1", "M0map", "MEGRE", "MESE", "MP2RAGE", "MPM", "MTRmap", "MTS", "MTVmap",
    "MTR", "MTsat", "MWFmap", "Mmap", "PD", "PDT2", "PDT2map", "PDmap", "PDw", "R1map", "R2map",
    "R2starmap", "RB1map", "S0map", "SWI", "SWImagandphase", "Chimap", "T1map", "T1rho", "T2map",
    "T2star", "T2starmap", "T2starw", "TB1map", "UNIT1", "VFA", "angio", "defacemask",
    "inplaneT1", "inplaneT2", "minIP",
})  # fmt: skip
_LABEL = re.compile(r"[A-Za-z0-9]+")


@dataclass(frozen=True)
class ImageFile:
    """One image of the dataset, or a folder of pictures that form one OCT volume.

    Attributes
    ----------
    path : str
        POSIX path relative to the dataset.
    subject, session : str
        Labels of the folder it lies in, without ``sub-`` and ``ses-``.
    contrast : Contrast or None
        MRI contrast; None for OCT.
    eye, scan : Eye or None, OctScanKind or None
        Which scan of which eye; None for MRI, and where the name does not tell.
    problem : str
        Why it cannot be used; empty when it can.
    """

    path: str
    subject: str
    session: str
    contrast: Contrast | None = None
    eye: Eye | None = None
    scan: OctScanKind | None = None
    problem: str = ""

    @property
    def item(self) -> str:
        """What it shows: 'T1w', or 'OD ring' as far as that is known."""
        parts = (self.contrast, self.eye, self.scan)
        return " ".join(str(part) for part in parts if part)


@dataclass(frozen=True)
class DatasetIndex:
    """Everything the dataset has.

    Attributes
    ----------
    sessions : dict of str to tuple of str
        Session labels that have a folder, by subject label; both sorted.
    files : tuple of ImageFile
        Images, sorted by path.
    lesion_masks : dict of (str, str) to tuple of str
        Lesion masks from elsewhere by subject and session, sorted paths.
    layer_files : frozenset of str
        Retinal layers from elsewhere, paths.
    findings : tuple of Finding
        What is unknown, duplicate or contradictory.
    """

    sessions: dict[str, tuple[str, ...]]
    files: tuple[ImageFile, ...]
    lesion_masks: dict[tuple[str, str], tuple[str, ...]]
    layer_files: frozenset[str]
    findings: tuple[Finding, ...]


def index_dataset(bids: Path, masks: str = "", layers: str = "") -> DatasetIndex:
    """Index a dataset by its folder and file names; no file is opened.

    Parameters
    ----------
    bids : Path
        The dataset.
    masks, layers : str
        Folders below ``derivatives`` with lesion masks and retinal layers; empty for none.

    Raises
    ------
    InputError
        If the folder does not exist or holds no ``sub-<label>`` folder.
    """
    if not bids.is_dir():
        raise InputError("is no folder", "Give the path of a BIDS dataset", file=bids.name)
    findings = _dataset_findings(bids)
    sessions: dict[str, tuple[str, ...]] = {}
    files: list[ImageFile] = []
    lesion_masks: dict[tuple[str, str], tuple[str, ...]] = {}
    layer_files: set[str] = set()
    for subject in _labelled_folders(bids, "sub", PurePosixPath(), findings):
        folder = PurePosixPath(f"sub-{subject}")
        labels = _labelled_folders(bids, "ses", folder, findings)
        sessions[subject] = tuple(labels)
        findings += _without_session(bids, subject)
        for session in labels:
            files += _anat_files(bids, subject, session)
            files += _oct_files(bids, subject, session)
            if masks and (found := _lesion_masks(bids, masks, subject, session)):
                lesion_masks[subject, session] = found
            if layers:
                layer_files |= _layer_files(bids, layers, subject, session)
    if any("/oct/" in file.path for file in files):
        findings += _unhidden_oct(bids)
    if not sessions:
        remedy = "It needs folders named sub-<label>"
        raise InputError("has no participant", remedy, file=bids.name)
    files = sorted(_mark_duplicates(files), key=lambda file: file.path)
    findings += [_finding(file) for file in files if file.problem]
    return DatasetIndex(
        sessions, tuple(files), lesion_masks, frozenset(layer_files), tuple(findings)
    )


def _finding(file: ImageFile) -> Finding:
    remedy = "Keep one" if file.problem.startswith("one of") else "Correct the name or remove it"
    if "without target" in file.problem:
        remedy = "Fetch its content (datalad get, git annex get)"
    return Finding("wrong", file.problem, remedy, file.subject, file.session, file.item, file.path)


def _dataset_findings(bids: Path) -> list[Finding]:
    name = "dataset_description.json"
    if (bids / name).is_file():
        return []
    remedy = "Add it with Name and BIDSVersion"
    return [Finding("wrong", "is missing", remedy, file=name)]


def _unhidden_oct(bids: Path) -> list[Finding]:
    name = ".bidsignore"
    ignored = (bids / name).read_text(encoding="utf-8") if (bids / name).is_file() else ""
    if "oct" in ignored:
        return []
    remedy = "Add the line **/oct, or the BIDS validator refuses the dataset"
    return [Finding("missing", "does not hide the oct folders", remedy, file=name)]


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            visible = [entry for entry in entries if not entry.name.startswith(".")]
    except FileNotFoundError:
        return []
    return sorted(visible, key=lambda entry: entry.name)


def _labelled_folders(
    bids: Path, entity: str, folder: PurePosixPath, findings: list[Finding]
) -> list[str]:
    labels = []
    for entry in _entries(bids / folder):
        if not entry.name.startswith(f"{entity}-") or not entry.is_dir():
            continue
        label = entry.name.removeprefix(f"{entity}-")
        if _LABEL.fullmatch(label):
            labels.append(label)
        else:
            problem = f"is not '{entity}-' and letters and digits"
            path = str(folder / entry.name)
            findings.append(Finding("wrong", problem, "Rename the folder", file=path))
    return labels


def _without_session(bids: Path, subject: str) -> list[Finding]:
    return [
        Finding(
            "wrong",
            "lies outside a session folder",
            "Move it into sub-<label>/ses-<label>",
            subject,
            file=f"sub-{subject}/{datatype}",
        )
        for datatype in ("anat", "oct")
        if (bids / f"sub-{subject}" / datatype).is_dir()
    ]


def _anat_files(bids: Path, subject: str, session: str) -> list[ImageFile]:
    folder = f"sub-{subject}/ses-{session}/anat"
    files = []
    for entry in _entries(bids / folder):
        stem, extension = split_extension(entry.name)
        if extension not in MRI_EXTENSIONS:
            continue
        entities, suffix = _entities(stem)
        if suffix in _OTHER_ANAT_SUFFIXES or _OTHER_IMAGE_ENTITIES & entities.keys():
            continue
        problem = _misplaced(entities, subject, session)
        contrast = Contrast(suffix) if suffix in set(Contrast) else None
        if not problem and contrast is None:
            problem = f"unknown contrast '{suffix}'"
        problem = problem or _broken_link(entry)
        problem = problem or ("is a folder, not an image" if entry.is_dir() else "")
        files.append(
            ImageFile(f"{folder}/{entry.name}", subject, session, contrast, problem=problem)
        )
    return files


def _oct_files(bids: Path, subject: str, session: str) -> list[ImageFile]:
    folder = f"sub-{subject}/ses-{session}/oct"
    entries = _entries(bids / folder)
    has_export = any(entry.name.lower().endswith(".xml") for entry in entries)
    files = []
    for entry in entries:
        stem, extension = split_extension(entry.name)
        if extension == ".json":
            continue
        # A Heidelberg XML export lies beside its pictures, which have names of their own.
        if (
            has_export
            and not entry.name.startswith("sub-")
            and extension.lower() in PICTURE_EXTENSIONS
        ):
            continue
        entities, suffix = _entities(stem)
        eye, scan = entities.get("eye", ""), entities.get("acq", "")
        problem = (
            _misplaced(entities, subject, session)
            or _oct_problem(eye, scan, suffix, "" if entry.is_dir() else extension)
            or _broken_link(entry)
        )
        known_eye = Eye(eye) if eye in set(Eye) else None
        known_scan = OctScanKind(scan) if scan in set(OctScanKind) else None
        path = f"{folder}/{entry.name}"
        files.append(ImageFile(path, subject, session, None, known_eye, known_scan, problem))
    return files


def _lesion_masks(bids: Path, masks: str, subject: str, session: str) -> tuple[str, ...]:
    folder = f"derivatives/{masks}/sub-{subject}/ses-{session}/anat"
    return tuple(
        f"{folder}/{entry.name}" for entry in _entries(bids / folder) if is_lesion_mask(entry.name)
    )


def layers_from_elsewhere(layers: str, stem: str) -> str:
    """Return where the layers of a scan lie in a folder of derivatives.

    >>> layers_from_elsewhere("manual", "sub-01/ses-M00/oct/sub-01_ses-M00_eye-OD_acq-ring")
    'derivatives/manual/sub-01/ses-M00/oct/sub-01_ses-M00_eye-OD_acq-ring_desc-layers.npz'
    """
    return f"derivatives/{layers}/{stem}_desc-layers.npz"


def _layer_files(bids: Path, layers: str, subject: str, session: str) -> set[str]:
    folder = f"derivatives/{layers}/sub-{subject}/ses-{session}/oct"
    return {f"{folder}/{entry.name}" for entry in _entries(bids / folder)}


def _oct_problem(eye: str, scan: str, suffix: str, extension: str) -> str:
    if eye not in set(Eye):
        return f"unknown eye '{eye}'" if eye else "unknown eye: no 'eye-' in the name"
    if scan not in set(OctScanKind):
        return f"unknown scan '{scan}'" if scan else "unknown scan: no 'acq-' in the name"
    if suffix != "oct":
        return f"unknown suffix '{suffix}' instead of 'oct'"
    if extension and extension not in OCT_EXTENSIONS:
        return f"unknown OCT format '{extension}'"
    return ""


def _misplaced(entities: dict[str, str], subject: str, session: str) -> str:
    for entity, label in (("sub", subject), ("ses", session)):
        named = entities.get(entity)
        if named is None:
            return f"has no '{entity}-' in its name"
        if named != label:
            return f"is named {entity}-{named} but lies in {entity}-{label}"
    return ""


def _broken_link(entry: os.DirEntry[str]) -> str:
    broken = entry.is_symlink() and not Path(entry.path).exists()
    return "is a link without target" if broken else ""


def _entities(stem: str) -> tuple[dict[str, str], str]:
    """Split 'sub-01_ses-M00_T1w' into its entities and its suffix.

    >>> _entities("sub-01_ses-M00_T1w")
    ({'sub': '01', 'ses': 'M00'}, 'T1w')
    """
    *pairs, suffix = stem.split("_")
    split = (pair.partition("-") for pair in pairs)
    return {key: value for key, _, value in split}, suffix


def is_contrast(file: str, contrast: Contrast) -> bool:
    """Tell whether an image is of a contrast, by its name.

    >>> is_contrast("sub-01/ses-M00/anat/sub-01_ses-M00_T1w.nii.gz", Contrast.T1W)
    True
    """
    return file.endswith(tuple(f"_{contrast}{extension}" for extension in MRI_EXTENSIONS))


def is_lesion_mask(file: str) -> bool:
    """Tell whether an image is a lesion mask, by its name.

    >>> is_lesion_mask("derivatives/manual/sub-01/ses-M00/anat/sub-01_label-lesion_mask.nii.gz")
    True
    """
    return file.endswith(tuple(f"_label-lesion_mask{extension}" for extension in MRI_EXTENSIONS))


def split_extension(name: str) -> tuple[str, str]:
    """Split a file name at its first dot.

    >>> split_extension("sub-01_T1w.nii.gz")
    ('sub-01_T1w', '.nii.gz')
    """
    stem, dot, extension = name.partition(".")
    return stem, dot + extension


def _mark_duplicates(files: list[ImageFile]) -> list[ImageFile]:
    groups: dict[tuple[object, ...], list[ImageFile]] = defaultdict(list)
    for file in files:
        if not file.problem:
            groups[file.subject, file.session, file.contrast, file.eye, file.scan].append(file)
    twins = {
        file.path: len(group) for group in groups.values() if len(group) > 1 for file in group
    }
    return [
        replace(file, problem=f"one of {twins[file.path]} for the same scan")
        if file.path in twins
        else file
        for file in files
    ]
