"""Tissue and bias field of heads whose tissue, partial volume, field and noise are known."""

import numpy as np
import pytest
from mri_shapes import AFFINES, empty, points
from scipy import ndimage

from smartms_img.mri.tissue import normalise_priors
from smartms_img.mri.tissue_model import segment_tissue
from smartms_img.volume import Volume

FINE_MM, VOXEL_MM = 1.5, 3.0
SHAPE = (104, 112, 100)
SIGNAL = (25.0, 65.0, 100.0)


@pytest.fixture(scope="module")
def head():
    """Fractions of fluid, grey and white matter in voxels of 3 mm: folded shells, a ventricle."""
    half = (np.array(SHAPE) - 1) / 2
    x, y, z = (np.indices(SHAPE) - half.reshape(3, 1, 1, 1)) * FINE_MM
    radius = np.sqrt(x**2 + (0.92 * y) ** 2 + z**2)
    folds = 4 * np.sin(11 * np.arctan2(y, x)) * np.cos(z / 7)
    ventricle = np.sqrt((x / 0.6) ** 2 + y**2 + z**2) < 16
    white = (radius + folds < 50) & ~ventricle
    grey = (radius + 0.6 * folds < 61) & ~white & ~ventricle
    fluid = (radius < 70) & ~white & ~grey
    fine = np.stack([fluid, grey, white]).astype(np.float32)
    corners = [fine[:, i::2, j::2, k::2] for i in (0, 1) for j in (0, 1) for k in (0, 1)]
    return np.mean(corners, axis=0)


def _scan(fractions, *, field=0.0, noise=0.0, seed=0):
    """Signal of the fractions, with a smooth field up to ``field`` and Gaussian noise."""
    grid = Volume(np.zeros(fractions.shape[1:], np.float32), np.diag([VOXEL_MM] * 3 + [1.0]))
    xyz = points(grid) / 160.0
    log_field = field * (np.cos(np.pi * xyz[..., 0]) + 0.5 * np.cos(2 * np.pi * xyz[..., 1]))
    clean = np.tensordot(np.array(SIGNAL), fractions, axes=1)
    signal = clean * np.exp(log_field)
    signal += np.random.default_rng(seed).normal(0, noise * SIGNAL[2], signal.shape)
    return grid.like(np.maximum(signal, 0).astype(np.float32)), log_field


def _priors(fractions, mask, shift=0):
    blurred = [ndimage.gaussian_filter(part, 1.5) for part in fractions]
    moved = [np.roll(part, shift, axis=0) for part in blurred]
    return normalise_priors(moved, mask)


def _measured(scan, mask, priors):
    tissue = segment_tissue(scan, mask, priors).tissue
    return np.array(
        [part.sum(dtype=np.float64) for part in (tissue.csf, tissue.grey, tissue.white)]
    )


@pytest.mark.parametrize("noise", [0.01, 0.04])
@pytest.mark.parametrize("field", [0.0, 0.1, 0.3])
def test_volumes_are_those_of_the_fractions_whatever_the_bias_field(head, field, noise):
    mask = head.sum(axis=0) > 0.5
    scan, _ = _scan(head * mask, field=field, noise=noise)
    found = _measured(scan, mask, _priors(head, mask))
    assert found == pytest.approx((head * mask).sum(axis=(1, 2, 3)), rel=0.03)


def test_the_bias_field_moves_no_volume(head):
    mask = head.sum(axis=0) > 0.5
    flat, biased = (
        _measured(_scan(head * mask, field=field, noise=0.02)[0], mask, _priors(head, mask))
        for field in (0.0, 0.3)
    )
    assert biased == pytest.approx(flat, rel=0.003)


def test_the_field_is_what_the_scan_has_too_much(head):
    mask = head.sum(axis=0) > 0.5
    scan, truth = _scan(head * mask, field=0.3, noise=0.02)
    found = segment_tissue(scan, mask, _priors(head, mask)).log_field
    left = (found - truth)[mask]
    assert truth[mask].std() > 0.12
    assert left.std() < 0.015
    assert abs(found[mask].mean()) < 1e-5
    assert found.min() == found[mask].min()
    assert found.max() == found[mask].max()


def test_priors_that_lie_beside_the_brain_hardly_count(head):
    mask = head.sum(axis=0) > 0.5
    scan, _ = _scan(head * mask, field=0.1, noise=0.02)
    straight, shifted = (_measured(scan, mask, _priors(head, mask, shift)) for shift in (0, 1))
    assert shifted == pytest.approx(straight, rel=0.03)


def test_a_voxel_of_two_halves_is_half_of_each():
    slab = np.arange(48) // 8 % 2
    edge = np.arange(48) % 8 == 0
    fractions = np.zeros((3, 48, 48, 48), dtype=np.float32)
    fractions[1], fractions[2] = slab[:, None, None], 1 - slab[:, None, None]
    fractions[1:, edge] = 0.5
    fractions[:, :, :, 40:], fractions[0, :, :, 40:] = 0.0, 1.0
    mask = np.ones((48, 48, 48), dtype=bool)
    scan, _ = _scan(fractions, noise=0.01)
    tissue = segment_tissue(scan, mask, _priors(fractions, mask)).tissue
    assert tissue.white[edge, :, :38].mean() == pytest.approx(0.5, abs=0.03)
    assert tissue.grey[edge, :, :38].mean() == pytest.approx(0.5, abs=0.03)
    assert tissue.white[~edge & (slab == 0), :, :38].mean() > 0.98


