"""What the last nodes of the MRI workflows share: measures, and derivatives with sidecars."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
from nipype.interfaces.base import BaseInterfaceInputSpec, TraitedSpec, traits
from numpy.typing import NDArray

from smartms_img.catalogue import endpoint
from smartms_img.config import MriQcConfig
from smartms_img.interfaces.base import SimpleInterface
from smartms_img.io.derivatives import save_derivative, save_world_matrix
from smartms_img.io.measures import Measure, QcMetric, check
from smartms_img.mri.session_measures import Value
from smartms_img.volume import Volume

Mask = NDArray[np.bool_]


def as_measures(
    values: list[Value],
    *,
    visit: str,
    method_version: str,
    sources: list[str],
    reference: str = "",
    rule: str = "",
    instead: str = "",
) -> list[Measure]:
    """Turn values into measures with the catalogue's unit and method.

    The name of a ``rule`` is added to the method; ``instead`` takes the place of the catalogue's.
    """
    return [
        Measure(
            PARAMCD=value.paramcd,
            LOC=value.loc,
            value=value.value,
            unit=endpoint(value.paramcd).unit,
            method="; ".join(
                filter(None, (f"smartms {instead or endpoint(value.paramcd).method}", rule))
            ),
            method_version=method_version,
            visit=visit,
            reference=reference,
            source=tuple(sources),
        )
        for value in values
    ]


def flair_checks(
    information: float, seen: Mask, brain: Mask, limits: MriQcConfig, scope: Sequence[str]
) -> list[QcMetric]:
    """Check that the FLAIR shows the head of the T1w, and all of its brain.

    ``information`` is what T1w and FLAIR tell of each other; ``seen`` is where the FLAIR shows
    anything.
    """
    return [
        check(
            "flair_matches_t1w",
            information,
            at_least=limits.min_contrast_information,
            scope=scope,
        ),
        check(
            "flair_coverage",
            float(seen[brain].mean()) if brain.any() else 0.0,
            at_least=limits.min_flair_coverage,
            scope=scope,
        ),
    ]


class StoreInputSpec(BaseInterfaceInputSpec):
    """Inputs of every node that writes derivatives."""

    staging = traits.Str(mandatory=True)
    stem = traits.Str(mandatory=True)
    seed = traits.Int(mandatory=True)
    sources = traits.List(mandatory=True)


class _StoreOutputSpec(TraitedSpec):
    stem = traits.Str()


class Store(SimpleInterface):
    """Writes images and world matrices below the staging folder, named after the stem."""

    output_spec = _StoreOutputSpec
    method_version: ClassVar[str]

    def _save(
        self, volume: Volume, name: str, description: str, dtype: type = np.float32, **extra: bool
    ) -> None:
        save_derivative(
            volume,
            Path(self.inputs.staging) / f"{self.inputs.stem}_{name}.nii.gz",
            description=description,
            sources=self.inputs.sources,
            method_version=self.method_version,
            seed=self.inputs.seed,
            dtype=dtype,
            extra=extra,
        )

    def _matrix(self, matrix: list[list[float]], name: str, source: str, target: str) -> None:
        path = Path(self.inputs.staging) / f"{self.inputs.stem}_{name}_mode-image_xfm.json"
        save_world_matrix(matrix, path, source=source, target=target)
