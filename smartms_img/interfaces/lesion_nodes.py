"""Nodes of the session workflow for tissue and lesions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from nipype.interfaces.base import BaseInterfaceInputSpec, TraitedSpec, traits

from smartms_img.errors import InputError
from smartms_img.interfaces.arrays import get, get_arrays, get_mask, put, put_arrays
from smartms_img.interfaces.base import SimpleInterface
from smartms_img.io.nifti import load_mask
from smartms_img.mri.geometry import downsample, resample, same_grid
from smartms_img.mri.lesion_net import BrainMaps, lesion_probability
from smartms_img.mri.lesions import segment_lesions, signal_above_grey
from smartms_img.mri.spaces import on_grid
from smartms_img.mri.tissue import TISSUES, fill_lesions, normalise_priors
from smartms_img.mri.tissue_model import segment_tissue
from smartms_img.volume import Volume


class _SegmentTissueInputSpec(BaseInterfaceInputSpec):
    t1w = traits.Str(mandatory=True)
    brain_mask = traits.Str(mandatory=True)
    maps = traits.Str(mandatory=True)
    spacing_mm = traits.Float(0.0, usedefault=True, desc="coarser grid to work on; 0: the T1w's")


class _SegmentTissueOutputSpec(TraitedSpec):
    tissue = traits.Str(desc="posteriors csf, grey, white on the grid of the T1w")


class SegmentTissue(SimpleInterface):
    """Segment tissue of a T1w with the template's priors."""

    input_spec, output_spec = _SegmentTissueInputSpec, _SegmentTissueOutputSpec

    def _compute(self, folder: Path) -> None:
        t1w, mask = get(self.inputs.t1w), get_mask(self.inputs.brain_mask)
        maps = get_arrays(self.inputs.maps)
        grid = downsample(t1w, self.inputs.spacing_mm)
        inside = on_grid(mask.data, mask, grid)
        priors = normalise_priors(
            [resample(t1w.like(maps[name]), grid) for name in TISSUES], inside
        )
        tissue = segment_tissue(grid, inside, priors).tissue
        self._results["tissue"] = put_arrays(
            folder / "tissue.npz",
            csf=resample(grid.like(tissue.csf), t1w),
            grey=resample(grid.like(tissue.grey), t1w),
            white=resample(grid.like(tissue.white), t1w),
        )


class _LesionsInputSpec(BaseInterfaceInputSpec):
    flair = traits.Str(mandatory=True, desc="bias-corrected FLAIR")
    to_t1w = traits.List(mandatory=True)
    t1w = traits.Str(mandatory=True)
    brain_mask = traits.Str(mandatory=True)
    tissue = traits.Str(mandatory=True)
    maps = traits.Str(mandatory=True)


class _LesionsOutputSpec(TraitedSpec):
    lesions = traits.Str(desc="mask on the grid of the FLAIR")
    evidence = traits.Str(desc="probability on the grid of the FLAIR")
    context = traits.Str(desc="brain mask, tissue and regions on the grid of the FLAIR")
    lesions_t1w = traits.Str(desc="mask on the grid of the T1w")


