"""Digests of a configuration: equal digests, equal method."""

from __future__ import annotations

import hashlib
import json

from smartms_img.config.study import StudyConfig
from smartms_img.naming import UnitKind


def study_digest(config: StudyConfig) -> str:
    """Return the SHA-256 (hex) of a whole resolved configuration."""
    return content_digest(config.model_dump(mode="json"))


def unit_digest(kind: UnitKind, config: StudyConfig) -> str:
    """Return the SHA-256 (hex) of the part of the configuration that units of a kind read."""
    content = config.model_dump(mode="json")
    oct_method = {"oct": content["oct"]}
    mri_method = {"mri": content["mri"], "qc": content["qc"]["mri"]}
    part = {
        UnitKind.SESSION: mri_method,
        UnitKind.PAIR: mri_method,
        UnitKind.EYE: oct_method | {"qc": content["qc"]["oct"], "baseline": content["baseline"]},
        UnitKind.SUBJECT: oct_method,
    }
    return content_digest(part[kind])


def content_digest(content: object) -> str:
    """Return the SHA-256 (hex) of JSON content, whatever the order of its keys."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
