"""Parameters of the OCT method, and thresholds of its automatic checks."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from smartms_img.config.base import Fraction, Frozen, Positive, none_twice
from smartms_img.naming import Eye, OctScanKind

LayerSource = Literal["smartms", "device"]
ThresholdSetName = Literal["IMSVISUAL-2019", "McDonald-2024"]

# JSON Schema has a word of its own for what none_twice checks.
_UNIQUE: dict[str, Any] = {"uniqueItems": True}


class OctConfig(Frozen):
    """OCT method."""

    eyes: Annotated[tuple[Eye, ...], AfterValidator(none_twice)] = Field(
        (Eye.OD, Eye.OS),
        min_length=1,
        description="eyes that are measured: OD right, OS left",
        json_schema_extra=_UNIQUE,
    )
    scans: Annotated[tuple[OctScanKind, ...], AfterValidator(none_twice)] = Field(
        (OctScanKind.RING, OctScanKind.MACULA),
        min_length=1,
        description="scans that are measured: ring round the optic disc, macula",
        json_schema_extra=_UNIQUE,
    )
    layer_source: LayerSource = Field(
        "smartms", description="whose layers are measured: of smartms or of the device"
    )
    layers: str = Field(
        "",
        pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]*)?$",
        description="folder below derivatives/ whose desc-layers.npz files are measured instead; "
        "empty: layer_source",
    )
    min_sector_coverage: float = Field(
        0.9,
        gt=0,
        le=1,
        description="fraction of a sector's area that has to be covered for a value",
    )
    max_alignment_shift_um: Positive = Field(
        600.0, description="largest believable shift of a follow-up scan, um"
    )
    inter_eye_thresholds: ThresholdSetName = Field(
        "McDonald-2024",
        description="inter-eye differences that are flagged, um: IMSVISUAL-2019 from 5 (RNFL) "
        "and 4 (GCIPL), McDonald-2024 from 6 and 4",
    )
    exclude_optic_neuritis: bool = Field(
        default=True, description="leave eyes with optic neuritis out of means of both eyes"
    )

    @property
    def measured_layers(self) -> str:
        """Whose layers are measured: ``smartms``, ``device``, or a folder of derivatives."""
        return self.layers or self.layer_source


class OctQcConfig(Frozen):
    """Thresholds of the automatic OCT checks (OSCAR-IB)."""

    min_quality_db: float = Field(
        15.0, ge=0, le=100, description="smallest signal quality that the device states, dB"
    )
    min_frames: int = Field(1, ge=1, description="smallest count of averaged frames")
    max_missing_ascans: Fraction = Field(
        0.05,
        description="largest fraction of A-scans without a visible retina, and of mirrored ones",
    )
    max_clipped_ascans: Fraction = Field(
        0.02, description="largest fraction of A-scans cut at the image edge"
    )
    min_confidence: Fraction = Field(
        0.5, description="smallest mean confidence (0 to 1) of the boundaries"
    )
    min_illumination: Fraction = Field(
        0.5,
        description="smallest brightness of a twelfth of the scan, fraction of the brightest one",
    )
    max_centration_um: Positive = Field(
        500.0, description="largest distance of the fovea from the centre of the scan, um"
    )
