"""The derivatives of a visit as later units read them back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np

from smartms_img.io.layout import session_stem
from smartms_img.volume import Matrix, Volume


@dataclass(frozen=True)
class SessionFiles:
    """Derivatives of one visit below an output directory."""

    out: Path
    subject: str
    session: str

    def image(self, name: str) -> Volume:
        """Read ``<stem>_<name>.nii.gz``."""
        return read_derivative(self._path(f"{name}.nii.gz"))

    def mask(self, name: str) -> Volume:
        """Read a mask as booleans."""
        volume = self.image(name)
        return volume.like(volume.data > 0)

    def tissue(self) -> dict[str, Volume]:
        """Read the tissue posteriors by class."""
        labels = {"csf": "CSF", "grey": "GM", "white": "WM"}
        return {name: self.image(f"label-{label}_probseg") for name, label in labels.items()}

    @property
    def flair_to_t1w(self) -> Matrix:
        """Rigid world matrix from the FLAIR to the T1w."""
        return read_world_matrix(self._path("from-FLAIR_to-T1w_mode-image_xfm.json"))

    @property
    def skull_stripped(self) -> bool:
        """Whether the T1w came skull-stripped."""
        sidecar = self._path("desc-preproc_T1w.json").read_text(encoding="utf-8")
        return bool(json.loads(sidecar)["SkullStripped"])

    def _path(self, name: str) -> Path:
        return self.out / f"{session_stem(self.subject, self.session)}_{name}"


def read_derivative(path: Path) -> Volume:
    """Read an image that the pipeline wrote."""
    image = nibabel.load(path)
    return Volume(np.asarray(image.dataobj), np.asarray(image.affine, dtype=np.float64))


def read_world_matrix(path: Path) -> Matrix:
    """Read a world matrix that the pipeline wrote."""
    return np.array(json.loads(path.read_text(encoding="utf-8"))["Matrix"])
