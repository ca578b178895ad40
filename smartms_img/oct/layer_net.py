"""Where the four inner boundaries lie, by a small U-Net that was trained on synthetic B-scans.

The net, how it was made and what it was made from: ``models/layers.md``.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession, SessionOptions
from scipy.ndimage import zoom

from smartms_img.oct.columns import FloatArray, Spacing

AXIAL_UM = 4.0
ASCAN_UM = 12.0
# The net halves its grid three times.
_MULTIPLE = 8
_LEAST_LOG = -12.0


def net_channels(columns: FloatArray, ilm: NDArray[np.floating], ez: int) -> FloatArray:
    """Stack what the net is told of a flattened picture.

    Parameters
    ----------
    columns : ndarray, shape (n_bscans, ascans, rows)
        Scaled intensities at 4 um x 12 um a pixel; the EZ lies on row ``ez``.
    ilm : ndarray, shape (n_bscans, ascans)
        Row of the ILM.

    Returns
    -------
    ndarray of float32, shape (n_bscans, 3, ascans, rows)
        Intensity, depth below the ILM, height above the EZ; both in 100 um.
    """
    rows = np.arange(columns.shape[2])
    depth = np.clip((rows - ilm[..., None]) * AXIAL_UM / 100, -0.5, 4)
    height = np.broadcast_to((ez - rows) * AXIAL_UM / 100, columns.shape)
    return np.stack([columns, depth, height], axis=1).astype(np.float32)


def boundary_evidence(
    columns: FloatArray, ilm: NDArray[np.float64], ez: int, spacing: Spacing
) -> list[FloatArray]:
    """Return the log-probability of each row to hold a boundary, A-scan by A-scan.

    Parameters
    ----------
    columns : ndarray, shape (n_bscans, ascans, rows)
        Scaled intensities, flattened along the EZ on row ``ez``.
    ilm : ndarray, shape (n_bscans, ascans)
        Row of the ILM.

    Returns
    -------
    list of ndarray
        RNFL/GCL, IPL/INL, INL/OPL, OPL/ONL, each of the shape of ``columns``.
    """
    down, across = spacing.axial_um / AXIAL_UM, spacing.ascan_um / ASCAN_UM
    shape = columns.shape[1:]
    size = [max(_MULTIPLE, round(n * f)) for n, f in zip(shape, (across, down), strict=True)]
    scale = [new / old for new, old in zip(size, shape, strict=True)]
    small = zoom(columns, (1, *scale), order=1, grid_mode=True, mode="nearest")
    # Rows are points, so that row r comes to lie at (r + 1/2) * scale - 1/2.
    ilm_small = (zoom(ilm, (1, scale[0]), order=1, grid_mode=True, mode="nearest") + 0.5) * scale[
        1
    ] - 0.5
    ez_small = (ez + 0.5) * scale[1] - 0.5
    channels = net_channels(small, ilm_small, ez_small)
    found = [run_layer_net(channels[[b]])[0] for b in range(len(channels))]
    back = [old / new for new, old in zip(size, shape, strict=True)]
    logs = np.stack(found)
    return [
        zoom(logs[:, k], (1, *back), order=1, grid_mode=True, mode="nearest").astype(np.float32)
        for k in range(logs.shape[1])
    ]


def run_layer_net(channels: FloatArray) -> FloatArray:
    """Run the net on one thread, so that its answer does not depend on the machine's load.

    Returns
    -------
    ndarray, shape (n_bscans, 4, ascans, rows)
        Logarithm of the probability of each row, over an A-scan.
    """
    ascans, rows = channels.shape[2:]
    room = [(0, 0), (0, 0), (0, -ascans % _MULTIPLE), (0, -rows % _MULTIPLE)]
    padded = np.pad(channels, room, mode="edge")
    (logit,) = _session().run(None, {"channels": padded})
    logit = logit[:, :, :ascans, :rows].astype(np.float64)
    logit -= logit.max(axis=3, keepdims=True)
    log = logit - np.log(np.exp(logit).sum(axis=3, keepdims=True))
    return np.asarray(np.maximum(log, _LEAST_LOG), dtype=np.float32)


@cache
def _session() -> InferenceSession:
    options = SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    model = files("smartms_img.oct").joinpath("models/layers.onnx").read_bytes()
    return InferenceSession(model, options, providers=["CPUExecutionProvider"])
