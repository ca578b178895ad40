"""Needs that are learnt from the ledger, and the time that is left."""

import json
from pathlib import Path

import pytest
from fake_smartms import fake_config, make_dataset, run_engine

from smartms_img.execution.needs import Needs, Usage, learn, time_left_s
from smartms_img.execution.survey import survey
from smartms_img.io.ledger import done_attempts
from smartms_img.naming import UnitKind


def usage(kind: UnitKind, seconds: float) -> Usage:
    return Usage(kind, 3, memory_gb=1.0, usual_s=seconds, longest_s=seconds, cpu_s=seconds)


def test_the_ledger_teaches_memory_and_time(tmp_path: Path) -> None:
    bids, out = make_dataset(tmp_path / "bids", s01={}), tmp_path / "out"
    run_engine(bids, out)
    spans = {"sub-01_ses-M00_mri": (60, 1000.0), "sub-01_ses-M06_mri": (100, 2000.0)}
    for unit, (seconds, mib) in spans.items():
        path = out / "ledger" / unit / "attempt-0001.json"
        content = json.loads(path.read_text())
        content["started"] = "2020-01-01T00:00:00+00:00"
        content["ended"] = f"2020-01-01T00:{seconds // 60:02d}:{seconds % 60:02d}+00:00"
        content["max_rss_mb"] = mib
        path.write_text(json.dumps(content))
    learnt = learn(survey(bids, fake_config()).units, done_attempts(out))
    assert set(learnt) == {UnitKind.SESSION, UnitKind.PAIR, UnitKind.EYE, UnitKind.SUBJECT}
    session = learnt[UnitKind.SESSION]
    assert (session.count, session.usual_s, session.longest_s) == (2, 80.0, 100.0)
    assert session.memory_gb == pytest.approx(2.097, abs=1e-3)
    assert session.suggested_memory_gb == pytest.approx(2.6)
    assert session.suggested_minutes == 4


def test_the_time_left_is_that_of_the_slots_or_of_the_longest_chain(tmp_path: Path) -> None:
    """Two sessions of 100 s and a pair of 50 s; each eye and the subject take nothing."""
    units = survey(make_dataset(tmp_path / "bids", s01={}), fake_config()).units
    times = {"session": 100.0, "pair": 50.0, "eye": 0.0, "subject": 0.0}
    needs = Needs({}, {UnitKind(kind): usage(UnitKind(kind), s) for kind, s in times.items()})
    assert time_left_s(units, needs.unit_seconds, {}, 1) == 250.0
    assert time_left_s(units, needs.unit_seconds, {}, 2) == 150.0
    assert time_left_s(units, needs.unit_seconds, {}, 8) == 150.0
    running = dict.fromkeys(("sub-01_ses-M00_mri", "sub-01_ses-M06_mri"), 60.0)
    assert time_left_s(units, needs.unit_seconds, running, 2) == 90.0
    assert time_left_s([], needs.unit_seconds, {}, 2) == 0.0
