"""Snapshots of a session and of a pair, each with the note that the report reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from nipype.interfaces.base import BaseInterfaceInputSpec, TraitedSpec, isdefined, traits

from smartms_img.figures.brain import (
    Volume,
    hide_face,
    map_mosaic,
    mosaic,
    regions_mosaic,
    robust_window,
)
from smartms_img.figures.lesion_change import lesion_gallery
from smartms_img.figures.png import save_webp
from smartms_img.figures.triptych import change_frames, visit_frames
from smartms_img.interfaces.arrays import get, get_arrays, get_mask
from smartms_img.interfaces.base import SimpleInterface
from smartms_img.io.atomic import write_json
from smartms_img.io.layout import figure_stem
from smartms_img.mri.atlas import Region
from smartms_img.mri.tissue import Tissue

_REGION_COLOURS: dict[int, tuple[str, str]] = {
    Region.THALAMUS: ("thalamus", "#e6194b"),
    Region.DEEP_GREY: ("deep grey", "#f58231"),
    Region.MEDIAL_TEMPORAL: ("medial temporal", "#ffe119"),
    Region.LATERAL_VENTRICLES: ("ventricles", "#4363d8"),
    Region.BRAINSTEM: ("brainstem", "#3cb44b"),
    Region.CEREBELLUM: ("cerebellum", "#42d4f4"),
}


class _SnapshotsInputSpec(BaseInterfaceInputSpec):
    staging = traits.Str(mandatory=True)
    stem = traits.Str(mandatory=True)
    unit = traits.Str(mandatory=True)


class _SnapshotsOutputSpec(TraitedSpec):
    figures = traits.List(traits.Str())


class _Snapshots(SimpleInterface):
    """Knows where pictures go."""

    output_spec = _SnapshotsOutputSpec

    def _save(self, picture: Any, what: str, title: str, alt: str, order: int) -> None:
        self._save_frames([picture], [what], what, title, alt, order)

    def _save_triptych(self, frames: Any, what: str, title: str, alt: str, order: int) -> None:
        names = [f"{what}{number}" for number, _ in enumerate(frames, start=1)]
        self._save_frames(frames, names, what, title, alt, order)

    def _save_frames(
        self, pictures: Any, names: list[str], what: str, title: str, alt: str, order: int
    ) -> None:
        stem = f"{figure_stem(self.inputs.stem)}_"
        paths = [Path(self.inputs.staging) / f"{stem}{name}.webp" for name in names]
        for picture, path in zip(pictures, paths, strict=True):
            save_webp(picture, path)
        note = {"title": title, "alt": alt, "unit": self.inputs.unit, "order": order}
        write_json(paths[0].with_name(f"{Path(stem).name}{what}.json"), note)
        self._results.setdefault("figures", []).extend(str(path) for path in paths)


class _SessionSnapshotsInputSpec(_SnapshotsInputSpec):
    t1w = traits.Str(mandatory=True)
    brain_mask = traits.Str(mandatory=True)
    tissue = traits.Str(mandatory=True)
    maps = traits.Str(mandatory=True)
    flair = traits.Str(desc="undefined, as the two below, where the visit has no FLAIR")
    lesions = traits.Str()
    context = traits.Str()


class SessionSnapshots(_Snapshots):
    """Brain mask, tissue and regions on the T1w, lesions on the FLAIR."""

    input_spec = _SessionSnapshotsInputSpec

    def _compute(self, folder: Path) -> None:  # noqa: ARG002 - writes to the staging folder
        t1w, mask = get(self.inputs.t1w), get_mask(self.inputs.brain_mask).data
        tissue = Tissue(**get_arrays(self.inputs.tissue)).labels
        image = hide_face(t1w.data, mask, t1w.spacing_mm)
        shown: dict[str, Any] = {
            "spacing_mm": t1w.spacing_mm,
            "brain": mask,
            "window": robust_window(t1w.data, mask),
        }
        title = "Brain mask on the T1w"
        picture = mosaic(image, {"brain": (mask, "#e6194b")}, title=title, **shown)
        self._save(picture, "mask", title, "T1w slices with the outline of the brain mask", 10)
        outlines = {"grey": (tissue >= 2, "#3cb44b"), "white": (tissue == 3, "#ffe119")}
        title = "Tissue on the T1w"
        picture = mosaic(image, outlines, title=title, **shown)
        self._save(picture, "tissue", title, "T1w slices with outlines of grey and white", 20)
        regions = get_arrays(self.inputs.maps)["regions"]
        title = "Regions on the T1w"
        picture = regions_mosaic(image, regions, _REGION_COLOURS, title=title, **shown)
        self._save(picture, "regions", title, "T1w slices with regions in colour", 30)
        if isdefined(self.inputs.flair):
            self._lesions()

    def _lesions(self) -> None:
        flair, lesions = get(self.inputs.flair), get_mask(self.inputs.lesions).data
        brain = get_arrays(self.inputs.context)["mask"] > 0.5
        title = "Lesions on the FLAIR"
        picture = mosaic(
            hide_face(flair.data, brain, flair.spacing_mm),
            {"lesion": (lesions, "#e6194b")},
            spacing_mm=flair.spacing_mm,
            title=title,
            brain=brain,
            n_slices=18,
        )
        self._save(picture, "lesions", title, "FLAIR slices with outlines of lesions", 40)


# Readers who rate the pictures are blinded: they name neither subject nor visit.
_VISITS = ("earlier", "later")


class _PairSnapshotsInputSpec(_SnapshotsInputSpec):
    halfway = traits.Str(mandatory=True, desc="both visits in the halfway space")
    log_jacobian = traits.Str(mandatory=True)
    change = traits.Str(desc="undefined, as the one below, where a visit has no FLAIR")
    lesions = traits.Str()


class PairSnapshots(_Snapshots):
    """Flicker of both visits, log-Jacobian, lesion change."""

    input_spec = _PairSnapshotsInputSpec

    def _compute(self, folder: Path) -> None:  # noqa: ARG002 - writes to the staging folder
        both, jacobian = get_arrays(self.inputs.halfway), get(self.inputs.log_jacobian)
        brain, spacing = both["mask"] > 0, jacobian.spacing_mm
        look: dict[str, Any] = {"spacing_mm": spacing, "brain": brain}
        base, follow = (
            hide_face(both[name], brain, spacing) for name in ("t1w_base", "t1w_follow")
        )
        frames = visit_frames(base, follow, **look)
        title = "Both visits in the halfway space"
        self._save_triptych(frames, "flicker", title, "T1w slices of a visit", 50)
        title = "Local volume change"
        picture = map_mosaic(
            base,
            100.0 * (np.exp(jacobian.data) - 1.0),
            brain,
            limits=(-10.0, 10.0),
            label="change, %",
            spacing_mm=spacing,
            title=title,
        )
        self._save(picture, "jacobian", title, "Map of local volume change on the T1w", 60)
        if isdefined(self.inputs.change):
            base, follow = (
                hide_face(both[name], brain, spacing) for name in ("flair_base", "flair_follow")
            )
            self._change(base, follow, look)

    def _change(self, base: Volume, follow: Volume, look: dict[str, Any]) -> None:
        change = get(self.inputs.change).data
        lesions = get_mask(self.inputs.lesions).data
        frames = change_frames(base, follow, change, lesions, **look)
        title = "Lesion change on the FLAIR"
        alt = "FLAIR slices of a visit where lesions changed most"
        self._save_triptych(frames, "change", title, alt, 70)
        title = "New and enlarging lesions"
        gallery = lesion_gallery(base, follow, change, names=_VISITS, title=title, **look)
        if gallery is not None:
            alt = "Each new or enlarging lesion in three planes at both visits"
            self._save(gallery, "gallery", title, alt, 75)
