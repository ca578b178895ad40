"""Snapshots of OCT: B-scans with layers, the ring's thickness profile, macular maps.

Every function takes arrays and returns a figure or RGB pixels; curves are rows in px, shape
(n_bscans, ascans).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from numpy.typing import NDArray

Curves = Mapping[str, NDArray[np.float64]]

COLOURS = {
    "ILM": "#ff5c5c",
    "RNFL_GCL": "#5ee65e",
    "IPL_INL": "#ffe14d",
    "INL_OPL": "#4de1ff",
    "OPL_ONL": "#ff6ef0",
    "ELM": "#ff9d3c",
    "EZ": "#6ea8ff",
    "RPE": "#ffffff",
    "BM": "#3c5cff",
}
SIDES = {"S": (0.0, 1.0), "N": (1.0, 0.0), "I": (0.0, -1.0), "T": (-1.0, 0.0)}
CURVES = {"device": "#c26a00", "smartms": "#1f5fbf"}
BASELINE_COLOUR = "#8a8a8a"
CHANGE_UM = 20.0
DPI = 100
MARGIN_PX = 25


def bscan_strip(
    bscan: NDArray[np.float32], curves: Curves, index: int, *, title: str, width_in: float = 12.0
) -> Figure:
    """Draw one B-scan, cropped to the retina, with its boundaries.

    Parameters
    ----------
    bscan : ndarray, shape (rows, ascans)
        Display intensity 0..1.
    curves : mapping of str to ndarray
        Boundaries of all B-scans.
    index : int
        Which B-scan the curves are drawn of.
    """
    figure = Figure(figsize=(width_in, 4.2), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    _draw_bscan(axes, bscan, curves, index)
    axes.set_title(title, loc="left", fontsize=10)
    axes.legend(loc="upper right", ncols=5, fontsize=7, framealpha=0.5)
    return figure


def bscan_montage(
    bscans: NDArray[np.float32], curves: Curves, *, title: str, panels: int = 9
) -> Figure:
    """Draw B-scans spread evenly over a volume, with their boundaries."""
    shown = np.unique(np.linspace(0, len(bscans) - 1, panels).round().astype(int))
    columns = min(3, len(shown))
    rows = int(np.ceil(len(shown) / columns))
    figure = Figure(figsize=(4.2 * columns, 2.2 * rows), dpi=DPI, layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid:
        axes.set_axis_off()
    for axes, index in zip(grid, shown, strict=False):
        _draw_bscan(axes, bscans[index], curves, int(index))
        axes.set_title(f"B-scan {index + 1} of {len(bscans)}", fontsize=8)
    figure.suptitle(title, fontsize=10)
    return figure


def tsnit_curve(
    profiles: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]],
    sectors: Mapping[str, float],
    *,
    title: str,
) -> Figure:
    """Draw RNFL thickness round the ring, temporal to temporal.

    Parameters
    ----------
    profiles : mapping of str to (ndarray, ndarray), each of shape (ascans,)
        Angles (degrees from temporal over superior) and thickness (um), by name of what measured
        it.
    sectors : mapping of str to float
        Mean thickness (um) of each sector, written above the curve.
    """
    figure = Figure(figsize=(9, 3.6), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    top = 1.0
    for name, (angles, profile) in profiles.items():
        order, colour = np.argsort(angles), CURVES.get(name, BASELINE_COLOUR)
        axes.plot(angles[order], profile[order], label=name, color=colour, linewidth=1.2)
        if np.isfinite(profile).any():
            top = max(top, float(np.nanmax(profile)))
    for border in (45, 85, 125, 235, 275, 315):
        axes.axvline(border, color="#bbbbbb", linewidth=0.7)
    middles = {"T": 22, "TS": 65, "NS": 105, "N": 180, "NI": 255, "TI": 295}
    for name, middle in middles.items():
        text = f"{name}\n{sectors[name]:.0f}" if name in sectors else name
        axes.text(middle, top * 1.03, text, ha="center", va="bottom", fontsize=8)
    axes.set_xlim(0, 360)
    axes.set_ylim(0, top * 1.25)
    axes.set_xticks([0, 90, 180, 270, 360], ["T", "S", "N", "I", "T"])
    axes.set_ylabel("RNFL thickness (um)")
    axes.set_title(title, loc="left", fontsize=10)
    axes.legend(loc="lower right", fontsize=8)
    return figure


def tsnit_of_eyes(
    eyes: Mapping[str, Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]]],
    *,
    title: str,
) -> Figure:
    """Draw RNFL thickness round the ring of both eyes, one curve a visit.

    Parameters
    ----------
    eyes : mapping
        By eye, then by visit: angles (degrees from temporal over superior) and thickness (um).
    """
    figure = Figure(figsize=(11, 3.6), dpi=DPI, layout="constrained")
    panels = figure.subplots(1, len(eyes), sharey=True, squeeze=False)[0]
    for axes, (eye, visits) in zip(panels, eyes.items(), strict=True):
        for number, (visit, (angles, profile)) in enumerate(visits.items()):
            order = np.argsort(angles)
            axes.plot(
                angles[order], profile[order], label=visit, color=f"C{number}", linewidth=1.2
            )
        axes.set_xlim(0, 360)
        axes.set_xticks([0, 90, 180, 270, 360], ["T", "S", "N", "I", "T"])
        axes.set_title(eye, loc="left", fontsize=10)
        axes.legend(loc="lower right", fontsize=8)
    panels[0].set_ylabel("RNFL thickness (um)")
    panels[0].set_ylim(bottom=0)
    figure.suptitle(title, fontsize=10)
    return figure


def thickness_map(
    x_mm: NDArray[np.float64],
    y_mm: NDArray[np.float64],
    thickness_um: NDArray[np.float64],
    fovea_mm: tuple[float, float] | None,
    sectors: Mapping[str, float],
    *,
    title: str,
) -> Figure:
    """Draw a macular thickness map in OD orientation with the ETDRS grid about the fovea.

    Parameters
    ----------
    x_mm, y_mm, thickness_um : ndarray, shape (n_bscans, ascans)
        Positions (x to nasal, y to superior) and thickness.
    fovea_mm : tuple of float, or None
        Centre of the grid.
    sectors : mapping of str to float
        Mean thickness (um) of each sector, written into it.
    """
    figure = Figure(figsize=(6.4, 5.4), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    picture = axes.pcolormesh(x_mm, y_mm, thickness_um, cmap="viridis", shading="nearest")
    figure.colorbar(picture, ax=axes, label="thickness (um)", shrink=0.85)
    _draw_grid(axes, fovea_mm, sectors, "white")
    axes.set_aspect("equal")
    axes.set_xlabel("to nasal (mm)")
    axes.set_ylabel("to superior (mm)")
    axes.set_title(title, loc="left", fontsize=10)
    return figure


def change_map(
    x_mm: NDArray[np.float64],
    y_mm: NDArray[np.float64],
    change_um: NDArray[np.float64],
    fovea_mm: tuple[float, float] | None,
    *,
    title: str,
) -> Figure:
    """Draw where a macular layer became thinner (red) or thicker (blue), to 20 um.

    Parameters are those of :func:`thickness_map`; NaN where one visit shows nothing.
    """
    figure = Figure(figsize=(6.4, 5.4), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    limits = Normalize(-CHANGE_UM, CHANGE_UM)
    picture = axes.pcolormesh(x_mm, y_mm, change_um, cmap="RdBu", shading="nearest", norm=limits)
    figure.colorbar(picture, ax=axes, label="change (um)", shrink=0.85)
    _draw_grid(axes, fovea_mm, {}, "#555555")
    axes.set_aspect("equal")
    axes.set_xlabel("to nasal (mm)")
    axes.set_ylabel("to superior (mm)")
    axes.set_title(title, loc="left", fontsize=10)
    return figure


def fundus_view(
    image: NDArray[np.uint8],
    spacing_mm: tuple[float, float],
    lines_mm: list[NDArray[np.float64]],
    *,
    title: str,
) -> Figure:
    """Draw the fundus picture with the course of the scan.

    Parameters
    ----------
    image : ndarray, shape (rows, columns)
    spacing_mm : tuple of float
        Size of a pixel, (row, column).
    lines_mm : list of ndarray, shape (n_points, 2)
        Courses (x to the right, y downward) from the corner of the picture.
    """
    figure = Figure(figsize=(5.6, 5.8), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    height, width = image.shape[0] * spacing_mm[0], image.shape[1] * spacing_mm[1]
    axes.imshow(image, cmap="gray", extent=(0, width, height, 0))
    for line in lines_mm:
        axes.plot(line[:, 0], line[:, 1], color="#5ee65e", linewidth=0.8)
    axes.set_axis_off()
    axes.set_title(title, loc="left", fontsize=10)
    return figure


def _draw_bscan(axes: Any, bscan: NDArray[np.float32], curves: Curves, index: int) -> None:
    known = np.concatenate([curve[index][np.isfinite(curve[index])] for curve in curves.values()])
    low = max(0, int(known.min()) - MARGIN_PX) if known.size else 0
    high = min(len(bscan), int(known.max()) + 2 * MARGIN_PX) if known.size else len(bscan)
    axes.imshow(bscan, cmap="gray", aspect="auto", vmin=0, vmax=1)
    for name, curve in curves.items():
        axes.plot(curve[index], color=COLOURS[name], linewidth=0.7, label=name)
    axes.set_ylim(high, low)
    axes.set_axis_off()


def _draw_grid(
    axes: Any, fovea_mm: tuple[float, float] | None, sectors: Mapping[str, float], colour: str
) -> None:
    if fovea_mm is None:
        return
    for radius in (0.5, 1.5, 3.0):
        circle = Circle(fovea_mm, radius, fill=False, color=colour, linewidth=0.9)
        axes.add_patch(circle)
    places = {"C": (0.0, 0.0)}
    for ring, radius in (("I", 1.0), ("O", 2.25)):
        for side, (dx, dy) in SIDES.items():
            places[ring + side] = (dx * radius, dy * radius)
    for name, (dx, dy) in places.items():
        if name in sectors:
            axes.text(
                fovea_mm[0] + dx,
                fovea_mm[1] + dy,
                f"{sectors[name]:.0f}",
                color=colour,
                ha="center",
                va="center",
                fontsize=8,
            )
    for sign in (-1, 1):
        for inner, outer in ((0.5, 3.0), (-3.0, -0.5)):
            span = np.array([inner, outer]) / np.sqrt(2)
            axes.plot(fovea_mm[0] + span, fovea_mm[1] + sign * span, color=colour, linewidth=0.7)
