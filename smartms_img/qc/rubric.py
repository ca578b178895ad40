"""What readers rate: elements of a unit, their pictures, and the check-lists of reasons.

The check-list of OCT is OSCAR-IB (Tewarie 2012, doi:10.1371/journal.pone.0034823).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Literal

from smartms_img.catalogue import Endpoint
from smartms_img.naming import UnitKind

RUBRIC_VERSION = "1"
VERDICTS = ("pass", "borderline", "fail")

_SCAN = {
    "motion": "motion of the head",
    "noise": "noise",
    "artefact": "other artefact of the scan",
    "coverage": "brain cut off by the field of view",
}
_OSCAR_IB = {
    "O": "obvious problem: wrong eye, wrong scan, blink, motion",
    "S": "signal too weak",
    "C": "not centred on the disc or the fovea",
    "A": "boundaries do not follow the layers",
    "R": "retinal disease other than of the optic nerve",
    "I": "illumination uneven, or too dark",
    "B": "beam off the centre of the pupil",
}


class LayerKind(StrEnum):
    """How a volume is shown in three dimensions."""

    GREY = "grey"
    LABELS = "labels"
    LOSS = "loss"
    GROWTH = "growth"


@dataclass(frozen=True)
class Layer:
    """Volumes that are shown in three dimensions: pattern of their names, and how."""

    files: str
    kind: LayerKind


@dataclass(frozen=True)
class Element:
    """One thing that is rated.

    Attributes
    ----------
    key : str
        Its name in the ratings.
    kind : UnitKind
        Units that have it.
    title, question : str
        What readers see.
    pictures : tuple of str
        Last part of the names of its pictures. Frames of one picture, to be shown side by side
        and in turn, are numbered behind it: ``flicker1``, ``flicker2``.
    derivatives : tuple of str
        Patterns of the names of the files that the pictures show.
    reasons : dict of str to str
        The check-list: what is said in the ratings, and what readers see.
    part : {'unit', 'volumes', 'lesions'}
        Which endpoints of the unit a verdict decides: all, or those of one part.
    examples : tuple of str
        Reasons of the check-list that there is an example of, beside the good one.
    layers : tuple of Layer
        What is shown in three dimensions, the lowest first.
    either_way : bool
        Whether the frames look the same in either order, so that which visit came first can be
        kept from the reader.
    """

    key: str
    kind: UnitKind
    title: str
    question: str
    pictures: tuple[str, ...]
    derivatives: tuple[str, ...]
    reasons: Mapping[str, str]
    part: Literal["unit", "volumes", "lesions"]
    examples: tuple[str, ...]
    layers: tuple[Layer, ...] = ()
    either_way: bool = False

    def covers(self, item: Endpoint) -> bool:
        """Tell whether a verdict decides an endpoint of the unit."""
        return self.part == "unit" or (self.part == "lesions") == item.of_lesions


_T1W = Layer("*_desc-preproc_T1w.nii.gz", LayerKind.GREY)
_BOTH_T1W = Layer("*_space-halfway_desc-*_T1w.nii.gz", LayerKind.GREY)

ELEMENTS: Mapping[str, Element] = {
    element.key: element
    for element in (
        Element(
            "brain_mask",
            UnitKind.SESSION,
            "Brain mask",
            "Does the outline follow the surface of the brain?",
            ("mask",),
            ("*_desc-preproc_T1w.nii.gz", "*_desc-brain_mask.nii.gz"),
            _SCAN
            | {
                "skull": "holds skull, dura or eyes",
                "missing": "leaves brain out",
            },
            "unit",
            ("skull", "missing"),
            (_T1W, Layer("*_desc-brain_mask.nii.gz", LayerKind.LABELS)),
        ),
        Element(
            "tissue",
            UnitKind.SESSION,
            "Tissue and regions",
            "Do grey matter, white matter and regions lie where they are?",
            ("tissue", "regions"),
            ("*_dseg.nii.gz", "*_desc-regions_dseg.nii.gz"),
            _SCAN
            | {
                "tissue": "grey and white matter taken for each other",
                "regions": "a region in the wrong place",
                "lesions": "lesions taken for grey matter",
            },
            "volumes",
            ("tissue",),
            (_T1W, Layer("*_dseg.nii.gz", LayerKind.LABELS)),
        ),
        Element(
            "lesions",
            UnitKind.SESSION,
            "Lesions",
            "Is every lesion outlined, and nothing else?",
            ("lesions",),
            ("*_desc-preproc_FLAIR.nii.gz", "*_label-lesion_mask.nii.gz"),
            _SCAN
            | {
                "missed": "lesions missed",
                "false": "something else taken for a lesion",
                "outline": "outlines too wide or too narrow",
            },
            "lesions",
            ("missed", "false"),
            (
                Layer("*_desc-preproc_FLAIR.nii.gz", LayerKind.GREY),
                Layer("*_label-lesion_mask.nii.gz", LayerKind.LABELS),
            ),
        ),
        Element(
            "registration",
            UnitKind.PAIR,
            "Registration",
            "Does nothing move between both visits but what has changed?",
            ("flicker",),
            ("*_space-halfway_desc-*_T1w.nii.gz",),
            _SCAN
            | {
                "shift": "the whole head moves",
                "scale": "the whole head grows or shrinks",
                "contrast": "the visits differ in contrast",
            },
            "unit",
            ("shift",),
            (_BOTH_T1W,),
            either_way=True,
        ),
        Element(
            "volume_change",
            UnitKind.PAIR,
            "Volume change",
            "Does the map show change of tissue, and no artefact?",
            ("jacobian",),
            ("*_desc-logjacobian_map.nii.gz",),
            _SCAN
            | {
                "edge": "change along edges that did not move",
                "gradient": "growth on one side and loss on the other",
                "local": "change in one place that no tissue explains",
            },
            "volumes",
            ("gradient",),
            (
                _BOTH_T1W,
                Layer("*_desc-logjacobian_map.nii.gz", LayerKind.LOSS),
                Layer("*_desc-logjacobian_map.nii.gz", LayerKind.GROWTH),
            ),
        ),
        Element(
            "lesion_change",
            UnitKind.PAIR,
            "Lesion change",
            "Are new and changed lesions what they are said to be?",
            ("change", "gallery"),
            ("*_desc-lesionchange_dseg.nii.gz",),
            _SCAN
            | {
                "missed": "change missed",
                "false": "change where there is none",
                "class": "change of another kind",
            },
            "lesions",
            ("false",),
            (
                Layer("*_space-halfway_desc-*_FLAIR.nii.gz", LayerKind.GREY),
                Layer("*_desc-lesionchange_dseg.nii.gz", LayerKind.LABELS),
            ),
        ),
        Element(
            "layers",
            UnitKind.EYE,
            "Retinal layers",
            "Do the boundaries follow the layers, on a scan that shows them?",
            ("layers", "fundus", "tsnit", "thickness", "gcipl", "thicknesschange", "gciplchange"),
            ("*_desc-layers.npz", "*_desc-thickness.npz"),
            _OSCAR_IB,
            "unit",
            ("A", "S"),
        ),
    )
}


def example_files(element: Element, reason: str = "") -> list[str]:
    """Return the names of the frames of an example: of a reason, or of a good one.

    >>> example_files(ELEMENTS["lesions"], "missed")
    ['example_lesions_missed.webp']
    >>> example_files(ELEMENTS["registration"])
    ['example_registration_good1.webp', 'example_registration_good2.webp']
    """
    frames = ("1", "2") if element.either_way else ("",)
    return [f"example_{element.key}_{reason or 'good'}{frame}.webp" for frame in frames]


def elements_of(kind: UnitKind) -> list[Element]:
    """Return the elements of units of a kind."""
    return [element for element in ELEMENTS.values() if element.kind is kind]


def shown_files(element: Element, outputs: Mapping[str, str]) -> dict[str, str]:
    """Return the pictures and derivatives of an element among the files that a unit wrote.

    Parameters
    ----------
    element : Element
        What is rated.
    outputs : mapping of str to str
        SHA-256 of the files of the unit by path, as the ledger has them.

    Returns
    -------
    dict of str to str
        The same for the files that a verdict is bound to, by sorted path. Empty if there is no
        picture: there is nothing to rate then.
    """
    pictures = [name for name in outputs if _is_picture(element, PurePosixPath(name))]
    shown = [name for name in outputs if _is_shown(element, PurePosixPath(name))]
    return {name: outputs[name] for name in sorted((*pictures, *shown))} if pictures else {}


def pictures_of(element: Element, shown: Mapping[str, str]) -> list[list[str]]:
    """Return the pictures among the files that a verdict is bound to, as readers see them.

    Returns
    -------
    list of list of str
        The frames of each picture, by path; one where it has no others.
    """
    by_part: dict[str, list[str]] = {}
    for name in sorted(shown):
        if _is_picture(element, PurePosixPath(name)):
            by_part.setdefault(_part(PurePosixPath(name)), []).append(name)
    return [by_part[part] for part in element.pictures if part in by_part]


def _is_picture(element: Element, path: PurePosixPath) -> bool:
    is_picture = path.suffix in {".png", ".webp"} and path.parent.name == "figures"
    return is_picture and _part(path) in element.pictures


def _part(path: PurePosixPath) -> str:
    return path.stem.rpartition("_")[2].rstrip("0123456789")


def _is_shown(element: Element, path: PurePosixPath) -> bool:
    return any(fnmatchcase(path.name, pattern) for pattern in element.derivatives)
