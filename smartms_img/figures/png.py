"""Pictures on disk: the same pixels give the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from smartms_img.io.atomic import atomic_path


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


def save_animation(
    frames: Sequence[NDArray[np.uint8]], path: Path, *, frame_ms: int = 900
) -> None:
    """Write frames as an endless animated WebP without metadata, atomically.

    Parameters
    ----------
    frames : sequence of ndarray of uint8, shape (height, width, 3)
        RGB frames of one size.
    path : Path
        Where to; its folder is made.
    frame_ms : int
        How long each frame stays, in milliseconds.
    """
    first, *rest = [Image.fromarray(np.ascontiguousarray(frame)) for frame in frames]
    with atomic_path(path) as temporary:
        first.save(
            temporary,
            format="WEBP",
            save_all=True,
            append_images=rest,
            duration=frame_ms,
            loop=0,
            quality=88,
            method=3,
        )
