"""The study configuration: visits, scans, method parameters, thresholds.

Everything here can change a number, so all of it enters the configuration digest and no
command-line flag overrides it.
"""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from smartms_img.naming import Contrast, Eye, OctScanKind


class Frozen(BaseModel):
    """Immutable model that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class VisitConfig(Frozen):
    """One planned visit."""

    label: str = Field(pattern=r"^[A-Za-z0-9]+$", description="BIDS session label, without 'ses-'")
    name: str = Field(description="AVISIT: the analysis visit's name")
    number: int = Field(description="AVISITN: the analysis visit's number (months)")
    window_days: tuple[int, int] = Field(
        description="days since baseline that the visit may fall on"
    )


class PairConfig(Frozen):
    """Two visits whose MRI is compared; change runs from ``reference`` to ``follow``."""

    reference: str
    follow: str


class LesionConfig(Frozen):
    """Lesion segmentation and change."""

    min_volume_mm3: float = Field(
        14.0, gt=0, description="smallest lesion: a 3 mm sphere has 14 mm3"
    )
    mask_source: str = Field(
        "smartms", description="'smartms', or the name of a derivatives folder with lesion masks"
    )
    flair_z: float = Field(
        2.2, gt=0, description="FLAIR signal above tissue, in robust SD, of a lesion"
    )
    change_min_volume_mm3: float = Field(14.0, gt=0, description="smallest new or resolved lesion")
    change_z: float = Field(
        2.5, gt=0, description="FLAIR change, in noise SD, that counts as real"
    )
    enlarging_fraction: float = Field(
        0.5, gt=0, description="growth that makes a lesion enlarging"
    )
    shrinking_fraction: float = Field(0.33, gt=0, lt=1, description="loss that makes it shrinking")


class MriConfig(Frozen):
    """MRI method."""

    required: tuple[Contrast, ...] = (Contrast.T1W, Contrast.FLAIR)
    optional: tuple[Contrast, ...] = (Contrast.T2W,)
    seed: int = Field(1234, ge=1, description="random seed of every ANTs call")
    atlas_spacing_mm: float = Field(
        2.0, ge=1, description="voxel size of the registration to MNI152"
    )
    pair_spacing_mm: float = Field(1.0, ge=0.8, description="voxel size of the halfway space")
    lesions: LesionConfig = LesionConfig()


class OctConfig(Frozen):
    """OCT method."""

    eyes: tuple[Eye, ...] = (Eye.OD, Eye.OS)
    scans: tuple[OctScanKind, ...] = (OctScanKind.RING, OctScanKind.MACULA)
    layer_source: str = Field(
        "smartms", description="'smartms' or 'device': which layers are measured"
    )
    min_sector_coverage: float = Field(
        0.9, gt=0, le=1, description="a sector covered less is not reported"
    )
    max_alignment_shift_um: float = Field(
        600.0, gt=0, description="largest believable follow-up shift"
    )
    inter_eye_thresholds: str = Field(
        "McDonald-2024", description="'IMSVISUAL-2019' or 'McDonald-2024'"
    )
    exclude_optic_neuritis: bool = Field(
        default=True, description="leave eyes with optic neuritis out of means of both eyes"
    )


class MriQcConfig(Frozen):
    """Thresholds of the automatic MRI checks."""

    min_pair_correlation: float = Field(
        0.90, description="T1w correlation in the brain after registration"
    )
    min_same_head_correlation: float = Field(
        0.80, description="T1w correlation in the brain after rigid alignment of two visits"
    )
    max_pbvc_asymmetry: float = Field(
        0.2, description="difference of PBVC weighed by either visit, percentage points"
    )
    min_template_correlation: float = Field(
        0.55, description="T1w correlation with MNI152 in the brain"
    )
    min_contrast_information: float = Field(
        0.06, description="normalised mutual information of FLAIR and T1w inside the brain"
    )
    min_snr: float = 5.0
    min_cnr: float = 0.8
    max_cjv: float = 1.2
    max_wm_drift: float = Field(
        0.35, description="relative change of white-matter signal, FLAIR over T1w"
    )
    max_edge_fraction: float = Field(
        0.03, description="brain voxels on the edge of the field of view"
    )
    max_volume_change: float = Field(
        0.08, description="relative change of brain-mask volume in a pair"
    )
    tiv_range_ml: tuple[float, float] = (900.0, 2200.0)


class OctQcConfig(Frozen):
    """Thresholds of the automatic OCT checks (OSCAR-IB)."""

    min_quality_db: float = Field(15.0, description="Spectralis signal quality")
    min_frames: int = Field(1, description="averaged frames")
    max_missing_ascans: float = Field(0.05, description="share of A-scans without a layer")
    max_clipped_ascans: float = Field(0.02, description="share of A-scans cut at the image edge")
    min_confidence: float = Field(0.5, description="mean boundary confidence")
    max_centration_um: float = Field(500.0, description="fovea to centre of the scan")


class QcConfig(Frozen):
    """All automatic checks."""

    mri: MriQcConfig = MriQcConfig()
    oct: OctQcConfig = OctQcConfig()


class StudyConfig(Frozen):
    """Study and method."""

    study_id: str = Field(pattern=r"^[A-Za-z0-9-]+$", description="STUDYID of the tables")
    visits: tuple[VisitConfig, ...] = Field(min_length=1)
    baseline: str = Field(description="label of the baseline visit")
    extra_pairs: tuple[PairConfig, ...] = Field(
        (), description="pairs besides follow-up against baseline"
    )
    mri: MriConfig = MriConfig()
    oct: OctConfig = OctConfig()
    qc: QcConfig = QcConfig()

    @model_validator(mode="after")
    def _visits_are_known(self) -> Self:
        labels = [visit.label for visit in self.visits]
        if len(set(labels)) != len(labels):
            raise ValueError("visit labels must be unique")
        if len({visit.name for visit in self.visits}) != len(labels):
            raise ValueError("visit names must be unique")
        named = {self.baseline} | {v for p in self.extra_pairs for v in (p.reference, p.follow)}
        if unknown := sorted(named - set(labels)):
            raise ValueError(f"unknown visit {', '.join(unknown)}; visits are {', '.join(labels)}")
        return self

    @property
    def pairs(self) -> tuple[PairConfig, ...]:
        """Every follow-up against the baseline, then the extra pairs."""
        follow = [visit.label for visit in self.visits if visit.label != self.baseline]
        regular = tuple(PairConfig(reference=self.baseline, follow=label) for label in follow)
        return regular + self.extra_pairs

    def visit(self, label: str) -> VisitConfig | None:
        """Return the planned visit of a session label, or None for an unplanned session."""
        return next((visit for visit in self.visits if visit.label == label), None)
