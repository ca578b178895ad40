from pathlib import Path

import pytest
from fake_smartms import fake_config, make_dataset

from smartms_img.execution.child import ChildExit, Job
from smartms_img.execution.needs import UNIT_SECONDS, Needs, longest_first
from smartms_img.execution.recipe import RecipeBook
from smartms_img.execution.schedule import Schedule
from smartms_img.execution.survey import survey


class CountingLauncher:
    """Every job ends with exit code 1 as soon as it is waited for."""

    slots = 4

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.most = 0

    def start(self, job: Job) -> None:
        self.jobs.append(job)
        self.most = max(self.most, len(self.jobs))

    def wait(self) -> ChildExit:
        return ChildExit(self.jobs.pop(0).unit, 1, 1, 1.0, 0.0)

    def kill(self) -> None:
        self.jobs.clear()

    def close(self) -> None:
        self.jobs.clear()


# A session is counted as 3 GB; four slots are never exceeded.
@pytest.mark.parametrize(("memory_gb", "most"), [(100.0, 4), (6.0, 2), (5.9, 1)])
def test_units_side_by_side_fit_memory_and_slots(
    tmp_path: Path, memory_gb: float, most: int
) -> None:
    bids = make_dataset(tmp_path / "bids", s01={}, s02={}, s03={})
    units = survey(bids, fake_config()).units
    launcher = CountingLauncher()
    schedule = Schedule(
        units=units,
        selected={unit.id for unit in units if unit.kind == "session"},
        out=tmp_path / "out",
        book=RecipeBook(tmp_path / "out", fake_config(), bids),
        launcher=launcher,
        job=lambda unit: Job(unit.id, (), {}, bids, tmp_path / "out", tmp_path),
        seed=1,
        needs=Needs({}, {}),
        memory_gb=memory_gb,
        on_end=lambda _: None,
    )
    states = schedule.run()
    assert launcher.most == most
    assert [state.state for state in states.values()].count("failed") == 6
    assert {states[unit.id].state for unit in units if unit.kind == "pair"} == {"blocked"}


def test_units_that_others_wait_for_start_first(tmp_path: Path) -> None:
    bids = make_dataset(tmp_path / "bids", s01={}, s02={})
    units = survey(bids, fake_config()).units
    ordered = longest_first(units, lambda unit: UNIT_SECONDS[unit.kind])
    assert sorted(unit.id for unit in ordered) == sorted(unit.id for unit in units)
    place = {unit.id: n for n, unit in enumerate(ordered)}
    assert all(place[name] < place[unit.id] for unit in units for name in unit.depends)
    kinds = [unit.kind for unit in ordered]
    assert kinds.index("eye") > max(n for n, kind in enumerate(kinds) if kind == "pair")
