"""Nodes of the pair workflow: halfway space, deformation, lesion change."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from nipype.interfaces.base import BaseInterfaceInputSpec, TraitedSpec, traits

from smartms_img.errors import InputError
from smartms_img.interfaces.ants import Linear, register_linear
from smartms_img.interfaces.arrays import get, get_arrays, put, put_arrays
from smartms_img.interfaces.base import SimpleInterface
from smartms_img.interfaces.session_files import SessionFiles
from smartms_img.mri.brain import dilate, erode, shown
from smartms_img.mri.deformation import half_jacobians, warp
from smartms_img.mri.geometry import (
    common_grid,
    downsample,
    halfway,
    mean_rigid,
    resample,
    same_grid,
)
from smartms_img.mri.intensity import equal_level
from smartms_img.mri.longitudinal import register_visits
from smartms_img.mri.pair_space import grid_spacing_mm, metric_mask
from smartms_img.mri.skull_scale import ScaleChange, half_scales, scale_change, skull_ring
from smartms_img.mri.spaces import centre_alignment, on_grid
from smartms_img.mri.tissue import TISSUES
from smartms_img.volume import Matrix, Volume

_RIGID = Linear(
    iterations=(300, 200),
    shrink=(2, 1),
    smoothing_voxels=(1.0, 0.0),
    sampling_rate=0.5,
)
_RIGID_MM = 3.0
# Coarse enough for the head around the brain, which is only asked for its size.
_SCALE_MM = 2.0
_HEAD_MARGIN_MM = 24.0
_TISSUE_OF_BOTH = [f"{tissue}_{v}" for tissue in TISSUES for v in ("base", "follow")]
# What is brought to the midpoint, and by which spline.
_AT_MIDPOINT = {
    "t1w": 3,
    "flair": 3,
    "mask": 1,
    "lesions": 1,
    "probability": 1,
    "shown": 1,
    "csf": 1,
    "grey": 1,
    "white": 1,
    "regions": 0,
}
_MARGIN_MM = 10.0
# What interpolation smears of the edge of a stripped scan ends within two of its voxels.
_STRIPPED_EDGE_MM = 2.0


class _HalfwaySpaceInputSpec(BaseInterfaceInputSpec):
    out = traits.Str(mandatory=True, desc="output directory with the derivatives of both visits")
    subject = traits.Str(mandatory=True)
    sessions = traits.List(traits.Str(), mandatory=True, desc="reference, follow-up")
    with_flair = traits.Bool(mandatory=True, desc="whether both visits have lesions")
    spacing_mm = traits.Float(mandatory=True)
    seed = traits.Int(mandatory=True)


class _HalfwaySpaceOutputSpec(TraitedSpec):
    both = traits.Str(desc="arrays of both visits in the halfway space")
    grid = traits.Str(desc="metric mask on the halfway grid")
    scale = traits.Any(desc="ScaleChange that was taken out, None where there is no skull")
    spacings_mm = traits.List(desc="voxel size of the T1w of both visits")
    flair_spacings_mm = traits.List(desc="of the FLAIR; undefined where a visit has none")
    to_base = traits.List(desc="world matrix from the halfway space to the reference T1w")
    to_follow = traits.List(desc="world matrix from the halfway space to the follow-up T1w")


class HalfwaySpace(SimpleInterface):
    """Align two visits rigidly, meet half way, resample every image of both exactly once.

    Where both scans show the skull, the scaling of the scanner goes into the same resampling.
    """

    input_spec, output_spec = _HalfwaySpaceInputSpec, _HalfwaySpaceOutputSpec

    def _compute(self, folder: Path) -> None:
        visits = [
            SessionFiles(Path(self.inputs.out), self.inputs.subject, session)
            for session in self.inputs.sessions
        ]
        stripped = any(visit.skull_stripped for visit in visits)
        scans = [visit.image("desc-preproc_T1w") for visit in visits]
        masks = [visit.mask("desc-brain_mask") for visit in visits]
        _refuse_twins(scans, "T1w")
        to_visit = halfway(_rigid_both_ways(scans, masks, stripped, self.inputs.seed))
        scale = None
        if not stripped:
            scale, to_visit = _without_scale(scans, masks, to_visit)
        with_flair = self.inputs.with_flair
        if with_flair:
            flairs = [visit.image("desc-preproc_FLAIR") for visit in visits]
            _refuse_twins(flairs, "FLAIR")
            self._results["flair_spacings_mm"] = [list(flair.spacing_mm) for flair in flairs]
        spacings = [scan.spacing_mm for scan in scans]
        grid = common_grid(
            masks, to_visit, grid_spacing_mm(self.inputs.spacing_mm, spacings), _MARGIN_MM
        )
        arrays = {}
        for name, visit, scan, world in zip(
            ("base", "follow"), visits, scans, to_visit, strict=True
        ):
            arrays[f"t1w_{name}"] = resample(scan, grid, world, order=3)
            placed = _in_halfway(visit, grid, world)
            if with_flair:
                placed |= _lesions_in_halfway(visit, grid, world)
            for key, array in placed.items():
                arrays[f"{key}_{name}"] = array
        inside = [arrays[f"mask_{name}"] > 0.5 for name in ("base", "follow")]
        arrays["mask"] = np.logical_or(*inside)
        spacing = grid.spacing_mm[0]
        seen = _seen(scans, grid, to_visit)
        for name in _TISSUE_OF_BOTH:
            arrays[name] *= seen
        fluid = np.maximum(arrays["csf_base"], arrays["csf_follow"])
        tissue = erode(np.logical_and(*inside), 2.0, grid.spacing_mm) & (fluid < 0.1)
        arrays["t1w_base"], arrays["t1w_follow"] = equal_level(
            arrays["t1w_base"], arrays["t1w_follow"], tissue
        )
        self._results["both"] = put_arrays(folder / "both.npz", **arrays)
        where = metric_mask(inside, stripped, spacing, max(_STRIPPED_EDGE_MM, 2 * spacing)) & seen
        if with_flair:
            # A lesion that comes or goes is no movement of tissue: one mask for both visits.
            lesions = np.maximum(arrays["lesions_base"], arrays["lesions_follow"]) > 0
            where &= ~dilate(lesions, spacing, grid.spacing_mm)
        self._results["grid"] = put(grid.like(where), folder / "metric_mask.nii")
        self._results["scale"] = scale
        self._results["spacings_mm"] = [list(spacing) for spacing in spacings]
        self._results["to_base"], self._results["to_follow"] = (m.tolist() for m in to_visit)


def _refuse_twins(scans: list[Volume], contrast: str) -> None:
    if same_grid(scans[0], scans[1]) and np.array_equal(scans[0].data, scans[1].data):
        remedy = "Give the scan of either visit its own file"
        raise InputError(f"both visits have the same {contrast}", remedy)


def _rigid_both_ways(
    full: list[Volume], brains: list[Volume], stripped: bool, seed: int
) -> Matrix:
    scans = [downsample(scan, _RIGID_MM) for scan in full]
    masks = [
        metric_mask(
            [on_grid(brain.data, brain, scan)], stripped, min(scan.spacing_mm), _STRIPPED_EDGE_MM
        )
        for brain, scan in zip(brains, scans, strict=True)
    ]
    start = centre_alignment(*brains)
    forward, backward = (
        register_linear(
            scans[fixed],
            scans[1 - fixed],
            "Rigid",
            seed=seed,
            settings=_RIGID,
            fixed_mask=masks[fixed],
            initial=initial,
        )
        for fixed, initial in ((0, start), (1, np.linalg.inv(start)))
    )
    return mean_rigid(forward, np.linalg.inv(backward))


def _seen(scans: list[Volume], grid: Volume, to_visit: tuple[Matrix, Matrix]) -> np.ndarray:
    """Return the field of view of both scans, without the voxels that its edge has touched."""
    inside = np.logical_and(
        *(
            resample(scan.like(np.ones(scan.shape, np.float32)), grid, world) > 0.99
            for scan, world in zip(scans, to_visit, strict=True)
        )
    )
    return erode(inside, 2 * grid.spacing_mm[0], grid.spacing_mm)


def _without_scale(
    scans: list[Volume], masks: list[Volume], to_visit: tuple[Matrix, Matrix]
) -> tuple[ScaleChange | None, tuple[Matrix, Matrix]]:
    """Measure the scanner's scaling on the skull and take it out of both ways alike."""
    grid = common_grid(masks, to_visit, _SCALE_MM, _HEAD_MARGIN_MM)
    earlier, later = (
        resample(downsample(scan, _SCALE_MM), grid, world, order=3)
        for scan, world in zip(scans, to_visit, strict=True)
    )
    brain = np.logical_or(
        *(resample(mask, grid, world) > 0.5 for mask, world in zip(masks, to_visit, strict=True))
    )
    centre = np.argwhere(brain).mean(axis=0)
    # Zero is no signal: a face that was taken off, or air that somebody blanked.
    seen = _seen(scans, grid, to_visit) & (earlier > 0) & (later > 0)
    ring = skull_ring(brain, seen, _SCALE_MM)
    scale = scale_change(earlier, later, ring, _SCALE_MM, centre)
    if scale is None:
        return None, to_visit
    centre_mm = grid.affine[:3, :3] @ centre + grid.affine[:3, 3]
    first, second = half_scales(scale, centre_mm)
    return scale, (to_visit[0] @ first, to_visit[1] @ second)


