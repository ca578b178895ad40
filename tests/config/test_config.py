from __future__ import annotations

import json
import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from config_files import load, study
from pydantic import ValidationError

from smartms_img.config import (
    ClusterConfig,
    MriConfig,
    OctConfig,
    QcConfig,
    StudyConfig,
    default_study,
    load_cluster,
    load_study,
    study_digest,
)

CONFIGS = Path(__file__).parents[2] / "configs"
SCHEMA = "configs/smart-ms.schema.json"
REGENERATE = (
    'python -c "import json; from smartms_img.config import StudyConfig as S; '
    f'print(json.dumps(S.model_json_schema(), indent=2))" > {SCHEMA}'
)


def test_configuration_is_frozen() -> None:
    config = default_study()
    for part, name in ((config, "baseline"), (config.mri, "seed"), (config.visits[0], "label")):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(part, name, getattr(part, name))


def test_every_follow_up_is_compared_with_the_baseline() -> None:
    content = study(baseline="M06", extra_pairs=[{"reference": "M00", "follow": "M06"}])
    config = StudyConfig.model_validate(content)
    pairs = [(pair.reference, pair.follow) for pair in config.pairs]
    assert pairs == [("M06", "M00"), ("M00", "M06")]


def test_digest_does_not_depend_on_the_order_of_keys(tmp_path: Path) -> None:
    content = study(
        mri={"seed": 7, "lesions": {"flair_z": 3, "change_z": 2}}, oct={"eyes": ["OD"]}
    )
    shuffled = _shuffled(content, random.Random(5))  # noqa: S311 - no secret
    texts = [yaml.safe_dump(part, sort_keys=False) for part in (content, shuffled)]
    assert texts[0] != texts[1]
    digests = {study_digest(load(tmp_path, text)) for text in texts}
    assert len(digests) == 1


def _shuffled(content: Any, generator: random.Random) -> Any:
    if not isinstance(content, dict):
        return content
    keys = list(content)
    generator.shuffle(keys)
    return {key: _shuffled(content[key], generator) for key in keys}


def test_digest_of_a_written_default_is_that_of_the_default() -> None:
    written = StudyConfig.model_validate(study(mri={"seed": MriConfig().seed}))
    assert study_digest(written) == study_digest(StudyConfig.model_validate(study()))


@pytest.mark.parametrize(
    "changes",
    [
        {"study_id": "OTHER"},
        {"baseline": "M06"},
        {"mri": {"seed": 1}},
        {"qc": {"mri": {"min_snr": 6}}},
        {"extra_pairs": [{"reference": "M06", "follow": "M00"}]},
    ],
)
def test_digest_changes_with_every_setting(changes) -> None:
    digests = [study_digest(StudyConfig.model_validate(study(**c))) for c in ({}, changes)]
    assert digests[0] != digests[1]


def test_the_order_of_visits_counts() -> None:
    content = study()
    backward = study(visits=content["visits"][::-1])
    digests = [study_digest(StudyConfig.model_validate(c)) for c in (content, backward)]
    assert digests[0] != digests[1]


def test_shipped_study_has_the_visits_of_the_trial_and_default_methods() -> None:
    config = load_study(CONFIGS / "smart-ms.yaml")
    assert config == default_study()
    assert [visit.label for visit in config.visits] == ["M00", "M06", "M12", "M18"]
    assert [visit.number for visit in config.visits] == [0, 6, 12, 18]
    windows = [visit.window_days for visit in config.visits]
    assert all(first[1] < second[0] for first, second in pairwise(windows))
    assert (config.mri, config.oct, config.qc) == (MriConfig(), OctConfig(), QcConfig())


@pytest.mark.parametrize(("name", "launcher"), [("local", "dask"), ("debug", "inprocess")])
def test_shipped_cluster_files(name: str, launcher: str) -> None:
    config = load_cluster(CONFIGS / "clusters" / f"{name}.yaml")
    assert config == ClusterConfig.model_validate({"launcher": launcher})


def test_shipped_schema_is_that_of_the_model() -> None:
    shipped = json.loads((CONFIGS / "smart-ms.schema.json").read_text(encoding="utf-8"))
    assert shipped == json.loads(json.dumps(StudyConfig.model_json_schema())), (
        f"{SCHEMA} is out of date; in the root of the repository run: {REGENERATE}"
    )


def test_schema_refuses_unknown_keys_and_asks_for_the_study() -> None:
    schema = StudyConfig.model_json_schema()
    objects = [part for part in schema["$defs"].values() if part["type"] == "object"]
    assert all(part["additionalProperties"] is False for part in (schema, *objects))
    assert schema["required"] == ["study_id", "visits", "baseline"]
