"""Last nodes of the pair workflow: endpoints, automatic checks, derivatives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from nipype.interfaces.base import BaseInterfaceInputSpec, TraitedSpec, isdefined, traits

from smartms_img.config import MriQcConfig
from smartms_img.interfaces.arrays import get, get_arrays, get_mask
from smartms_img.interfaces.base import SimpleInterface
from smartms_img.interfaces.results import Store, StoreInputSpec, as_measures, flair_checks
from smartms_img.io.atomic import write_text
from smartms_img.io.layout import lesions_file, measures_file, qc_file
from smartms_img.io.measures import Measure, QcMetric, check, write_measures, write_qc
from smartms_img.method import METHOD_VERSION
from smartms_img.mri.atrophy import (
    VolumeChange,
    annualised_percent,
    region_weights,
    volume_changes,
)
from smartms_img.mri.lesion_change import ChangeRule, change_values
from smartms_img.mri.pair_space import left_right_advantage, voxel_ratio
from smartms_img.mri.quality import mutual_information
from smartms_img.mri.session_measures import Value
from smartms_img.mri.skull_scale import ScaleChange
from smartms_img.mri.slow_expansion import expansion_values
from smartms_img.mri.spaces import similarity_in_mask
from smartms_img.mri.tissue import Tissue
from smartms_img.naming import QcStatus, UnitKind

_VERSION = METHOD_VERSION[UnitKind.PAIR]
_LESION_CHANGE = (
    "NEWLN", "NEWLV", "ENLLN", "ENLLV", "SHRLN", "RESLN", "ATLV", "SELLN", "SELLV",
)  # fmt: skip


class _MeasurePairInputSpec(BaseInterfaceInputSpec):
    staging = traits.Str(mandatory=True)
    stem = traits.Str(mandatory=True)
    sessions = traits.List(traits.Str(), mandatory=True)
    years = traits.Either(None, traits.Float(), desc="years between the visits")
    sources = traits.List(mandatory=True)
    both = traits.Str(mandatory=True)
    middle = traits.Str(mandatory=True)
    lesions = traits.Str(desc="undefined, as the two below, where a visit has no FLAIR")
    change = traits.Str()
    atrophied = traits.Str()
    expanding = traits.Str(desc="undefined also where the days between the visits are unknown")
    rule = traits.Any(mandatory=True)
    lesion_source = traits.Str("", usedefault=True, desc="where masks come from, for METHOD")
    scale = traits.Any(mandatory=True, desc="ScaleChange that was taken out, or None")
    spacings_mm = traits.List(mandatory=True, desc="voxel size of the T1w of both visits")
    flair_spacings_mm = traits.List(desc="of the FLAIR; undefined where a visit has none")
    thresholds = traits.Any(mandatory=True)


class _MeasurePairOutputSpec(TraitedSpec):
    measures = traits.Str()


class MeasurePair(SimpleInterface):
    """Write the endpoints and the automatic checks of a pair."""

    input_spec, output_spec = _MeasurePairInputSpec, _MeasurePairOutputSpec

    def _compute(self, folder: Path) -> None:  # noqa: ARG002 - writes to the staging folder
        staging, stem = Path(self.inputs.staging), self.inputs.stem
        both, middle = get_arrays(self.inputs.both), get_arrays(self.inputs.middle)
        changes = volume_changes(
            middle["jacobian_base"],
            middle["jacobian_follow"],
            region_weights(Tissue.of(middle, "_base"), middle["regions_base"]),
            region_weights(Tissue.of(middle, "_follow"), middle["regions_follow"]),
        )
        volumes = self._volume_values(changes)
        scale: ScaleChange | None = self.inputs.scale
        held = "scale held by the skull" if scale else "scale not held: no skull in view"
        measures = self._measures(volumes, held)
        if isdefined(self.inputs.change):
            rule: ChangeRule = self.inputs.rule
            named = "; ".join(filter(None, (rule.name, self.inputs.lesion_source)))
            measures += self._measures(self._lesion_values(), named)
        write_measures(staging / measures_file(stem), measures)
        scope = tuple(value.paramcd for value in volumes)
        checks = self._checks(both, middle, changes, scope)
        if isdefined(self.inputs.change):
            checks += self._flair_checks(both)
        write_qc(staging / qc_file(stem), checks)
        self._results["measures"] = str(staging / measures_file(stem))

    def _measures(self, values: list[Value], rule: str = "") -> list[Measure]:
        reference, follow = self.inputs.sessions
        return as_measures(
            values,
            visit=follow,
            reference=reference,
            method_version=_VERSION,
            sources=self.inputs.sources,
            rule=rule,
        )

    def _volume_values(self, changes: dict[str, VolumeChange]) -> list[Value]:
        values = [Value(name, "", change.percent) for name, change in changes.items()]
        if self.inputs.years:
            yearly = annualised_percent(changes["PBVC"].percent, self.inputs.years)
            values.append(Value("PBVCY", "", yearly))
        return values

    def _lesion_values(self) -> list[Value]:
        change = get(self.inputs.change)
        lesions, atrophied = get_mask(self.inputs.lesions), get_mask(self.inputs.atrophied)
        voxel_mm = change.spacing_mm[0]
        values = change_values(change.data, lesions.data, atrophied.data, voxel_mm)
        if isdefined(self.inputs.expanding):
            expanding = get_mask(self.inputs.expanding).data
            values += expansion_values(expanding, lesions.data, voxel_mm)
        return values

    def _checks(
        self,
        both: dict[str, np.ndarray],
        middle: dict[str, np.ndarray],
        changes: dict[str, VolumeChange],
        volume_endpoints: tuple[str, ...],
    ) -> list[QcMetric]:
        limits: MriQcConfig = self.inputs.thresholds
        inside = (both["mask_base"] > 0.5) & (both["mask_follow"] > 0.5)
        volumes = [float((both[f"mask_{name}"] > 0.5).sum()) for name in ("base", "follow")]
        pbvc = changes["PBVC"]
        return [
            check(
                "same_head_correlation",
                similarity_in_mask(middle["rigid_base"], middle["rigid_follow"], inside),
                at_least=limits.min_same_head_correlation,
            ),
            check(
                "left_right_advantage",
                left_right_advantage(both["t1w_base"], both["t1w_follow"], inside),
                at_least=0.0,
            ),
            check(
                "pair_correlation",
                similarity_in_mask(middle["t1w_base"], middle["t1w_follow"], inside),
                at_least=limits.min_pair_correlation,
            ),
            check(
                "brain_mask_change",
                abs(float(np.log(volumes[1] / volumes[0]))),
                at_most=limits.max_volume_change,
            ),
            check(
                "pbvc_asymmetry",
                abs(pbvc.by_earlier - pbvc.by_later),
                at_most=limits.max_pbvc_asymmetry,
                scope=volume_endpoints,
            ),
            # Another voxel size is another partial volume at every edge: it reads as atrophy.
            check(
                "voxel_ratio",
                voxel_ratio(*self.inputs.spacings_mm),
                at_most=limits.max_voxel_ratio,
                scope=volume_endpoints,
            ),
            self._scanner_scale(volume_endpoints),
        ]

    def _flair_checks(self, both: dict[str, np.ndarray]) -> list[QcMetric]:
        """Check what lesion change needs: the FLAIR of both visits, of one head and one kind."""
        limits: MriQcConfig = self.inputs.thresholds
        visits = ("base", "follow")
        inside = np.logical_and(*(both[f"mask_{name}"] > 0.5 for name in visits))
        seen = np.logical_and(*(both[f"shown_{name}"] > 0.5 for name in visits))
        shared = [
            mutual_information(both[f"t1w_{name}"], both[f"flair_{name}"], inside & seen)
            for name in visits
        ]
        return [
            *flair_checks(min(shared), seen, inside, limits, _LESION_CHANGE),
            check(
                "flair_voxel_ratio",
                voxel_ratio(*self.inputs.flair_spacings_mm),
                at_most=limits.max_flair_voxel_ratio,
                scope=_LESION_CHANGE,
            ),
        ]

    def _scanner_scale(self, volume_endpoints: tuple[str, ...]) -> QcMetric:
        """Check the scaling that was taken out; without a skull nobody knows it."""
        name, scale = "scanner_scale_percent", self.inputs.scale
        limit = self.inputs.thresholds.max_scale_percent
        if scale is not None:
            return check(name, abs(scale.volume_percent), at_most=limit, scope=volume_endpoints)
        reason = "no skull in view: a change of the scanner's scale reads as a change of volume"
        return QcMetric(name, None, f"<= {limit:g}", QcStatus.NOTRUN, reason, volume_endpoints)


class _StorePairInputSpec(StoreInputSpec):
    sessions = traits.List(traits.Str(), mandatory=True)
    both = traits.Str(mandatory=True)
    grid = traits.Str(mandatory=True)
    log_jacobian = traits.Str(mandatory=True)
    change = traits.Str(desc="undefined, as the table below, where a visit has no FLAIR")
    rows = traits.Str(desc="table of lesions")
    rule = traits.Any(mandatory=True)
    to_base = traits.List(mandatory=True)
    to_follow = traits.List(mandatory=True)


class StorePair(Store):
    """Write the derivatives of a pair with their sidecars."""

    input_spec = _StorePairInputSpec
    method_version = _VERSION

    def _compute(self, folder: Path) -> None:  # noqa: ARG002 - writes to the staging folder
        both, grid = get_arrays(self.inputs.both), get(self.inputs.grid)
        for name, session in zip(("base", "follow"), self.inputs.sessions, strict=True):
            for contrast, suffix in (("t1w", "T1w"), ("flair", "FLAIR")):
                if f"{contrast}_{name}" not in both:
                    continue
                self._save(
                    grid.like(both[f"{contrast}_{name}"]),
                    f"space-halfway_desc-{session}_{suffix}",
                    f"{suffix} of ses-{session} in the halfway space",
                )
        self._save(
            grid.like(both["mask"]),
            "space-halfway_desc-brain_mask",
            "Brain of both visits in the halfway space",
            np.uint8,
        )
        self._save(
            get(self.inputs.log_jacobian),
            "space-halfway_desc-logjacobian_map",
            "Logarithm of local volume at the follow-up over that at the reference",
        )
        if isdefined(self.inputs.change):
            rule: ChangeRule = self.inputs.rule
            self._save(
                get(self.inputs.change),
                "space-halfway_desc-lesionchange_dseg",
                f"1 new, 2 enlarging, 3 shrinking, 4 resolved; rule {rule.name}",
                np.uint8,
            )
            table = Path(self.inputs.staging) / lesions_file(self.inputs.stem)
            write_text(table, Path(self.inputs.rows).read_text(encoding="utf-8"))
        worlds = (self.inputs.to_base, self.inputs.to_follow)
        for session, world in zip(self.inputs.sessions, worlds, strict=True):
            name = f"from-halfway_to-{session}"
            self._matrix(world, name, "the halfway space", f"the T1w of ses-{session}")
        self._results["stem"] = self.inputs.stem