@pytest.mark.parametrize("factor", [1e-9, 0.003, 900.0])
def test_the_unit_of_the_signal_does_not_count(head, factor):
    mask = head.sum(axis=0) > 0.5
    scan, _ = _scan(head * mask, field=0.1, noise=0.02)
    scaled = scan.like((scan.data * np.float32(factor)).astype(np.float32))
    priors = _priors(head, mask)
    assert _measured(scaled, mask, priors) == pytest.approx(
        _measured(scan, mask, priors), rel=1e-3
    )


def test_bright_strays_take_no_field_with_them(head):
    mask = head.sum(axis=0) > 0.5
    scan, _ = _scan(head * mask, noise=0.02)
    vessels = np.zeros(mask.shape, dtype=bool)
    vessels[10:14, 20:28, 20:24] = True
    strayed = scan.like(np.where(vessels, 300.0, scan.data).astype(np.float32))
    priors = _priors(head, mask)
    plain, found = (segment_tissue(item, mask, priors).log_field for item in (scan, strayed))
    assert np.abs(found - plain)[mask].max() < 0.02


def test_parts_sum_to_one_inside_and_nothing_lies_outside(head):
    mask = head.sum(axis=0) > 0.5
    scan, _ = _scan(head * mask, noise=0.02)
    odd = scan.data.copy()
    odd[26] = np.linspace(0, 2000, odd[26].size).reshape(odd[26].shape)
    tissue = segment_tissue(scan.like(odd), mask, _priors(head, mask)).tissue
    total = tissue.csf + tissue.grey + tissue.white
    assert total[mask] == pytest.approx(1.0, abs=1e-5)
    assert (total[~mask] == 0).all()


@pytest.mark.parametrize("name", AFFINES)
def test_twice_the_same_to_the_bit_and_an_empty_mask_is_nothing(name):
    grid = empty(AFFINES[name])
    mask = np.ones(grid.shape, dtype=bool)
    scan = grid.like(np.random.default_rng(0).uniform(10, 100, grid.shape).astype(np.float32))
    priors = [np.full(grid.shape, share, np.float32) for share in (0.2, 0.3, 0.5)]
    first, second = (segment_tissue(scan, mask, priors) for _ in range(2))
    assert (first.tissue.white == second.tissue.white).all()
    assert (first.log_field == second.log_field).all()
    nothing = segment_tissue(scan, ~mask, priors)
    assert not nothing.tissue.white.any()
    assert not nothing.log_field.any()


@pytest.mark.parametrize("signal", [0.0, 1.0, [0.0, 0.0, 1.0]])
def test_an_image_without_contrast_gives_numbers_all_the_same(signal):
    mask = np.ones((12, 12, 12), dtype=bool)
    values = np.resize(np.float32(signal), mask.shape)
    priors = [np.full(mask.shape, share, np.float32) for share in (0.2, 0.3, 0.5)]
    found = segment_tissue(Volume(values, np.eye(4)), mask, priors)
    total = found.tissue.csf + found.tissue.grey + found.tissue.white
    assert total == pytest.approx(1.0, abs=1e-5)
    assert np.isfinite(found.log_field).all()


@pytest.mark.parametrize("brightness", [1.1, 1.2, 1.5, 4.0])
def test_what_is_brighter_than_white_matter_is_white_matter(head, brightness):
    mask = head.sum(axis=0) > 0.5
    scan, _ = _scan(head * mask, noise=0.02)
    bright = head[2] == 1
    bright[:, :, 24:] = bright[:22] = bright[28:] = False
    assert 300 < bright.sum() < 3000
    lit = scan.like(np.where(bright, brightness * SIGNAL[2], scan.data).astype(np.float32))
    assert segment_tissue(lit, mask, _priors(head, mask)).tissue.white[bright].mean() > 0.95


@pytest.mark.parametrize(
    ("shape", "spacing_mm"),
    [((1, 1, 1), (1, 1, 1)), ((2, 2, 3), (0.5, 0.5, 4)), ((40, 40, 1), (1, 1, 1))],
)
def test_masks_of_a_few_voxels_are_segmented(shape, spacing_mm):
    mask = np.ones(shape, dtype=bool)
    scan = Volume(np.full(shape, 7, dtype=np.float32), np.diag([*spacing_mm, 1.0]))
    priors = [np.full(shape, share, np.float32) for share in (0.2, 0.3, 0.5)]
    found = segment_tissue(scan, mask, priors)
    total = found.tissue.csf + found.tissue.grey + found.tissue.white
    assert total == pytest.approx(1.0, abs=1e-5)
    assert np.isfinite(found.log_field).all()


def test_thick_slices_and_a_flipped_scan_give_the_same_volumes(head):
    mask = head.sum(axis=0) > 0.5
    scan, _ = _scan(head * mask, field=0.2, noise=0.01)
    priors = _priors(head, mask)
    cut = (*priors, mask, scan.data)
    fine = [np.repeat(np.repeat(part, 6, axis=0), 6, axis=1) for part in cut]
    thick = Volume(fine[4], np.diag([0.5, 0.5, 3.0, 1.0]))
    expected = _measured(scan, mask, priors)
    found = _measured(thick, fine[3], fine[:3]) / 36
    assert found == pytest.approx(expected, rel=0.01)
    turned = scan.like(scan.data[::-1, :, ::-1])
    flipped = _measured(turned, mask[::-1, :, ::-1], [part[::-1, :, ::-1] for part in priors])
    assert flipped == pytest.approx(expected, rel=0.003)
