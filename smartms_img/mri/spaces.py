"""From a template registration to template maps on the grid of a scan."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smartms_img.mri.atlas import Template
from smartms_img.mri.geometry import resample, resample_back
from smartms_img.volume import Matrix, Volume

Array = NDArray[np.float32]


@dataclass(frozen=True)
class TemplateMaps:
    """What the template knows, on the grid of a scan."""

    csf: Array
    grey: Array
    white: Array
    regions: NDArray[np.uint8]


def template_maps(
    template: Template, grid: Volume, world: Matrix, inverse: Volume
) -> TemplateMaps:
    """Bring priors and regions of the template to a scan.

    Parameters
    ----------
    template : Template
        Template maps.
    grid : Volume
        Grid of the scan.
    world : ndarray, shape (4, 4)
        World matrix from template to scan.
    inverse : Volume, data of shape (i, j, k, 3)
        Inverse displacement of the registration, mm, in template space.
    """
    affine = template.t1.affine
    csf, grey, white = (
        resample_back(Volume(prior, affine), grid, world, inverse)
        for prior in (template.csf, template.grey, template.white)
    )
    regions = resample_back(Volume(template.regions, affine), grid, world, inverse, order=0)
    return TemplateMaps(csf, grey, white, regions.astype(np.uint8))


def centre_alignment(fixed: Volume, moving: Volume) -> Matrix:
    """Return the translation that lays the centre of one brain mask on that of another."""
    world = np.eye(4)
    world[:3, 3] = _centre(moving) - _centre(fixed)
    return world


def similarity_in_mask(first: Array, second: Array, mask: NDArray[np.bool_]) -> float:
    """Return the correlation of two images inside a mask; 0 where one of them is constant."""
    a, b = first[mask], second[mask]
    if a.size < 2 or a.std() == 0 or b.std() == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def on_grid(mask: NDArray[np.bool_], source: Volume, grid: Volume) -> NDArray[np.bool_]:
    """Sample a mask that lies on the grid of ``source`` on another grid of the same space."""
    return resample(source.like(mask.astype(np.float32)), grid) > 0.5


def _centre(mask: Volume) -> NDArray[np.float64]:
    index = np.argwhere(mask.data).mean(axis=0)
    return mask.affine[:3, :3] @ index + mask.affine[:3, 3]