def _in_halfway(visit: SessionFiles, grid: Volume, world: Matrix) -> dict[str, np.ndarray]:
    tissue = visit.tissue()
    regions = resample(visit.image("desc-regions_dseg"), grid, world, order=0)
    return {
        "mask": resample(visit.mask("desc-brain_mask"), grid, world),
        "csf": resample(tissue["csf"], grid, world),
        "grey": resample(tissue["grey"], grid, world),
        "white": resample(tissue["white"], grid, world),
        "regions": regions.astype(np.uint8),
    }


def _lesions_in_halfway(visit: SessionFiles, grid: Volume, world: Matrix) -> dict[str, np.ndarray]:
    flair_world = np.linalg.inv(visit.flair_to_t1w) @ world
    flair = visit.image("desc-preproc_FLAIR")
    return {
        "flair": resample(flair, grid, flair_world, order=3),
        "shown": resample(flair.like(shown(flair)), grid, flair_world),
        "lesions": resample(visit.mask("label-lesion_mask"), grid, flair_world),
        "probability": resample(visit.image("label-lesion_probseg"), grid, flair_world),
    }


class _DeformationInputSpec(BaseInterfaceInputSpec):
    both = traits.Str(mandatory=True)
    grid = traits.Str(mandatory=True)


class _DeformationOutputSpec(TraitedSpec):
    middle = traits.Str(desc="both visits, displacement and Jacobians at the midpoint")
    log_jacobian = traits.Str(desc="logarithm of later over earlier volume, halfway space")


