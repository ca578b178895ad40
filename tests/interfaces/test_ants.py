"""The ANTs wrapper on tiny images with a known transform: direction, repeatability, refusals."""

import dataclasses

import numpy as np
import pytest
from scipy.ndimage import map_coordinates
from scipy.spatial.transform import Rotation

from smartms_img.interfaces import ants as wrapper
from smartms_img.interfaces.ants import (
    THREADS_VARIABLE,
    Deformable,
    Linear,
    register_deformable,
    register_linear,
)
from smartms_img.volume import Volume

SHAPE, SPACING_MM = (24, 24, 24), 2.0
SIGNS = {"RAS": (1, 1, 1), "LPS": (-1, -1, 1), "oblique": (-1, 1, 1)}
FAST = Linear(iterations=(100, 60), shrink=(2, 1), smoothing_voxels=(1.0, 0.0), sampling_rate=0.5)
SYN = Deformable(metric="CC", radius_or_bins=2, iterations=(40, 20))
BLOBS = np.array([[6, 3, -4], [-8, 5, 3], [2, -9, 6], [-5, -6, -7], [9, -2, 8]], dtype=float)


@pytest.fixture(autouse=True)
def in_scratch(tmp_path, monkeypatch):
    """Work in an empty directory that stays empty, as does the folder of temporary files."""
    here, temporary = tmp_path / "here", tmp_path / "temporary"
    here.mkdir()
    temporary.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    yield
    assert list(here.iterdir()) == []
    assert list(temporary.iterdir()) == []


def affine(name):
    matrix = np.diag([*(SPACING_MM * s for s in SIGNS[name]), 1.0])
    if name == "oblique":
        turn = Rotation.from_euler("xyz", (10, -7, 14), degrees=True).as_matrix()
        matrix[:3, :3] = turn @ matrix[:3, :3]
    matrix[:3, 3] = -matrix[:3, :3] @ np.full(3, 11.5)
    return matrix


def points(matrix):
    index = np.moveaxis(np.indices(SHAPE, dtype=float), 0, -1)
    return index @ matrix[:3, :3].T + matrix[:3, 3]


def anatomy(xyz):
    """Five blobs of different size in an ellipsoid; no symmetry."""
    head = 60.0 / (1 + np.exp((np.linalg.norm(xyz / [1.0, 1.15, 0.9], axis=-1) - 16) / 1.5))
    sizes = 2.5 + 0.7 * np.arange(5)
    return head + sum(
        (40.0 + 8 * n) * np.exp(-0.5 * ((xyz - blob) ** 2).sum(-1) / sizes[n] ** 2)
        for n, blob in enumerate(BLOBS)
    )


def image(name, to_anatomy=lambda xyz: xyz):
    """Image whose point x shows the anatomy at ``to_anatomy(x)``."""
    matrix = affine(name)
    return Volume(anatomy(to_anatomy(points(matrix))).astype(np.float32), matrix)


def world(degrees, shift, scale=1.0):
    matrix = np.eye(4)
    matrix[:3, :3] = scale * Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
    matrix[:3, 3] = shift
    return matrix


def apply(matrix, xyz):
    return xyz @ matrix[:3, :3].T + matrix[:3, 3]


def worst_mm(found, truth):
    """Largest disagreement of two matrices on a ball of 15 mm."""
    cloud = 15.0 * np.vstack([np.eye(3), -np.eye(3)])
    return np.linalg.norm(apply(found, cloud) - apply(truth, cloud), axis=1).max()


@pytest.mark.parametrize(("fixed", "moving"), [("RAS", "RAS"), ("LPS", "oblique")])
def test_rigid_matrix_maps_fixed_points_to_moving_points(fixed, moving):
    """The moving image shows at T x what the fixed image shows at x."""
    truth = world((4.0, -3.0, 5.0), (3.0, -2.0, 1.5))
    back = np.linalg.inv(truth)
    found = register_linear(
        image(fixed), image(moving, lambda x: apply(back, x)), "Rigid", seed=1, settings=FAST
    )
    assert worst_mm(found, truth) < 0.3
    assert found[:3, :3] @ found[:3, :3].T == pytest.approx(np.eye(3), abs=1e-6)


@pytest.mark.parametrize("kind", ["Similarity", "Affine"])
def test_a_larger_head_gives_a_scale_above_one(kind):
    truth = world((0.0, 0.0, 3.0), (1.0, 1.0, -1.0), scale=1.08)
    back = np.linalg.inv(truth)
    correlation = dataclasses.replace(FAST, metric="GC")
    found = register_linear(
        image("LPS"), image("RAS", lambda x: apply(back, x)), kind, seed=1, settings=correlation
    )
    assert np.linalg.det(found[:3, :3]) == pytest.approx(1.08**3, rel=0.01)
    assert worst_mm(found, truth) < 0.2


