"""Versions of what computes the numbers."""

from __future__ import annotations

import os
import platform
from functools import cache
from hashlib import sha256
from importlib.metadata import distribution, version
from pathlib import Path

import smartms_img

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
    """Return versions by name: Python, the packages, and the digest of this program's own code.

    A version of the program can be that of many commits; the digest is that of one.
    """
    packages = {name: _version(name) for name in _PACKAGES}
    return {"python": platform.python_version()} | packages | {"smartms-code": _code_digest()}


def _version(package: str) -> str:
    """Read the one line; the standard library would parse pages of description for it."""
    metadata = distribution(package).read_text("METADATA") or ""
    for line in metadata.splitlines():
        if line.startswith("Version: "):
            return line.removeprefix("Version: ").strip()
    return version(package)


@cache
def _code_digest() -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of all modules of the program.

    Every unit pays for it, so the weights of the networks, most of the bytes, are left out.
    """
    digest = sha256()
    home = Path(smartms_img.__file__).parents[1]
    for package in ("smartms_img", "pipelines"):
        for folder, _, names in sorted(os.walk(home / package)):
            for name in sorted(name for name in names if name.endswith(".py")):
                digest.update(f"{name}\n".encode())
                digest.update(Path(folder, name).read_bytes())
    return digest.hexdigest()[:16]
