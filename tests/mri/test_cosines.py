"""Smooth fields from cosines: wavelengths, expansion by hand, and its transpose."""

import numpy as np
import pytest
from mri_shapes import worst

from smartms_img.mri.cosines import cosine_count, cosines, expand, project


@pytest.mark.parametrize(
    ("size", "spacing_mm", "cutoff_mm", "expected"),
    [(100, 1.0, 201.0, 1), (100, 1.0, 200.0, 2), (100, 2.0, 200.0, 3), (30, 1.0, 80.0, 1)],
)
def test_the_shortest_wavelength_is_the_cutoff(size, spacing_mm, cutoff_mm, expected):
    """Cosine n has n half waves over the field of view."""
    assert cosine_count(size, spacing_mm, cutoff_mm) == expected


def test_cosines_are_orthogonal_and_start_with_the_constant():
    basis = cosines(12, 5)
    assert (basis[:, 0] == 1).all()
    assert basis[0, 1] == pytest.approx(np.cos(np.pi / 24))
    assert basis.T @ basis == pytest.approx(np.diag([12.0, 6, 6, 6, 6]), abs=1e-12)


def test_a_field_by_hand():
    bases = [cosines(n, 3) for n in (6, 5, 4)]
    coefficients = np.zeros((3, 3, 3))
    coefficients[0, 0, 0], coefficients[1, 0, 2] = 2.0, -0.5
    i, _, k = np.indices((6, 5, 4))
    expected = 2.0 - 0.5 * np.cos(np.pi * (i + 0.5) / 6) * np.cos(2 * np.pi * (k + 0.5) / 4)
    assert worst(expand(coefficients, bases), expected) < 1e-6


def test_projection_is_the_transpose_of_expansion():
    rng = np.random.default_rng(0)
    bases = [cosines(n, count) for n, count in ((7, 2), (6, 3), (5, 4))]
    coefficients, field = rng.normal(size=(2, 3, 4)), rng.normal(size=(7, 6, 5))
    there = (expand(coefficients, bases) * field).sum()
    assert there == pytest.approx((coefficients * project(field, bases)).sum(), rel=1e-5)


def test_a_field_is_the_same_on_a_coarser_grid():
    coefficients = np.random.default_rng(1).normal(size=(3, 2, 2))
    fine, coarse = (
        expand(coefficients, [cosines(factor * n, c) for n, c in ((9, 3), (8, 2), (7, 2))])
        for factor in (3, 1)
    )
    assert worst(fine[1::3, 1::3, 1::3], coarse) < 1e-5
