"""Study configurations for tests, and how one is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from smartms_img.config import StudyConfig, load_study
from smartms_img.errors import ConfigurationError, ExitCode


def study(**changes: Any) -> dict[str, Any]:
    """A valid study of two visits, with changes."""
    visits = [
        {"label": "M00", "name": "Baseline", "number": 0, "window_days": [-60, 30]},
        {"label": "M06", "name": "Month 6", "number": 6, "window_days": [120, 270]},
    ]
    return {"study_id": "TEST", "baseline": "M00", "visits": visits} | changes


def nested(path: str, value: Any) -> dict[str, Any]:
    """``nested("mri.seed", 7)`` is ``{"mri": {"seed": 7}}``."""
    for key in reversed(path.split(".")):
        value = {key: value}
    return value


def fields(model: type[BaseModel], way: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """All settings of a model and of the models in it, by dotted path."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from fields(kind, f"{way}{name}.")
        else:
            yield f"{way}{name}", field


def load(folder: Path, content: dict[str, Any] | str | bytes) -> StudyConfig:
    path = folder / "study.yaml"
    if isinstance(content, dict):
        content = yaml.safe_dump(content)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return load_study(path)


def refusal(folder: Path, content: dict[str, Any] | str | bytes) -> str:
    """Return the error of a wrong file: one line that names the file, with exit code 2."""
    with pytest.raises(ConfigurationError) as caught:
        load(folder, content)
    return one_line(caught.value)


def one_line(error: ConfigurationError) -> str:
    line = str(error)
    assert error.exit_code is ExitCode.BAD_INPUT
    assert len(line.splitlines()) == 1
    assert line.isprintable()
    assert line.startswith("study.yaml: ")
    assert line.endswith(".")
    return line
