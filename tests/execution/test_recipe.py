from pathlib import Path

import pytest
from fake_smartms import fake_config, make_dataset, run_engine

from smartms_img.config import StudyConfig, unit_digest
from smartms_img.execution.plan_file import read_plan
from smartms_img.execution.recipe import RecipeBook
from smartms_img.execution.state import unit_states
from smartms_img.method import METHOD_VERSION
from smartms_img.naming import UnitKind


def changed(section: str, **values: object) -> StudyConfig:
    content = fake_config().model_dump()
    part = content[section] if section else content
    part.update(values)
    return StudyConfig.model_validate(content)


@pytest.mark.parametrize(
    ("config", "kinds"),
    [
        (changed("mri", seed=7), {UnitKind.SESSION, UnitKind.PAIR}),
        (changed("oct", min_sector_coverage=0.8), {UnitKind.EYE, UnitKind.SUBJECT}),
        (changed("", baseline="M06"), {UnitKind.EYE}),
        (changed("", study_id="OTHER"), set()),
    ],
)
def test_a_unit_depends_on_the_configuration_it_reads(
    config: StudyConfig, kinds: set[UnitKind]
) -> None:
    before = fake_config()
    differ = {kind for kind in UnitKind if unit_digest(kind, config) != unit_digest(kind, before)}
    assert differ == kinds


def test_what_makes_a_done_unit_pending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bids, out = make_dataset(tmp_path / "bids", s01={}), tmp_path / "out"
    run_engine(bids, out, launcher="dask")
    units = read_plan(out)

    def pending(config: StudyConfig, bids: Path | None = bids) -> set[str]:
        states = unit_states(units, out, RecipeBook(out, config, bids))
        return {name for name, state in states.items() if state.state == "pending"}

    assert pending(fake_config()) == set()
    oct_units = {unit.id for unit in units if unit.kind in {UnitKind.EYE, UnitKind.SUBJECT}}
    assert pending(changed("oct", layer_source="device")) == oct_units
    with monkeypatch.context() as patch:
        patch.setitem(METHOD_VERSION, UnitKind.PAIR, "next")
        assert pending(fake_config()) == {"sub-01_ses-M06_ref-M00_pair"}

    # Days enter the annualised change of a pair, and nothing that one visit measures.
    table = bids / "sub-01/sub-01_sessions.tsv"
    table.write_text(table.read_text().replace("180", "181"))
    assert pending(fake_config()) == {"sub-01_ses-M06_ref-M00_pair", "sub-01_subject"}
    # Without the dataset at hand, only the output directory can tell.
    assert pending(fake_config(), None) == set()

    # The sidecar of a scan belongs to it.
    sidecar = bids / "sub-01/ses-M06/oct/sub-01_ses-M06_eye-OD_acq-ring_oct.json"
    sidecar.write_text("{}")
    assert "sub-01_ses-M06_eye-OD_acq-ring" in pending(fake_config())
