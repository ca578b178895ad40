"""Draw the examples of good and bad that readers see beside what they rate.

Usage: python training/review/examples.py DERIVATIVES

DERIVATIVES is what ``smartms demo`` has made of its synthetic patients. Each good example is a
result of smartms; the bad ones are the same with a fault built in.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray
from scipy import ndimage

from smartms_img.figures.brain import MAP_COLOURS, MARGIN_MM, hide_face, robust_window
from smartms_img.figures.canvas import GAP_PX, Canvas, arrange
from smartms_img.figures.lesion_change import outline_change
from smartms_img.figures.oct import bscan_strip
from smartms_img.figures.planes import Plane, Tile, bounding_box
from smartms_img.figures.png import figure_pixels, save_webp
from smartms_img.oct.scan import segment_scan
from smartms_img.phantoms.oct import phantom_scan, ring_phantom
from smartms_img.qc.review.server import STATIC
from smartms_img.qc.rubric import ELEMENTS, example_files

Picture = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Voxel = NDArray[np.intp]
Draw = Callable[[Canvas, Tile], None]
SUBJECT, BASE, FOLLOW = "01", "M00", "M06"
RED, GREEN, YELLOW = "#e6194b", "#3cb44b", "#ffe119"
SEED = 7


class Source:
    """The derivatives of one synthetic patient, RAS+."""

    def __init__(self, out: Path) -> None:
        self._folder = out / f"sub-{SUBJECT}"

    def visit(self, name: str) -> nib.Nifti1Image:
        """Return an image of the follow-up visit."""
        path = f"ses-{FOLLOW}/anat/sub-{SUBJECT}_ses-{FOLLOW}_{name}.nii.gz"
        return nib.as_closest_canonical(nib.load(self._folder / path))

    def pair(self, name: str) -> nib.Nifti1Image:
        """Return an image of the pair."""
        return self.visit(f"ref-{BASE}_{name}")


def data(image: nib.Nifti1Image) -> NDArray[np.float32]:
    """Return the voxels of an image."""
    return np.asarray(image.dataobj, dtype=np.float32)


def spacing(image: nib.Nifti1Image) -> tuple[float, float, float]:
    """Return the voxel size in mm."""
    x, y, z = (float(size) for size in image.header.get_zooms()[:3])
    return x, y, z


class Slices:
    """Two slices of an image through a place, with something drawn over them."""

    def __init__(self, image: nib.Nifti1Image, brain: Mask, at: Voxel) -> None:
        self.values = hide_face(data(image), brain, spacing(image))
        self.window = robust_window(data(image), brain)
        box = bounding_box(brain, spacing(image), MARGIN_MM)
        planes = ((Plane.AXIAL, at[2]), (Plane.CORONAL, at[1]))
        tiles = [Tile(plane, int(index), box, spacing(image)) for plane, index in planes]
        self._tiles = arrange([tiles], GAP_PX)[0]

    def draw(self, over: Draw, values: NDArray[np.float32] | None = None) -> Picture:
        """Return the picture, of other grey values if they are given."""
        canvas = Canvas(self._tiles, title="")
        for tile in self._tiles:
            canvas.put(tile, tile.grey(self.values if values is None else values, self.window))
            over(canvas, tile)
        return canvas.render()


def outlines(*masks: tuple[Mask, str]) -> Draw:
    """Return what draws the outlines of masks."""

    def draw(canvas: Canvas, tile: Tile) -> None:
        for mask, colour in masks:
            canvas.outline(tile, mask, colour)

    return draw


def nothing(_: Canvas, __: Tile) -> None:
    """Draw nothing over a picture."""


def middle(mask: Mask) -> Voxel:
    """Return the voxel in the middle of a mask."""
    return np.round(np.argwhere(mask).mean(axis=0)).astype(int)


def mirrored(voxel: Voxel, shape: tuple[int, ...]) -> Voxel:
    """Return the voxel at the other side of an image."""
    return np.array([shape[0] - 1 - voxel[0], *voxel[1:]])


def ball(shape: tuple[int, ...], centre: Voxel, voxels: float) -> Mask:
    """Return a ball."""
    grid = np.indices(shape) - np.reshape(centre, (3, 1, 1, 1))
    return (grid**2).sum(axis=0) <= voxels**2


def visit_examples(source: Source) -> dict[str, Picture]:
    """Return the examples of a visit, by file name."""
    t1w, flair = source.visit("desc-preproc_T1w"), source.visit("desc-preproc_FLAIR")
    brain = data(source.visit("desc-brain_mask")) > 0
    tissue = data(source.visit("dseg"))
    centre = middle(brain)
    look = Slices(t1w, brain, centre)
    wide = ndimage.binary_dilation(brain, iterations=round(9 / min(spacing(t1w))))
    front = centre + np.array([0, int(np.ptp(np.argwhere(brain)[:, 1]) * 0.36), 0])
    hole = ball(brain.shape, front, 35 / min(spacing(t1w)))
    grey, white = tissue >= 2, tissue == 3
    wrong = ndimage.binary_dilation(white, iterations=2) & grey
    lesions = source.visit("label-lesion_mask")
    found = data(lesions) > 0
    on_flair = ndimage.zoom(brain, np.array(found.shape) / brain.shape, order=0)
    labelled, count = ndimage.label(found)
    sizes = ndimage.sum_labels(found, labelled, range(1, count + 1))
    largest = labelled == 1 + int(np.argmax(sizes))
    seen = Slices(flair, on_flair, middle(largest))
    aside = mirrored(middle(largest), found.shape)
    false = ball(found.shape, aside, 4 / min(spacing(flair)))
    mask, parts, marks = (ELEMENTS[key] for key in ("brain_mask", "tissue", "lesions"))
    return {
        example_files(mask)[0]: look.draw(outlines((brain, RED))),
        example_files(mask, "skull")[0]: look.draw(outlines((wide, RED))),
        example_files(mask, "missing")[0]: look.draw(outlines((brain & ~hole, RED))),
        example_files(parts)[0]: look.draw(outlines((grey, GREEN), (white, YELLOW))),
        example_files(parts, "tissue")[0]: look.draw(outlines((grey, GREEN), (wrong, YELLOW))),
        example_files(marks)[0]: seen.draw(outlines((found, RED))),
        example_files(marks, "missed")[0]: seen.draw(outlines((found & ~largest, RED))),
        example_files(marks, "false")[0]: seen.draw(outlines((found | false, RED))),
    }


def pair_examples(source: Source) -> dict[str, Picture]:
    """Return the examples of a pair, by file name."""
    first, second = (source.pair(f"space-halfway_desc-{ses}_T1w") for ses in (BASE, FOLLOW))
    log_jacobian = data(source.pair("space-halfway_desc-logjacobian_map"))
    brain = data(source.pair("space-halfway_desc-brain_mask")) > 0
    look = Slices(first, brain, middle(brain))
    follow = hide_face(data(second), brain, spacing(second))
    moved = ndimage.shift(data(second), [2.5 / min(spacing(second)), 0, 0], order=1)
    shifted = hide_face(moved, brain, spacing(second))
    percent = 100 * (np.exp(log_jacobian) - 1)
    slope = np.linspace(-9, 9, brain.shape[0], dtype=np.float32)[:, None, None]

    def over(change: NDArray[np.float32]) -> Draw:
        def draw(canvas: Canvas, tile: Tile) -> None:
            rgba = colormaps[MAP_COLOURS](np.clip((tile.nearest(change) + 10) / 20, 0, 1))
            rgba[..., 3] = 0.65 * (tile.nearest(brain) > 0)
            canvas.blend(tile, rgba)

        return draw

    registration, change = ELEMENTS["registration"], ELEMENTS["volume_change"]
    good, bad = example_files(registration), example_files(registration, "shift")
    return {
        good[0]: look.draw(nothing),
        good[1]: look.draw(nothing, follow),
        bad[0]: look.draw(nothing),
        bad[1]: look.draw(nothing, shifted),
        example_files(change)[0]: look.draw(over(percent)),
        example_files(change, "gradient")[0]: look.draw(over(percent + slope)),
    } | _lesion_change(source, brain)


def _lesion_change(source: Source, brain: Mask) -> dict[str, Picture]:
    flair = source.pair(f"space-halfway_desc-{FOLLOW}_FLAIR")
    classes = data(source.pair("space-halfway_desc-lesionchange_dseg")).round().astype(int)
    new = middle(ndimage.label(classes == 1)[0] == 1)
    seen = Slices(flair, brain, new)
    aside = ball(classes.shape, mirrored(new, classes.shape), 4)
    false = np.where(aside, 1, classes)

    def over(shown: NDArray[np.intp]) -> Draw:
        return lambda canvas, tile: outline_change(canvas, tile, shown, shown * 0)

    element = ELEMENTS["lesion_change"]
    return {
        example_files(element)[0]: seen.draw(over(classes)),
        example_files(element, "false")[0]: seen.draw(over(false)),
    }


def eye_examples() -> dict[str, Picture]:
    """Return the examples of a ring scan, by file name."""
    scan = phantom_scan(ring_phantom(seed=SEED))
    rows = segment_scan(scan).rows
    wrong = {name: curve.copy() for name, curve in rows.items()}
    for name in ("RNFL_GCL", "IPL_INL", "INL_OPL"):
        wrong[name][0, 300:420] += 22.0
    rng = np.random.default_rng(SEED)
    noise = rng.gamma(2.0, 0.16, scan.bscans[0].shape)
    weak = np.clip(0.25 * scan.bscans[0] + noise, 0, 1).astype(np.float32)
    element = ELEMENTS["layers"]

    def strip(bscan: NDArray[np.float32], curves: dict[str, NDArray[np.float64]]) -> Picture:
        return figure_pixels(bscan_strip(bscan, curves, 0, title="", width_in=5.0))

    return {
        example_files(element)[0]: strip(scan.bscans[0], rows),
        example_files(element, "A")[0]: strip(scan.bscans[0], wrong),
        example_files(element, "S")[0]: strip(weak, rows),
    }


def main(out: Path) -> None:
    """Draw all, into the folder that the review serves."""
    source = Source(out)
    for name, picture in (visit_examples(source) | pair_examples(source) | eye_examples()).items():
        save_webp(picture, STATIC / name)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
