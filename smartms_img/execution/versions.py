"""Versions of what computes the numbers."""

from __future__ import annotations

import platform
from functools import cache
from hashlib import sha256
from importlib.metadata import version
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
    """Return versions by name: Python, the packages, and the digest of this program's own files.

    A version of the program can be that of many commits; the digest is that of one.
    """
    packages = {name: version(name) for name in _PACKAGES}
    return {"python": platform.python_version()} | packages | {"smartms-code": _code_digest()}


@cache
def _code_digest() -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of all files of the program."""
    digest = sha256()
    home = Path(smartms_img.__file__).parent
    for folder in (home, home.parent / "pipelines"):
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(f"{path.relative_to(home.parent).as_posix()}\n".encode())
                digest.update(sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]
