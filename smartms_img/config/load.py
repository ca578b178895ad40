"""Read configuration files."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from smartms_img.config.cluster import ClusterConfig
from smartms_img.config.refusal import refusal
from smartms_img.config.study import StudyConfig
from smartms_img.config.yaml_file import printable, read_keys

Model = TypeVar("Model", bound=BaseModel)


def load_study(path: Path) -> StudyConfig:
    """Read a study configuration.

    Raises
    ------
    ConfigurationError
        If the file is missing, is not YAML, has an unknown key or one twice, or a value that
        cannot be meant.
    """
    return _load(StudyConfig, path)


def default_study() -> StudyConfig:
    """Return the study configuration that the package ships (SMART-MS)."""
    package = Path(__file__).parents[1]
    installed, checkout = package / "configs", package.parent / "configs"
    return load_study((installed if installed.is_dir() else checkout) / "smart-ms.yaml")


def load_cluster(path: Path) -> ClusterConfig:
    """Read an execution configuration; errors as :func:`load_study`."""
    return _load(ClusterConfig, path)


def _load(model: type[Model], path: Path) -> Model:
    content = read_keys(path)
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise refusal(model, error, printable(path.name)) from error
