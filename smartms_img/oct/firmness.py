"""How firmly layers keep their usual thickness: everywhere but about the foveal pit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from smartms_img.oct.columns import FloatArray, Spacing

FIRM = 3.5
PIT_SMOOTHING_UM = 120.0
PIT_DEPTH_UM = 25.0
RIM_UM = (800.0, 1300.0)
FOVEAL_UM = (800.0, 1500.0)
CENTRE = 0.15


def layer_firmness(retina_um: NDArray[np.float64], spacing: Spacing) -> FloatArray:
    """Return the factor by which an unusual layer thickness is dearer than at the fovea.

    A pit is the thinnest place within the middle of a scan that is 25 um thinner than its rim.
    Where there is none (a ring has none by definition), layers are firm everywhere; about a pit
    the factor falls to 1.

    Parameters
    ----------
    retina_um : ndarray, shape (n_bscans, ascans)
        Distance from ILM to EZ.
    spacing : Spacing

    Returns
    -------
    ndarray, shape (n_bscans, ascans)
        1 at the fovea to 3.5 elsewhere; 1 in rings, whose own limits are tight already.
    """
    if spacing.periodic:
        return np.ones(retina_um.shape, np.float32)
    steps = (spacing.bscan_um or np.inf, spacing.ascan_um)
    smoothed = gaussian_filter(retina_um, [PIT_SMOOTHING_UM / step for step in steps])
    inner = np.full(retina_um.shape, np.inf)
    middle = tuple(slice(int(n * CENTRE), n - int(n * CENTRE)) for n in retina_um.shape)
    inner[middle] = smoothed[middle]
    pit = np.unravel_index(int(inner.argmin()), inner.shape)
    bscan, ascan = np.indices(retina_um.shape)
    across = (bscan - pit[0]) * (spacing.bscan_um or 0.0)
    distance = np.hypot(across, (ascan - pit[1]) * spacing.ascan_um)
    rim = (distance > RIM_UM[0]) & (distance < RIM_UM[1])
    if not rim.any() or float(np.median(smoothed[rim]) - smoothed[pit]) < PIT_DEPTH_UM:
        return np.full(retina_um.shape, FIRM, np.float32)
    far = np.clip((distance - FOVEAL_UM[0]) / (FOVEAL_UM[1] - FOVEAL_UM[0]), 0, 1)
    return np.asarray(1 + (FIRM - 1) * far, np.float32)
