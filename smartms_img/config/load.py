"""Read configuration files and digest them."""

from __future__ import annotations

import difflib
import hashlib
import json
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from smartms_img.config.cluster import ClusterConfig
from smartms_img.config.study import StudyConfig
from smartms_img.errors import ConfigurationError

Model = TypeVar("Model", bound=BaseModel)


def load_study(path: Path) -> StudyConfig:
    """Read a study configuration.

    Raises
    ------
    ConfigurationError
        If the file is missing, is not YAML, or has an unknown or invalid key.
    """
    return _parse(StudyConfig, _read_yaml(path), path.name)


def default_study() -> StudyConfig:
    """Return the study configuration that the package ships (SMART-MS)."""
    package = Path(__file__).parents[1]
    installed, checkout = package / "configs", package.parent / "configs"
    return load_study((installed if installed.is_dir() else checkout) / "smart-ms.yaml")


def load_cluster(path: Path) -> ClusterConfig:
    """Read an execution configuration; errors as :func:`load_study`."""
    return _parse(ClusterConfig, _read_yaml(path), path.name)


def study_digest(config: BaseModel) -> str:
    """Return the SHA-256 (hex) of a resolved configuration or a part of one."""
    text = json.dumps(config.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _read_yaml(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a text file"
        raise ConfigurationError(
            f"cannot be read ({reason})", "Check the path", file=path.name
        ) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        raise ConfigurationError(f"is not YAML{where}", "Correct it", file=path.name) from error


def _parse(model: type[Model], content: Any, file: str) -> Model:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "(top level)"
        if first["type"] == "extra_forbidden":
            remedy = _did_you_mean(model, first["loc"])
            raise ConfigurationError(f"unknown key '{key}'", remedy, file=file) from error
        raise ConfigurationError(f"'{key}': {first['msg']}", "Correct it", file=file) from error


def _did_you_mean(model: type[BaseModel], location: tuple[int | str, ...]) -> str:
    known = sorted(_keys(model))
    close = difflib.get_close_matches(str(location[-1]), known, n=1)
    return f"Did you mean '{close[0]}'?".rstrip("?") if close else "Remove it"


def _keys(model: type[BaseModel]) -> set[str]:
    keys = set(model.model_fields)
    for field in model.model_fields.values():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            keys |= _keys(field.annotation)
    return keys
