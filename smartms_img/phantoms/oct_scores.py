"""How far boundaries and thicknesses lie from true ones."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from smartms_img.phantoms.lesion_scores import Figure

Rows = Mapping[str, NDArray[np.float64]]
Sectors = Mapping[str, float | None]


def boundary_figures(
    test: str, case: str, found: Rows, true: Rows, axial_um: float
) -> list[Figure]:
    """Return mean absolute and mean error (um) of every boundary that is known.

    Parameters
    ----------
    found, true : mapping of str to ndarray of one shape
        Boundaries (px); A-scans where either is unknown do not count.
    axial_um : float
        Height of a pixel.

    Examples
    --------
    >>> true = {"ILM": np.array([10.0, 10.0, np.nan])}
    >>> found = {"ILM": np.array([11.0, 10.0, 3.0])}
    >>> [(f.statistic, f.value, f.count) for f in boundary_figures("t", "c", found, true, 4.0)]
    [('ILM mean absolute error, um', 2.0, 2), ('ILM mean error, um', 2.0, 2)]
    """
    figures = []
    for name, curve in true.items():
        error_um = (found[name] - curve) * axial_um
        known = error_um[np.isfinite(error_um)]
        if known.size == 0:
            continue
        for statistic, value in (
            ("mean absolute error", np.abs(known).mean()),
            ("mean error", known.mean()),
        ):
            figures.append(Figure(test, case, f"{name} {statistic}, um", float(value), known.size))
    return figures


def ring_figures(test: str, case: str, found: Sectors, other: Sectors) -> list[Figure]:
    """Return the differences of RNFL thickness (um) of a ring: global, and the largest.

    Parameters
    ----------
    found, other : mapping of str to float or None
        RNFL thickness by sector.

    Examples
    --------
    >>> found, other = {"G": 100.0, "T": 80.0, "N": None}, {"G": 99.0, "T": 83.0, "N": 70.0}
    >>> [figure.value for figure in ring_figures("device", "ring", found, other)]
    [1.0, -3.0]
    """
    differences = {
        sector: first - second
        for sector, first in found.items()
        if first is not None and (second := other.get(sector)) is not None
    }
    sectors = [value for sector, value in differences.items() if sector != "G"]
    figures = []
    if "G" in differences:
        figures.append(Figure(test, case, "global RNFL difference, um", differences["G"], 1))
    if sectors:
        largest = max(sectors, key=abs)
        statistic = "largest sector difference, um"
        figures.append(Figure(test, case, statistic, largest, len(sectors)))
    return figures


def mean_figures(figures: list[Figure], test: str) -> list[Figure]:
    """Return the means over the cases of a test, statistic by statistic."""
    values: dict[str, list[float]] = {}
    for figure in figures:
        if figure.test == test:
            values.setdefault(figure.statistic, []).append(figure.value)
    return [
        Figure(test, "mean", statistic, float(np.mean(found)), len(found))
        for statistic, found in values.items()
    ]