class _Lesions(SimpleInterface):
    """Brings what is known to the FLAIR's own grid, and lesions from there to the T1w."""

    output_spec = _LesionsOutputSpec

    def _compute(self, folder: Path) -> None:
        flair, t1w = get(self.inputs.flair), get(self.inputs.t1w)
        to_t1w = np.array(self.inputs.to_t1w)
        context = _on_flair(self.inputs, flair, t1w, to_t1w)
        lesions, probability = self._find(flair, context)
        self._results["lesions"] = put(flair.like(lesions), folder / "lesions.nii")
        self._results["evidence"] = put_arrays(folder / "evidence.npz", probability=probability)
        self._results["context"] = put_arrays(folder / "context.npz", **context)
        placed = Volume(lesions, to_t1w @ flair.affine)
        on_t1w = t1w.like(on_grid(lesions, placed, t1w))
        self._results["lesions_t1w"] = put(on_t1w, folder / "lesions_t1w.nii")

    def _find(
        self, flair: Volume, context: dict[str, np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return mask and probability of lesions on the grid of the FLAIR."""
        raise NotImplementedError


class _SegmentLesionsInputSpec(_LesionsInputSpec):
    least_probability = traits.Float(mandatory=True)
    least_z = traits.Float(mandatory=True)
    min_volume_mm3 = traits.Float(mandatory=True)


class SegmentLesions(_Lesions):
    """Segment lesions."""

    input_spec = _SegmentLesionsInputSpec

    def _find(
        self, flair: Volume, context: dict[str, np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        maps = get_arrays(self.inputs.maps)
        brain = BrainMaps(
            t1w=get(self.inputs.t1w),
            mask=get_mask(self.inputs.brain_mask).data,
            white=get_arrays(self.inputs.tissue)["white"],
            white_prior=maps["white"],
            csf_prior=maps["csf"],
        )
        flair_z = signal_above_grey(flair, context["grey"])
        probability = lesion_probability(flair, brain, np.array(self.inputs.to_t1w))
        probability[flair_z < 0] = 0
        lesions = segment_lesions(
            probability,
            flair_z,
            context["white"],
            context["mask"] > 0.5,
            flair.spacing_mm,
            least_probability=self.inputs.least_probability,
            least_z=self.inputs.least_z,
            min_volume_mm3=self.inputs.min_volume_mm3,
        )
        return lesions, probability


class _ReadLesionsInputSpec(_LesionsInputSpec):
    mask_file = traits.Str(mandatory=True, desc="lesion mask on the grid of the FLAIR or the T1w")
    masks = traits.Str(desc="who made it, for the error message")


class ReadLesions(_Lesions):
    """Take the lesions that somebody else has found."""

    input_spec = _ReadLesionsInputSpec

    def _find(
        self, flair: Volume, context: dict[str, np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        file, item = Path(self.inputs.mask_file), f"lesion mask of {self.inputs.masks}"
        found = load_mask(file, item=item)
        if same_grid(found, flair):
            lesions = found.data
        elif same_grid(found, get(self.inputs.t1w)):
            lesions = resample(found, flair, np.array(self.inputs.to_t1w))
        else:
            raise InputError(
                "lies on neither the grid of the FLAIR nor that of the T1w",
                "Resample it to one of them",
                item=item,
                file=file.name,
            )
        return (lesions > 0.5) & (context["mask"] > 0.5), lesions


def _on_flair(
    inputs: BaseInterfaceInputSpec, flair: Volume, t1w: Volume, to_t1w: np.ndarray
) -> dict[str, np.ndarray]:
    """Bring what the T1w and the template know to the grid of the FLAIR."""
    tissue, maps = get_arrays(inputs.tissue), get_arrays(inputs.maps)
    mask = get_mask(inputs.brain_mask)
    sources = {
        "mask": mask.data.astype(np.float32),
        "csf": tissue["csf"],
        "grey": tissue["grey"],
        "white": tissue["white"],
        "t1w": t1w.data,
    }
    context = {name: resample(t1w.like(data), flair, to_t1w) for name, data in sources.items()}
    context["regions"] = resample(t1w.like(maps["regions"]), flair, to_t1w, order=0)
    return context


class _FillLesionsInputSpec(BaseInterfaceInputSpec):
    t1w = traits.Str(mandatory=True)
    lesions_t1w = traits.Str(mandatory=True)
    tissue = traits.Str(mandatory=True)
    seed = traits.Int(mandatory=True)


class _FillLesionsOutputSpec(TraitedSpec):
    t1w = traits.Str(desc="lesion-filled T1w")


class FillLesions(SimpleInterface):
    """Fill lesions of a T1w with the signal of the white matter around them."""

    input_spec, output_spec = _FillLesionsInputSpec, _FillLesionsOutputSpec

    def _compute(self, folder: Path) -> None:
        t1w, lesions = get(self.inputs.t1w), get_mask(self.inputs.lesions_t1w)
        white = get_arrays(self.inputs.tissue)["white"]
        filled = fill_lesions(t1w, lesions.data, white, seed=self.inputs.seed)
        self._results["t1w"] = put(t1w.like(filled), folder / "filled.nii")
