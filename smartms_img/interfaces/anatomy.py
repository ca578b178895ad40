"""Nodes of the session workflow that find the brain and place it in MNI152."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from nipype.interfaces.base import BaseInterfaceInputSpec, TraitedSpec, traits

from smartms_img.interfaces.ants import (
    Deformable,
    Linear,
    register_deformable,
    register_linear,
)
from smartms_img.interfaces.arrays import get, get_arrays, get_mask, put, put_arrays
from smartms_img.interfaces.base import SimpleInterface
from smartms_img.io.nifti import load_image
from smartms_img.io.template_files import read_template
from smartms_img.mri.atlas import Template, build_template
from smartms_img.mri.brain import (
    dilate,
    foreground_mask,
    is_skull_stripped,
    refine_head_mask,
)
from smartms_img.mri.geometry import downsample, mean_rigid, resample
from smartms_img.mri.skullstrip import surface_brain_mask
from smartms_img.mri.spaces import centre_alignment, on_grid, similarity_in_mask, template_maps
from smartms_img.mri.tissue import TISSUES, normalise_priors
from smartms_img.mri.tissue_model import segment_tissue
from smartms_img.volume import Volume

# Voxel sizes at which the steps work; what they estimate is smooth or rigid.
_COARSE_MM, _ALIGN_MM, _WORK_MM = 4.0, 3.0, 2.2
_COARSE = Linear(
    iterations=(300, 200), shrink=(2, 1), smoothing_voxels=(1.0, 0.0), sampling_rate=0.5
)
_FINE = Linear(
    iterations=(200, 100), shrink=(2, 1), smoothing_voxels=(1.0, 0.0), sampling_rate=0.5
)
_TO_TEMPLATE = Deformable(metric="mattes", radius_or_bins=32, iterations=(60, 40, 0))


@cache
def load_template() -> Template:
    """Read MNI152 and its regions; once a process."""
    files = read_template()
    return build_template(files.t1, files.grey, files.white, files.atlas, files.names)


class _LoadScanInputSpec(BaseInterfaceInputSpec):
    in_file = traits.Str(mandatory=True, desc="raw scan")
    subject = traits.Str(desc="for the error message")
    session = traits.Str(desc="for the error message")
    item = traits.Str(desc="contrast, for the error message")


class _LoadScanOutputSpec(TraitedSpec):
    scan = traits.Str(desc="validated scan, axes in RAS+ order")


class LoadScan(SimpleInterface):
    """Read and validate one raw scan."""

    input_spec, output_spec = _LoadScanInputSpec, _LoadScanOutputSpec

    def _compute(self, folder: Path) -> None:
        scan = load_image(
            Path(self.inputs.in_file),
            subject=self.inputs.subject,
            session=self.inputs.session,
            item=self.inputs.item,
        )
        self._results["scan"] = put(scan, folder / "scan.nii")


class _ExtractBrainInputSpec(BaseInterfaceInputSpec):
    t1w = traits.Str(mandatory=True)
    seed = traits.Int(mandatory=True)


class _ExtractBrainOutputSpec(TraitedSpec):
    brain_mask = traits.Str(desc="on the grid of the T1w")
    t1w = traits.Str(desc="T1w without bias field")
    to_scan = traits.List(desc="affine world matrix from MNI152 to the scan")
    skull_stripped = traits.Bool()


class ExtractBrain(SimpleInterface):
    """Find the brain of a T1w, whole head or stripped, and take out the bias field."""

    input_spec, output_spec = _ExtractBrainInputSpec, _ExtractBrainOutputSpec

    def _compute(self, folder: Path) -> None:
        scan, seed = get(self.inputs.t1w), self.inputs.seed
        template = load_template()
        coarse = downsample(scan, _WORK_MM)
        stripped = is_skull_stripped(scan)
        mask = foreground_mask(coarse) if stripped else surface_brain_mask(coarse)
        world = _affine(template, coarse, mask, seed)
        if not stripped:
            grown = dilate(template.brain, 8.0, template.t1.spacing_mm)
            plausible = resample(
                template.t1.like(grown.astype(np.float32)), coarse, np.linalg.inv(world)
            )
            mask = refine_head_mask(coarse, mask, plausible > 0.5)
            world = _affine(template, coarse, mask, seed, start=world)
        fine_mask = scan.like(on_grid(mask, coarse, scan))
        even = _even(scan, coarse, mask, _affine_priors(template, coarse, world))
        # The bias field led the affine astray.
        world = _affine(template, downsample(even, _WORK_MM), mask, seed, start=world)
        self._results["brain_mask"] = put(fine_mask, folder / "mask.nii")
        self._results["t1w"] = put(even, folder / "t1w.nii")
        self._results["to_scan"] = world.tolist()
        self._results["skull_stripped"] = stripped


class _RegisterTemplateInputSpec(BaseInterfaceInputSpec):
    t1w = traits.Str(mandatory=True)
    brain_mask = traits.Str(mandatory=True)
    to_scan = traits.List(mandatory=True)
    spacing_mm = traits.Float(mandatory=True)
    seed = traits.Int(mandatory=True)


class _RegisterTemplateOutputSpec(TraitedSpec):
    maps = traits.Str(desc="priors csf, grey, white and regions on the grid of the T1w")
    similarity = traits.Float(desc="correlation with MNI152 in the brain")


class RegisterTemplate(SimpleInterface):
    """Register MNI152 to a T1w and bring its priors and regions there."""

    input_spec, output_spec = _RegisterTemplateInputSpec, _RegisterTemplateOutputSpec

    def _compute(self, folder: Path) -> None:
        scan, mask = get(self.inputs.t1w), get_mask(self.inputs.brain_mask)
        template, world = load_template(), np.array(self.inputs.to_scan)
        fixed = downsample(template.t1, self.inputs.spacing_mm)
        moving = downsample(scan.like(scan.data * mask.data), self.inputs.spacing_mm)
        forward, inverse = register_deformable(
            fixed, moving, seed=self.inputs.seed, settings=_TO_TEMPLATE, initial=world
        )
        maps = template_maps(template, scan, world, Volume(inverse, fixed.affine))
        warped = resample(moving, fixed, world, field=forward)
        inside = on_grid(template.brain, template.t1, fixed)
        self._results["similarity"] = similarity_in_mask(warped, fixed.data, inside)
        self._results["maps"] = put_arrays(
            folder / "maps.npz",
            csf=maps.csf,
            grey=maps.grey,
            white=maps.white,
            regions=maps.regions * mask.data,
        )


class _AlignContrastInputSpec(BaseInterfaceInputSpec):
    scan = traits.Str(mandatory=True, desc="FLAIR or T2w")
    t1w = traits.Str(mandatory=True)
    brain_mask = traits.Str(mandatory=True)
    maps = traits.Str(mandatory=True, desc="priors csf, grey and white on the grid of the T1w")
    seed = traits.Int(mandatory=True)


class _AlignContrastOutputSpec(TraitedSpec):
    scan = traits.Str(desc="scan without bias field, on its own grid")
    to_t1w = traits.List(desc="rigid world matrix from the scan to the T1w")


class AlignContrast(SimpleInterface):
    """Align another contrast of a visit to its T1w, both ways, and take out its bias field."""

    input_spec, output_spec = _AlignContrastInputSpec, _AlignContrastOutputSpec

    def _compute(self, folder: Path) -> None:
        scan, t1w = get(self.inputs.scan), get(self.inputs.t1w)
        mask, seed = get_mask(self.inputs.brain_mask), self.inputs.seed
        coarse, target = downsample(scan, _ALIGN_MM), downsample(t1w, _ALIGN_MM)
        around = dilate(on_grid(mask.data, mask, target), 4.0, target.spacing_mm)
        forward = register_linear(
            target,
            coarse,
            "Rigid",
            seed=seed,
            settings=_FINE,
            initial=np.eye(4),
            fixed_mask=around,
        )
        inside = on_grid(
            around, target, Volume(coarse.data, np.linalg.inv(forward) @ coarse.affine)
        )
        backward = register_linear(
            coarse,
            target,
            "Rigid",
            seed=seed,
            settings=_FINE,
            initial=np.linalg.inv(forward),
            fixed_mask=inside,
        )
        to_t1w = mean_rigid(np.linalg.inv(forward), backward)
        brain = Volume(mask.data, np.linalg.inv(to_t1w) @ mask.affine)
        maps, coarse = get_arrays(self.inputs.maps), downsample(scan, _WORK_MM)
        priors = [resample(brain.like(maps[name]), coarse) for name in TISSUES]
        inside = on_grid(brain.data, brain, coarse)
        self._results["scan"] = put(_even(scan, coarse, inside, priors), folder / "scan.nii")
        self._results["to_t1w"] = to_t1w.tolist()


def _affine_priors(template: Template, grid: Volume, world: np.ndarray) -> list[np.ndarray]:
    to_template = np.linalg.inv(world)
    maps = (template.csf, template.grey, template.white)
    return [resample(template.t1.like(prior), grid, to_template) for prior in maps]


def _even(scan: Volume, coarse: Volume, mask: np.ndarray, priors: Sequence[np.ndarray]) -> Volume:
    """Divide a scan by its bias field, which is found with the tissue that MNI152 lets expect.

    What is left of a field misleads the registration to the template, and with it all volumes.
    """
    log_field = segment_tissue(coarse, mask, normalise_priors(priors, mask)).log_field
    # A frame around the coarse grid, for the scan reaches beyond the middle of its outer voxels.
    frame = coarse.affine.copy()
    frame[:3, 3] -= coarse.affine[:3, :3].sum(axis=1)
    field = Volume(np.exp(np.pad(log_field, 1, mode="edge")), frame)
    return scan.like((scan.data / resample(field, scan, outside=1.0)).astype(np.float32))


def _affine(
    template: Template,
    scan: Volume,
    mask: np.ndarray,
    seed: int,
    start: np.ndarray | None = None,
) -> np.ndarray:
    """Return the affine world matrix from template to scan, given a brain mask of the scan."""
    fixed = downsample(template.t1, _COARSE_MM)
    moving = downsample(scan.like(scan.data * mask), _COARSE_MM)
    world = start
    if world is None:
        world = register_linear(
            fixed,
            moving,
            "Rigid",
            seed=seed,
            settings=_COARSE,
            initial=centre_alignment(Volume(template.brain, template.t1.affine), scan.like(mask)),
        )
    return register_linear(fixed, moving, "Affine", seed=seed, settings=_COARSE, initial=world)
