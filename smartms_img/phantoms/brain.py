"""Synthetic patients: the head of the template, warped, with known atrophy and lesions.

A scan voxel is followed back through the head's position in the scanner, the patient's own anatomy
and, at follow-up, the atrophy to a point of the template head, and its signal is sampled there
once. No visit is a resampled copy of the other, so interpolation favours neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from smartms_img.naming import Contrast
from smartms_img.phantoms.deform import (
    FIELD_MM,
    Field,
    anatomy,
    at_nodes,
    displacement_of_growth,
    invert,
    move,
    nodes,
    volume_ratio,
)
from smartms_img.phantoms.lesions import (
    Lesion,
    LesionFate,
    burn,
    lesion_volume_mm3,
    place_lesions,
)
from smartms_img.phantoms.template import Head, head
from smartms_img.volume import Volume

FIELD_OF_VIEW_MM = (186.0, 228.0, 204.0)
HEAD_SCALE = 0.93
NOISE = 0.025
# Signal of lesions relative to white matter; a black hole is darker than grey matter on T1w.
LESION_SIGNAL = {Contrast.T1W: 0.85, Contrast.FLAIR: 1.9, Contrast.T2W: 2.0}
BLACK_HOLE_T1 = 0.55
# Growth of the thalamus relative to that of all tissue, and of ventricles relative to their own.
THALAMUS_EXTRA = 0.3
VENTRICLE_GAIN = 6.0


@dataclass(frozen=True)
class BrainTruth:
    """What was built in: changes in per cent, negative for loss; volumes in mL.

    ``fates`` counts lesions by what happens to them; ``new_ml`` is the volume of the new ones.
    Pairs are of baseline and follow-up. Lesions count as the tissue that they lie in.
    """

    pbvc: float
    pthalvc: float
    pventvc: float
    tissue_ml: tuple[float, float]
    grey_ml: tuple[float, float]
    white_ml: tuple[float, float]
    fates: dict[str, int]
    lesions_count: tuple[int, int]
    lesion_ml: tuple[float, float]
    new_ml: float


class BrainPatient:
    """One synthetic patient at baseline (visit 0) and follow-up (visit 1).

    Parameters
    ----------
    seed : int
        Everything random follows from it.
    tissue_change_percent : float
        Change of parenchymal volume to aim at; :attr:`truth` has the exact value.
    fates : mapping of LesionFate to int
        How many lesions of each kind.
    """

    def __init__(
        self, seed: int, tissue_change_percent: float, fates: Mapping[LesionFate, int]
    ) -> None:
        self.seed = seed
        self.head: Head = head()
        shape = at_nodes(self.head.white).shape
        self.anatomy = anatomy(shape, self._rng("anatomy"), HEAD_SCALE)
        self.atrophy = self._atrophy(tissue_change_percent)
        self.lesions: tuple[Lesion, ...] = place_lesions(self.head, fates, self._rng("lesions"))

    def _rng(self, *use: str | int) -> np.random.Generator:
        words = [int.from_bytes(str(word).encode(), "big") for word in use]
        return np.random.default_rng([self.seed, *words])

    def _atrophy(self, percent: float) -> Field:
        """Shrink tissue and let the CSF around take up the room, so that the skull stays."""
        tissue, inside = at_nodes(self.head.tissue), at_nodes(self.head.inside)
        ventricles, thalamus = at_nodes(self.head.ventricles), at_nodes(self.head.thalamus)
        growth = -tissue * (1 + THALAMUS_EXTRA * thalamus) + VENTRICLE_GAIN * ventricles
        smooth = inside * ndimage.gaussian_filter(growth, 1.0, mode="nearest")
        room = inside * np.clip(inside - tissue - ventricles, 0, 1)
        field = displacement_of_growth(smooth - room * (smooth.sum() / room.sum()))
        # What is left at the skull is a few per cent of the movement: hold the skull still.
        field *= np.clip(2 * inside - 1, 0, 1)
        # The change is all but linear in the field: scale a small trial to the wanted change.
        trial = np.float32(0.01) * field
        before, after = self._baseline_ratio, self._ratio(trial)
        reached = 100 * ((tissue * after).sum() / (tissue * before).sum() - 1)
        return np.asarray(trial * np.float32(percent / reached))

    @cached_property
    def _baseline_ratio(self) -> NDArray[np.float64]:
        """Det J from the template to the baseline head."""
        return volume_ratio(nodes(self.anatomy.shape[1:]) + self.anatomy)

    def _ratio(self, atrophy: Field) -> NDArray[np.float64]:
        """Return det J from the template to the head after an atrophy."""
        return volume_ratio(move(self.anatomy, nodes(self.anatomy.shape[1:]) + atrophy))

    @cached_property
    def _volume_ratios(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Det J from the template to the baseline and to the follow-up head."""
        return self._baseline_ratio, self._ratio(self.atrophy)

    @cached_property
    def truth(self) -> BrainTruth:
        """Integrate det J over the regions of the template head."""
        tissue = self._volumes_ml(self.head.tissue * self.head.inside)
        ventricles = self._volumes_ml(self.head.ventricles)
        thalamus = self._volumes_ml(self.head.thalamus)
        volumes = [self._lesion_volumes(visit) for visit in (0, 1)]
        new = [
            volume
            for lesion, volume in zip(self.lesions, volumes[1], strict=True)
            if lesion.fate is LesionFate.NEW
        ]
        fates = [lesion.fate for lesion in self.lesions]
        return BrainTruth(
            pbvc=_percent(tissue),
            pthalvc=_percent(thalamus),
            pventvc=_percent(ventricles),
            tissue_ml=tissue,
            grey_ml=self._volumes_ml(self.head.grey * self.head.inside),
            white_ml=self._volumes_ml(self.head.white * self.head.inside),
            fates={fate.value: fates.count(fate) for fate in LesionFate},
            lesions_count=_counts(volumes),
            lesion_ml=(sum(volumes[0]) / 1000, sum(volumes[1]) / 1000),
            new_ml=sum(new) / 1000,
        )

    def _volumes_ml(self, region: NDArray[np.generic]) -> tuple[float, float]:
        weight = at_nodes(region)
        first, second = (float((weight * j).sum()) for j in self._volume_ratios)
        return first * FIELD_MM**3 / 1000, second * FIELD_MM**3 / 1000

    def _lesion_volumes(self, visit: int) -> list[float]:
        ratio = self._volume_ratios[visit]
        return [lesion_volume_mm3(it, visit, self.head, ratio, FIELD_MM) for it in self.lesions]

    @cached_property
    def _backwards(self) -> tuple[Field, Field]:
        """Inverse anatomy and inverse atrophy."""
        return invert(self.anatomy), invert(self.atrophy, steps=3)

    def template_points(self, points_mm: Field, visit: int) -> Field:
        """Return where points of the head at a visit, shape (3, ...), lie in the template."""
        to_template, undo_atrophy = self._backwards
        points = move(to_template, points_mm)
        return move(undo_atrophy, points) if visit else points

    def scan(self, visit: int, spacing_mm: float) -> dict[Contrast, Volume]:
        """Acquire all contrasts of a visit: new head position, noise, bias field and gain.

        Parameters
        ----------
        visit : int
            0 for baseline, 1 for follow-up.
        spacing_mm : float
            Edge of the cubic voxels.
        """
        shape = tuple(round(extent / spacing_mm) for extent in FIELD_OF_VIEW_MM)
        affine = _centred_affine(shape, spacing_mm)
        grid = np.indices(shape, dtype=np.float32).reshape(3, -1)
        scanner = grid * np.float32(spacing_mm) + affine[:3, 3:].astype(np.float32)
        points = self.template_points(self._to_head(scanner, visit), visit)
        return {
            contrast: Volume(self._acquire(contrast, visit, points, shape, spacing_mm), affine)
            for contrast in Contrast
        }

    def _to_head(self, scanner_mm: Field, visit: int) -> Field:
        """Undo the position of the head in the scanner: a few degrees and millimetres."""
        rng = self._rng("position", visit)
        turn = Rotation.from_euler("xyz", rng.uniform(1.0, 2.5, 3) * rng.choice([-1, 1], 3), True)
        shift = rng.uniform(-3, 3, 3)
        middle = np.array([(n - 1) / 2 * FIELD_MM for n in self.anatomy.shape[1:]])
        rotated = turn.as_matrix().astype(np.float32).T @ scanner_mm
        return rotated + (middle + shift).astype(np.float32)[:, None]

    def _acquire(
        self, contrast: Contrast, visit: int, points: Field, shape: tuple[int, ...], spacing: float
    ) -> NDArray[np.int16]:
        rng = self._rng(contrast.value, visit)
        image = burn(
            self.head.contrast(contrast),
            self.head,
            self.lesions,
            visit,
            lambda lesion: _lesion_signal(contrast, lesion),
        )
        # The template's own voxels are 1 mm wide: blur by what the scan's are wider.
        sigma = np.sqrt(max(spacing**2 - 1, 0.0)) / 2.355
        blurred = ndimage.gaussian_filter(image, sigma, mode="nearest", truncate=3)
        signal = ndimage.map_coordinates(blurred, points, order=3, output=np.float32)
        signal = signal.reshape(shape) * _bias(shape, rng) * np.float32(rng.uniform(0.8, 1.2))
        noise = rng.normal(0, NOISE, (2, *shape)).astype(np.float32)
        rician = np.hypot(signal + noise[0], noise[1])
        return np.asarray(np.clip(rician * 400, 0, 32767).round().astype(np.int16))


def _counts(volumes: list[list[float]]) -> tuple[int, int]:
    first, second = (sum(volume > 0 for volume in visit) for visit in volumes)
    return first, second


def _percent(volumes: tuple[float, float]) -> float:
    return 100 * (volumes[1] / volumes[0] - 1)


def _lesion_signal(contrast: Contrast, lesion: Lesion) -> float:
    if contrast is Contrast.T1W and lesion.black_hole:
        return BLACK_HOLE_T1
    return LESION_SIGNAL[contrast]


def _centred_affine(shape: tuple[int, ...], spacing_mm: float) -> NDArray[np.float64]:
    affine = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    affine[:3, 3] = [-(n - 1) / 2 * spacing_mm for n in shape]
    return affine


def _bias(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return a smooth bias field of the lowest cosines, 20 to 50 per cent off at its worst."""
    log_field = rng.normal(0, 0.05, (3, 3, 3))
    for n in shape:
        waves = np.cos(np.pi * np.outer(np.arange(3), np.arange(n) + 0.5) / n)
        log_field = np.tensordot(log_field, waves, axes=(0, 0))
    return np.exp(log_field).astype(np.float32)
