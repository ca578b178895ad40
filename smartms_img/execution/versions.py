"""Versions of what computes the numbers."""

from __future__ import annotations

import platform
from importlib.metadata import version

_PACKAGES = (
    "smartms",
    "antspyx",
    "nibabel",
    "nilearn",
    "nipype",
    "numpy",
    "onnxruntime",
    "scikit-image",
    "scipy",
)


def versions() -> dict[str, str]:
    """Return versions by name: Python, then the packages."""
    return {"python": platform.python_version()} | {name: version(name) for name in _PACKAGES}
