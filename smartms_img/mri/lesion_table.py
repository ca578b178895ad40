"""A row for every lesion: where it lies, how large it is, what became of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from smartms_img.mri.lesion_change import LesionChange
from smartms_img.mri.lesions import CONNECTIVITY_26, LesionLocation, lesion_locations
from smartms_img.mri.tissue import Tissue
from smartms_img.volume import Volume

Mask = NDArray[np.bool_]

STABLE = "stable"


@dataclass(frozen=True)
class LesionRow:
    """One lesion, 26-connected over both visits.

    Attributes
    ----------
    number : int
        From 1 upwards, in the order of the voxels.
    change : str
        'new', 'enlarging', 'shrinking', 'resolved' or 'stable'; empty for a single visit.
    location : LesionLocation
        McDonald region.
    volume_mm3, follow_volume_mm3 : float, float or None
        At the visit or the reference, and at the follow-up.
    centre_mm : tuple of float
        World coordinates of the space that the lesion was found in.
    probability : float
        Mean over the lesion; of two visits, the larger in each voxel.
    jacobian : float or None
        Mean ratio of later to earlier volume over the lesion.
    """

    number: int
    change: str
    location: LesionLocation
    volume_mm3: float
    follow_volume_mm3: float | None
    centre_mm: tuple[float, float, float]
    probability: float
    jacobian: float | None


def lesion_rows(
    lesions: Volume,
    probability: NDArray[np.float32],
    tissue: Tissue,
    regions: NDArray[np.integer],
) -> list[LesionRow]:
    """Return a row for every lesion of one visit.

    Parameters
    ----------
    lesions : Volume
        Mask.
    probability : ndarray
        Probability of lesion on its grid.
    tissue : Tissue
        On its grid.
    regions : ndarray
        Labels of :class:`~smartms_img.mri.atlas.Region` on its grid.
    """
    labels, count = ndimage.label(lesions.data, CONNECTIVITY_26)
    mm3 = np.bincount(labels.ravel(), minlength=count + 1) * lesions.voxel_volume_mm3
    chance = ndimage.mean(probability, labels, np.arange(1, count + 1))
    places = lesion_locations(labels, tissue, regions, lesions.spacing_mm)
    centres = _centres_mm(labels, count, lesions)
    return [
        LesionRow(n + 1, "", places[n], float(mm3[n + 1]), None, centres[n], chance[n], None)
        for n in range(count)
    ]


def compared_lesion_rows(
    change: Volume,
    earlier: Mask,
    later: Mask,
    probability: NDArray[np.float32],
    tissue: Tissue,
    regions: NDArray[np.integer],
    volume_ratio: NDArray[np.float32],
) -> list[LesionRow]:
    """Return a row for every lesion of two visits in one space.

    Parts that touch at either visit are one lesion: one that split or merged is one row. Its
    class is that of most of its changed voxels.

    Parameters
    ----------
    change : Volume
        :class:`LesionChange` labels.
    earlier, later : ndarray of bool
        Lesions on the grid of ``change``.
    probability : ndarray
        The larger probability of lesion of both visits, voxel by voxel.
    tissue, regions : Tissue, ndarray
        Of the earlier visit.
    volume_ratio : ndarray
        Later over earlier volume.
    """
    labels, count = ndimage.label(earlier | later, CONNECTIVITY_26)
    found = np.arange(1, count + 1)
    before, after = (
        np.bincount(labels[mask], minlength=count + 1) * change.voxel_volume_mm3
        for mask in (earlier, later)
    )
    votes = np.stack(
        [np.bincount(labels[change.data == fate], minlength=count + 1) for fate in LesionChange]
    )
    fates = [fate.name.lower() for fate in LesionChange]
    chance = ndimage.mean(probability, labels, found)
    ratio = ndimage.mean(volume_ratio, labels, found)
    places = lesion_locations(labels, tissue, regions, change.spacing_mm)
    centres = _centres_mm(labels, count, change)
    return [
        LesionRow(
            number=n,
            change=fates[int(votes[:, n].argmax())] if votes[:, n].any() else STABLE,
            location=places[n - 1],
            volume_mm3=float(before[n]),
            follow_volume_mm3=float(after[n]),
            centre_mm=centres[n - 1],
            probability=float(chance[n - 1]),
            jacobian=float(ratio[n - 1]),
        )
        for n in found.tolist()
    ]


def _centres_mm(
    labels: NDArray[np.integer], count: int, space: Volume
) -> list[tuple[float, float, float]]:
    centres = ndimage.center_of_mass(labels > 0, labels, np.arange(1, count + 1))
    placed = [space.affine[:3, :3] @ np.array(at) + space.affine[:3, 3] for at in centres]
    return [(float(x), float(y), float(z)) for x, y, z in placed]
