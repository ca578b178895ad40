"""Pictures on disk: the same pixels give the same bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from smartms_img.io.atomic import atomic_path

WEBP_QUALITY = 92


def figure_pixels(figure: Figure) -> NDArray[np.uint8]:
    """Render a matplotlib figure.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        RGB pixels at the figure's own dpi.
    """
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.array(canvas.buffer_rgba(), dtype=np.uint8)[..., :3]


def save_png(picture: NDArray[np.uint8] | Figure, path: Path) -> None:
    """Write a PNG without metadata, atomically.

    Parameters
    ----------
    picture : ndarray of uint8, shape (height, width) or (height, width, 3), or Figure
        Grey or RGB pixels, or a figure to render.
    path : Path
        Where to; its folder is made.
    """
    pixels = figure_pixels(picture) if isinstance(picture, Figure) else picture
    with atomic_path(path) as temporary:
        Image.fromarray(np.ascontiguousarray(pixels)).save(temporary, format="PNG")


def save_webp(pixels: NDArray[np.uint8], path: Path) -> None:
    """Write a scan as WebP without metadata, atomically: a quarter of the size of a PNG.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (height, width, 3)
        RGB pixels. Their colour is kept to pairs of pixels: outlines stay, charts are better PNG.
    path : Path
        Where to; its folder is made.
    """
    with atomic_path(path) as temporary:
        Image.fromarray(np.ascontiguousarray(pixels)).save(
            temporary, format="WEBP", quality=WEBP_QUALITY, method=4, use_sharp_yuv=True
        )
