"""Parameters of the MRI method, and thresholds of its automatic checks."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from smartms_img.config.base import Correlation, Fraction, Frozen, Positive, in_order

# ANTs and ITK take a signed 32-bit number.
_LARGEST_SEED = 2**31 - 1


class LesionConfig(Frozen):
    """Lesion segmentation and change."""

    masks: str = Field(
        "",
        pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]*)?$",
        description="folder below derivatives/ whose label-lesion_mask images take the place of "
        "the built-in segmentation; empty: built in",
    )
    min_volume_mm3: Positive = Field(
        14.0, description="volume of the smallest lesion, mm3: a 3 mm sphere has 14 mm3"
    )
    probability: float = Field(
        0.5, gt=0, lt=1, description="probability of the most certain voxel of a lesion, 0 to 1"
    )
    flair_z: Positive = Field(
        2.0, description="FLAIR signal that a lesion reaches, in robust SD above grey matter"
    )
    change_min_volume_mm3: Positive = Field(
        14.0,
        description="smallest lesion of a pair, and smallest part that it gains or loses, mm3",
    )
    change_z: Positive = Field(
        2.5, description="FLAIR change that counts as real, in robust SD of the noise"
    )
    change_probability: float = Field(
        0.3,
        gt=0,
        le=1,
        description="lesion probability that suffices where the FLAIR changed, 0 to 1",
    )
    enlarging_fraction: Positive = Field(
        0.5,
        description="growth that makes a lesion enlarging, fraction of its earlier volume near by",
    )
    shrinking_fraction: float = Field(
        0.333,
        gt=0,
        lt=1,
        description="loss that makes a lesion shrinking, fraction of its earlier volume near by",
    )


class MriConfig(Frozen):
    """MRI method."""

    seed: int = Field(1234, ge=1, le=_LARGEST_SEED, description="random seed of every ANTs call")
    atlas_spacing_mm: float = Field(
        2.0, ge=1, le=5, description="voxel size of the registration to MNI152, mm"
    )
    pair_spacing_mm: float = Field(
        1.0, ge=0.8, le=5, description="voxel size of the halfway space of two visits, mm"
    )
    lesions: LesionConfig = LesionConfig()


class MriQcConfig(Frozen):
    """Thresholds of the automatic MRI checks."""

    min_pair_correlation: Correlation = Field(
        0.90,
        description="smallest T1w correlation (-1 to 1) in the brain of two visits after "
        "registration",
    )
    min_same_head_correlation: Correlation = Field(
        0.80,
        description="smallest T1w correlation (-1 to 1) in the brain of two visits after rigid "
        "alignment",
    )
    max_pbvc_asymmetry: Positive = Field(
        0.2,
        description="largest difference of PBVC weighed by either visit, percentage points",
    )
    max_voxel_ratio: float = Field(
        1.1, ge=1, description="largest ratio of a voxel's edge between the visits of a pair"
    )
    max_flair_voxel_ratio: float = Field(
        2.0, ge=1, description="largest ratio of a FLAIR voxel's edge between the visits of a pair"
    )
    min_flair_coverage: Fraction = Field(
        0.9, description="smallest fraction of the brain that a FLAIR shows, in a pair both"
    )
    max_scale_percent: Positive = Field(
        1.5,
        description="largest change of all volumes by the scanner's scaling, which is measured on "
        "the skull and taken out, percentage points",
    )
    min_template_correlation: Correlation = Field(
        0.55, description="smallest T1w correlation (-1 to 1) with MNI152 in the brain"
    )
    min_contrast_information: Fraction = Field(
        0.06,
        description="smallest normalised mutual information (0 to 1) of FLAIR and T1w inside the "
        "brain",
    )
    min_snr: Positive = Field(
        5.0, description="smallest ratio of mean to SD of the T1w signal in white matter"
    )
    min_cnr: Positive = Field(
        0.8,
        description="smallest ratio of the T1w difference of white and grey matter to their "
        "pooled SD",
    )
    max_cjv: Positive = Field(
        1.2,
        description="largest ratio of the summed SD of white and grey matter to their T1w "
        "difference (coefficient of joint variation)",
    )
    max_edge_fraction: Fraction = Field(
        0.03, description="largest fraction of brain voxels on the edge of the field of view"
    )
    max_volume_change: Fraction = Field(
        0.08,
        description="largest change of brain-mask volume in a pair, fraction (natural logarithm "
        "of the ratio of the volumes)",
    )
    tiv_range_ml: Annotated[tuple[Positive, Positive], AfterValidator(in_order)] = Field(
        (900.0, 2200.0), description="smallest and largest believable intracranial volume, mL"
    )