class Deformation(SimpleInterface):
    """Register both visits in the halfway space and bring what they know to the midpoint."""

    input_spec, output_spec = _DeformationInputSpec, _DeformationOutputSpec

    def _compute(self, folder: Path) -> None:
        both, where = get_arrays(self.inputs.both), get(self.inputs.grid)
        spacing = where.spacing_mm[0]
        found = register_visits(
            both["t1w_base"], both["t1w_follow"], where.data.astype(np.float32), spacing
        )
        displacement = found.displacement
        middle = {
            f"{name}_{visit}": warp(both[f"{name}_{visit}"], displacement, spacing, share, order)
            for visit, share in (("base", -0.5), ("follow", 0.5))
            for name, order in _AT_MIDPOINT.items()
            if f"{name}_{visit}" in both
        }
        middle["t1w_base"], middle["t1w_follow"] = found.match(
            middle["t1w_base"], middle["t1w_follow"]
        )
        rigid_base, rigid_follow = found.match(both["t1w_base"], both["t1w_follow"])
        earlier, later = half_jacobians(displacement, spacing)
        self._results["middle"] = put_arrays(
            folder / "middle.npz",
            displacement=displacement,
            jacobian_base=earlier,
            jacobian_follow=later,
            rigid_base=rigid_base,
            rigid_follow=rigid_follow,
            **middle,
        )
        log_jacobian = where.like(np.log(np.maximum(later, 1e-3) / np.maximum(earlier, 1e-3)))
        self._results["log_jacobian"] = put(log_jacobian, folder / "log_jacobian.nii")
