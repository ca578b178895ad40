"""The only module that calls ANTs: typed, seeded, single-threaded.

World matrices are 4 x 4 in RAS+ millimetres and map points of the fixed image to points of the
moving image, which is the direction in which ANTs resamples the moving image. Displacement
fields have shape (i, j, k, 3), in mm, RAS+ components, on the grid of the fixed image.

ANTs repeats bit for bit only with one ITK thread and a seed, so :func:`_ants` refuses to work
otherwise; ITK reads its thread count once, when the library is loaded.
"""

from __future__ import annotations

import inspect
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from smartms_img.volume import Matrix, Volume

_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
THREADS_VARIABLE = "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"


@dataclass(frozen=True)
class Linear:
    """Levels of a rigid or affine registration, coarse to fine."""

    metric: Literal["mattes", "GC", "meansquares"] = "mattes"
    iterations: tuple[int, ...] = (1000, 500, 250)
    shrink: tuple[int, ...] = (4, 2, 1)
    smoothing_voxels: tuple[float, ...] = (2.0, 1.0, 0.0)
    sampling_rate: float = 0.25


@dataclass(frozen=True)
class Deformable:
    """Settings of a symmetric diffeomorphic (SyN) registration.

    The levels shrink by powers of two: ``iterations`` (40, 20, 0) works at 4 and 2 voxels.
    """

    metric: Literal["CC", "mattes"] = "CC"
    radius_or_bins: int = 3
    iterations: tuple[int, ...] = (40, 30, 0)
    step: float = 0.2
    flow_sigma: float = 3.0
    total_sigma: float = 0.0


def register_linear(
    fixed: Volume,
    moving: Volume,
    kind: Literal["Rigid", "Similarity", "Affine"],
    *,
    seed: int,
    settings: Linear | None = None,
    initial: Matrix | None = None,
    fixed_mask: NDArray[np.bool_] | None = None,
    moving_mask: NDArray[np.bool_] | None = None,
) -> Matrix:
    """Register two images by a linear transform.

    Parameters
    ----------
    fixed, moving : Volume
        Images to align.
    kind : str
        Degrees of freedom: 6, 7 or 12.
    seed : int
        Random seed of the metric's sampling.
    settings : Linear, optional
        Metric and levels.
    initial : ndarray, shape (4, 4), optional
        World matrix to start from; default: centres of mass.
    fixed_mask, moving_mask : ndarray of bool, optional
        Where the metric is evaluated.

    Returns
    -------
    ndarray, shape (4, 4)
        World matrix from fixed to moving.
    """
    ants = _ants(seed)
    settings = settings or Linear()
    with _scratch() as folder:
        keywords: dict[str, Any] = {}
        if initial is not None:
            start = Path(folder) / "initial.mat"
            _write_linear(ants, initial, start)
            keywords["initial_transform"] = [str(start)]
        result = _call(
            ants.registration,
            fixed=_image(ants, fixed),
            moving=_image(ants, moving),
            type_of_transform=kind,
            outprefix=f"{folder}/linear_",
            mask=_mask(ants, fixed, fixed_mask),
            moving_mask=_mask(ants, moving, moving_mask),
            mask_all_stages=True,
            aff_metric=settings.metric,
            aff_random_sampling_rate=settings.sampling_rate,
            aff_iterations=settings.iterations,
            aff_shrink_factors=settings.shrink,
            aff_smoothing_sigmas=settings.smoothing_voxels,
            singleprecision=False,
            **keywords,
        )
        return _read_linear(ants, Path(result["fwdtransforms"][0]))


