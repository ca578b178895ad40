"""Lesion probability by a small 3-D U-Net that was trained on synthetic images.

The net, how it was made and what it was made from: ``models/lesions.md``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession, SessionOptions

from smartms_img.mri.geometry import common_grid, resample
from smartms_img.volume import Matrix, Volume

Array = NDArray[np.float32]

_SPACING_MM = 1.0
_MARGIN_MM = 8.0
# The net halves its grid three times.
_MULTIPLE = 8


@dataclass(frozen=True)
class BrainMaps:
    """What the net is told besides the FLAIR, all on the grid of the T1w.

    Attributes
    ----------
    t1w : Volume
        Bias-corrected T1w.
    mask : ndarray of bool
        Brain.
    white : ndarray
        Posterior of white matter: its voxels set the scale of both images.
    white_prior, csf_prior : ndarray
        Template maps; they know no lesions.
    """

    t1w: Volume
    mask: NDArray[np.bool_]
    white: Array
    white_prior: Array
    csf_prior: Array


def lesion_probability(flair: Volume, brain: BrainMaps, to_t1w: Matrix) -> Array:
    """Return the probability of lesion in each voxel of the FLAIR.

    Works on an isotropic grid of 1 mm, whatever the slices of the scans, and without white matter
    to compare with finds nothing.

    Parameters
    ----------
    flair : Volume
        Bias-corrected FLAIR.
    brain : BrainMaps
        Of the same visit.
    to_t1w : ndarray, shape (4, 4)
        World matrix from FLAIR to T1w.

    Returns
    -------
    ndarray of float32
        Shape of the FLAIR; 0 outside the brain.
    """
    grid = common_grid([brain.t1w.like(brain.mask)], [to_t1w], _SPACING_MM, _MARGIN_MM)

    def placed(data: NDArray[np.floating]) -> Array:
        return resample(brain.t1w.like(data), grid, to_t1w)

    signal = resample(flair, grid)
    inside = (placed(brain.mask.astype(np.float32)) > 0.5) & (signal > 0)
    white = inside & (placed(brain.white) > 0.7)
    if not white.any():
        return np.zeros(flair.shape, dtype=np.float32)
    channels = np.stack(
        [
            *(_relative(image, white) * inside for image in (signal, placed(brain.t1w.data))),
            placed(brain.white_prior),
            placed(brain.csf_prior),
        ]
    )
    probability = run_lesion_net(channels) * inside
    return np.clip(resample(grid.like(probability), flair), 0.0, 1.0)


def run_lesion_net(channels: Array) -> Array:
    """Run the net on one thread, so that its answer does not depend on the machine's load.

    Parameters
    ----------
    channels : ndarray, shape (4, i, j, k)
        FLAIR and T1w relative to white matter, white-matter and CSF prior; voxels of 1 mm.

    Returns
    -------
    ndarray, shape (i, j, k)
        Probability of lesion.
    """
    shape = channels.shape[1:]
    room = [(0, 0), *((0, -n % _MULTIPLE) for n in shape)]
    padded = np.pad(channels.astype(np.float32), room)
    (logit,) = _session().run(None, {"channels": padded[None]})
    logit = logit[0, 0, : shape[0], : shape[1], : shape[2]]
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logit, -30, 30))), dtype=np.float32)


def _relative(image: Array, white: NDArray[np.bool_]) -> Array:
    return np.asarray(image / max(float(np.median(image[white])), 1e-6), dtype=np.float32)


@cache
def _session() -> InferenceSession:
    options = SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    model = files("smartms_img.mri").joinpath("models/lesions.onnx").read_bytes()
    return InferenceSession(model, options, providers=["CPUExecutionProvider"])