def test_start_matrix_is_kept_without_iterations():
    start = world((7.0, 2.0, -11.0), (4.0, -5.0, 6.0))
    still = Linear(iterations=(0,), shrink=(1,), smoothing_voxels=(0.0,))
    found = register_linear(
        image("RAS"), image("oblique"), "Rigid", seed=1, settings=still, initial=start
    )
    assert found == pytest.approx(start, abs=1e-6)


def test_masks_say_where_the_metric_looks():
    """A bright bar that moved the other way is outside both masks."""
    truth = world((0.0, 0.0, 0.0), (2.0, 0.0, 0.0))
    fixed, moving = image("RAS"), image("RAS", lambda x: x - (2.0, 0.0, 0.0))
    xyz = points(fixed.affine)
    outside = xyz[..., 2] > 15
    for scan, lowest in ((fixed, 0.0), (moving, -8.0)):
        scan.data[outside & (xyz[..., 0] > lowest) & (xyz[..., 0] < lowest + 8)] = 400.0
    masks = {"fixed_mask": ~outside, "moving_mask": ~outside}
    found, misled = (
        register_linear(fixed, moving, "Rigid", seed=1, settings=FAST, **keywords)
        for keywords in (masks, {})
    )
    assert worst_mm(found, truth) < 1.0
    assert worst_mm(misled, truth) > 2.0


def swelling(xyz):
    """Smooth displacement of at most 2.2 mm, nearly along one direction."""
    size = np.exp(-0.5 * ((xyz - (1.0, -2.0, 0.0)) ** 2).sum(-1) / 8.0**2)
    return size[..., None] * np.array([1.8, -1.2, 0.6])


def undo_swelling(xyz):
    """Solve ``x + swelling(x) = xyz`` by fixed point."""
    start = xyz
    for _ in range(30):
        start = xyz - swelling(start)
    return start


def along(field, xyz, matrix):
    """Linear interpolation of a field at world points."""
    index = apply(np.linalg.inv(matrix), xyz).reshape(-1, 3).T
    parts = [map_coordinates(field[..., n], index, order=1, mode="nearest") for n in range(3)]
    return np.stack(parts, axis=-1).reshape(xyz.shape)


@pytest.mark.parametrize("name", ["RAS", "oblique"])
def test_field_runs_from_fixed_to_moving_and_its_inverse_back(name):
    start = world((0.0, 0.0, 4.0), (2.0, -1.0, 1.0))
    back = np.linalg.inv(start)
    fixed = image(name)
    moving = image("LPS", lambda y: undo_swelling(apply(back, y)))
    forward, inverse = register_deformable(fixed, moving, seed=1, settings=SYN, initial=start)
    xyz = points(fixed.affine)
    truth = swelling(xyz)
    body = (anatomy(xyz) > 50) & (np.linalg.norm(truth, axis=-1) > 0.8)
    assert body.sum() > 300
    share = (forward * truth).sum(-1)[body] / (truth**2).sum(-1)[body]
    assert np.median(share) == pytest.approx(1.0, abs=0.25)
    assert np.linalg.norm(forward - truth, axis=-1)[body].mean() < 0.6
    landed = xyz + forward
    there_and_back = landed + along(inverse, landed, fixed.affine) - xyz
    assert np.linalg.norm(there_and_back, axis=-1)[body].max() < 0.3


def test_two_calls_are_bit_identical_and_the_seed_counts():
    fixed, moving = image("RAS"), image("RAS", lambda x: x - (2.0, 1.0, 0.0))
    calls = [
        register_linear(fixed, moving, "Rigid", seed=seed, settings=FAST) for seed in (5, 5, 6)
    ]
    assert (calls[0] == calls[1]).all()
    assert (calls[0] != calls[2]).any()
    mutual = Deformable(metric="mattes", radius_or_bins=16, iterations=(8, 4))
    fields = [register_deformable(fixed, moving, seed=5, settings=mutual) for _ in range(2)]
    for first, second in zip(*fields, strict=True):
        assert (first == second).all()
        assert first.any()


@pytest.mark.parametrize("threads", [None, "2", "0"])
def test_more_than_one_thread_is_refused(monkeypatch, threads):
    if threads is None:
        monkeypatch.delenv(THREADS_VARIABLE, raising=False)
    else:
        monkeypatch.setenv(THREADS_VARIABLE, threads)
    with pytest.raises(RuntimeError, match="must be 1 before Python starts"):
        register_linear(image("RAS"), image("RAS"), "Rigid", seed=1)


def test_a_misspelt_argument_is_refused():
    def registration(fixed, moving=None, **kwargs):
        return fixed, moving, kwargs

    with pytest.raises(TypeError, match="registration has no argument type_of_transformation"):
        wrapper._call(registration, fixed=1, type_of_transformation="Rigid")
    assert wrapper._call(registration, fixed=1) == (1, None, {})
