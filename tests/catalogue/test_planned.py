from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from smartms_img.catalogue import PlannedKey, planned_keys
from smartms_img.config import OctConfig, PairConfig, StudyConfig, default_study
from smartms_img.naming import Eye, OctScanKind, UnitKind

LABELS = ("M00", "M06", "M12", "M18")


def _study(**changes: object) -> StudyConfig:
    return default_study().model_copy(update=changes)


def _of(keys: tuple[PlannedKey, ...], paramcd: str) -> list[tuple[str, str]]:
    return [(key.visit, key.reference) for key in keys if key.paramcd == paramcd]


def test_pair_endpoints_exist_for_follow_ups_only():
    keys = planned_keys(_study())
    assert _of(keys, "PBVC") == [("M06", "M00"), ("M12", "M00"), ("M18", "M00")]
    assert _of(keys, "BPV") == [(label, "") for label in LABELS]


def test_extra_pair_adds_its_reference():
    keys = planned_keys(_study(extra_pairs=(PairConfig(reference="M06", follow="M12"),)))
    assert _of(keys, "NEWLN") == [("M06", "M00"), ("M12", "M00"), ("M12", "M06"), ("M18", "M00")]


def test_one_eye_has_no_value_of_both():
    keys = planned_keys(_study(oct=OctConfig(eyes=(Eye.OD,))))
    assert {key.lat for key in keys} == {"", "OD"}
    assert not [key for key in keys if key.endpoint.kind is UnitKind.SUBJECT]


def test_scan_that_is_not_planned_has_no_rows():
    keys = planned_keys(_study(oct=OctConfig(scans=(OctScanKind.RING,))))
    oct_codes = {key.paramcd for key in keys if key.endpoint.scan}
    assert oct_codes == {"RNFL", "IEDRNFL"}


pairs = st.tuples(st.sampled_from(LABELS), st.sampled_from(LABELS)).filter(
    lambda pair: pair[0] != pair[1]
)


@given(baseline=st.sampled_from(LABELS), extra=st.lists(pairs, max_size=4))
def test_keys_are_unique_whatever_is_compared(baseline, extra):
    compared = tuple(PairConfig(reference=one, follow=two) for one, two in extra)
    config = _study(baseline=baseline, extra_pairs=compared)
    keys = planned_keys(config)
    assert len(set(keys)) == len(keys)
    planned = {(pair.reference, pair.follow) for pair in config.pairs}
    assert {(key.reference, key.visit) for key in keys if key.reference} == planned
