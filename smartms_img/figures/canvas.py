"""Tiles, outlines, text and legends put together to one picture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from smartms_img.figures.planes import Tile
from smartms_img.figures.png import figure_pixels

DPI = 100
GAP_PX = 6
HEAD_PX = 30
BAR_PX = 96
INK = "#f2f2f2"


def arrange(rows: Sequence[Sequence[Tile]], top_px: int = HEAD_PX) -> list[list[Tile]]:
    """Place rows of tiles below each other, each row centred."""
    widths = [sum(tile.size_px[0] + GAP_PX for tile in row) + GAP_PX for row in rows]
    placed = []
    for row, width in zip(rows, widths, strict=True):
        left, cells = (max(widths) - width) // 2 + GAP_PX, []
        for tile in row:
            cells.append(tile.at(left, top_px))
            left += tile.size_px[0] + GAP_PX
        placed.append(cells)
        top_px += max(tile.size_px[1] for tile in row) + GAP_PX
    return placed


class Canvas:
    """A black picture that tiles are put on, and that outlines and words are drawn over."""

    def __init__(self, tiles: Iterable[Tile], *, title: str, right_px: int = 0) -> None:
        self.tiles = list(tiles)
        width = max(tile.left_px + tile.size_px[0] for tile in self.tiles) + GAP_PX + right_px
        height = max(tile.top_px + tile.size_px[1] for tile in self.tiles) + GAP_PX
        self._right_px = right_px
        self._pixels = np.zeros((height, width, 3), dtype=np.uint8)
        self._figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)
        self._axes = self._figure.add_axes((0, 0, 1, 1))
        self._axes.set_axis_off()
        self._axes.set_xlim(-0.5, width - 0.5)
        self._axes.set_ylim(height - 0.5, -0.5)
        self.write(GAP_PX, HEAD_PX / 2, title, size=11, weight="bold")

    def put(self, tile: Tile, pixels: NDArray[np.uint8]) -> None:
        """Copy grey (height, width) or RGB (height, width, 3) pixels of a tile."""
        width, height = tile.size_px
        rgb = pixels if pixels.ndim == 3 else pixels[..., None]
        rows = slice(tile.top_px, tile.top_px + height)
        self._pixels[rows, tile.left_px : tile.left_px + width] = rgb

    def blend(self, tile: Tile, rgba: NDArray[np.float64]) -> None:
        """Lay RGBA colours (height, width, 4) in 0..1 over what a tile shows."""
        width, height = tile.size_px
        rows = slice(tile.top_px, tile.top_px + height)
        below = self._pixels[rows, tile.left_px : tile.left_px + width]
        alpha = rgba[..., 3:]
        below[:] = (alpha * 255 * rgba[..., :3] + (1 - alpha) * below).round().astype(np.uint8)

    def outline(self, tile: Tile, mask: NDArray[Any], colour: str) -> None:
        """Draw the outline of a mask over a tile."""
        for line in tile.contours(mask):
            self._axes.plot(line[:, 0], line[:, 1], color=colour, linewidth=0.9)

    def write(self, x_px: float, y_px: float, text: str, **style: Any) -> None:
        """Write a line of text, by default left of and centred on the point."""
        look: dict[str, Any] = {
            "color": INK,
            "va": "center",
            "ha": "left",
            "size": 9,
            "parse_math": False,
            # Bright tissue may lie below.
            "bbox": {"facecolor": "black", "alpha": 0.55, "edgecolor": "none", "pad": 1.0},
        }
        self._axes.text(x_px, y_px, text, **(look | style))

    def mark_sides(self) -> None:
        """Name what lies left and right in every tile."""
        for tile in self.tiles:
            middle = tile.top_px + tile.size_px[1] / 2
            left, right = tile.plane.marks
            self.write(tile.left_px + 2, middle, left, size=8)
            self.write(tile.left_px + tile.size_px[0] - 2, middle, right, size=8, ha="right")

    def legend(self, entries: Mapping[str, str]) -> None:
        """Write names in their colours at the right of the title line."""
        right = self._pixels.shape[1] - GAP_PX
        for name, colour in reversed(list(entries.items())):
            self.write(right, HEAD_PX / 2, f"\N{BLACK SQUARE} {name}", color=colour, ha="right")
            right -= 32 + 7 * len(name)

    def colour_bar(self, cmap: str, limits: tuple[float, float], label: str) -> None:
        """Draw a colour bar in the margin at the right."""
        width = self._pixels.shape[1]
        axes = self._figure.add_axes(
            ((width - self._right_px + 8) / width, 0.15, 14 / width, 0.7), facecolor="black"
        )
        scale = mpl.cm.ScalarMappable(Normalize(*limits), mpl.colormaps[cmap])
        bar = self._figure.colorbar(scale, cax=axes)
        bar.set_label(label, color=INK, size=9)
        bar.outline.set_edgecolor(INK)
        axes.tick_params(colors=INK, labelsize=8)

    def render(self) -> NDArray[np.uint8]:
        """Return the picture: RGB, shape (height, width, 3)."""
        self._axes.imshow(self._pixels, interpolation="none", aspect="auto", zorder=0)
        return figure_pixels(self._figure)