def register_deformable(
    fixed: Volume,
    moving: Volume,
    *,
    seed: int,
    settings: Deformable | None = None,
    initial: Matrix | None = None,
    fixed_mask: NDArray[np.bool_] | None = None,
    moving_mask: NDArray[np.bool_] | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Register two images by SyN (Avants 2008, doi:10.1016/j.media.2007.06.004).

    Parameters
    ----------
    fixed, moving : Volume
        Images to align.
    seed : int
        Random seed.
    settings : Deformable, optional
        Metric, levels, regularisation.
    initial : ndarray, shape (4, 4), optional
        World matrix from fixed to moving, applied outside the fields; default: identity.
    fixed_mask, moving_mask : ndarray of bool, optional
        Where the metric is evaluated.

    Returns
    -------
    forward, inverse : ndarray of float32, shape (i, j, k, 3)
        Displacement in mm on the fixed grid: ``x + forward(x)``, then ``initial``, lands in
        moving; ``inverse`` undoes ``forward``.
    """
    ants = _ants(seed)
    settings = settings or Deformable()
    with _scratch() as folder:
        start = Path(folder) / "initial.mat"
        _write_linear(ants, np.eye(4) if initial is None else initial, start)
        _call(
            ants.registration,
            fixed=_image(ants, fixed),
            moving=_image(ants, moving),
            type_of_transform="SyNOnly",
            initial_transform=[str(start)],
            outprefix=f"{folder}/syn_",
            mask=_mask(ants, fixed, fixed_mask),
            moving_mask=_mask(ants, moving, moving_mask),
            mask_all_stages=True,
            syn_metric=settings.metric,
            syn_sampling=settings.radius_or_bins,
            reg_iterations=settings.iterations,
            grad_step=settings.step,
            flow_sigma=settings.flow_sigma,
            total_sigma=settings.total_sigma,
            singleprecision=True,
        )
        return (
            _read_field(ants, Path(folder) / "syn_1Warp.nii.gz"),
            _read_field(ants, Path(folder) / "syn_1InverseWarp.nii.gz"),
        )


def _ants(seed: int) -> Any:
    if os.environ.get(THREADS_VARIABLE) != "1":
        raise RuntimeError(f"{THREADS_VARIABLE} must be 1 before Python starts")
    os.environ["ANTS_RANDOM_SEED"] = str(seed)
    import ants  # noqa: PLC0415 - takes seconds and 280 MB

    ants.config.set_ants_deterministic(on=True, seed_value=seed)
    return ants


def _call(function: Callable[..., Any], **keywords: Any) -> Any:
    """Call an ANTs function, refusing keywords that it would swallow without a word."""
    if unknown := sorted(set(keywords) - set(inspect.signature(function).parameters)):
        raise TypeError(f"{function.__name__} has no argument {', '.join(unknown)}")
    return function(**keywords)


@contextmanager
def _scratch() -> Iterator[str]:
    """Make a folder in the node's directory, in which ANTs also puts its temporary files."""
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        tempfile.tempdir = folder
        try:
            yield folder
        finally:
            tempfile.tempdir = before


def _image(ants: Any, volume: Volume) -> Any:
    affine = _RAS_TO_LPS @ volume.affine
    spacing = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    return ants.from_numpy(
        np.ascontiguousarray(volume.data, dtype=np.float32),
        origin=affine[:3, 3].tolist(),
        spacing=spacing.tolist(),
        direction=affine[:3, :3] / spacing,
    )


def _mask(ants: Any, volume: Volume, mask: NDArray[np.bool_] | None) -> Any:
    return None if mask is None else _image(ants, volume.like(mask.astype(np.float32)))


def _read_linear(ants: Any, path: Path) -> Matrix:
    transform = ants.read_transform(str(path))
    parameters = np.asarray(transform.parameters, dtype=np.float64)
    centre = np.asarray(transform.fixed_parameters, dtype=np.float64)[:3]
    matrix = np.eye(4)
    if parameters.size == 12:
        matrix[:3, :3] = parameters[:9].reshape(3, 3)
        matrix[:3, 3] = parameters[9:] + centre - matrix[:3, :3] @ centre
    else:
        raise RuntimeError(f"unexpected transform {transform.transform_type}")
    return _RAS_TO_LPS @ matrix @ _RAS_TO_LPS


def _write_linear(ants: Any, matrix: Matrix, path: Path) -> None:
    lps = _RAS_TO_LPS @ matrix @ _RAS_TO_LPS
    transform = ants.new_ants_transform(
        precision="double",
        dimension=3,
        transform_type="AffineTransform",
        parameters=[*lps[:3, :3].ravel().tolist(), *lps[:3, 3].tolist()],
        fixed_parameters=[0.0, 0.0, 0.0],
    )
    ants.write_transform(transform, str(path))


def _read_field(ants: Any, path: Path) -> NDArray[np.float32]:
    field = np.asarray(ants.image_read(str(path)).numpy(), dtype=np.float32)
    field[..., :2] *= -1.0
    return field
