from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from smartms_img.io.decisions import Decision
from smartms_img.io.measures import QcMetric, check
from smartms_img.io.plan_table import PlanRow
from smartms_img.io.results import UnitResult
from smartms_img.naming import QcStatus, UnitKind
from smartms_img.qc.decisions import automatic, decide

UNIT = "sub-01_ses-M00_mri"


def test_all_reasons_of_failure_are_named():
    metrics = [check("snr", 3, at_least=5), check("cjv", 2, at_most=1), check("cnr", 2)]
    [decision] = decide(UNIT, metrics)
    reason = "snr 3 is below 5; cjv 2 is above 1"
    assert decision == Decision(UNIT, QcStatus.FAIL, reason, "automatic")


def test_scope_decides_about_its_endpoint_only():
    metrics = [check("snr", 9, at_least=5), check("flair", 3, at_least=5, scope=["T2LV"])]
    general, lesions = decide(UNIT, metrics)
    assert (general.paramcd, general.status) == ("", QcStatus.PASS)
    assert (lesions.paramcd, lesions.status) == ("T2LV", QcStatus.FAIL)


def test_general_failure_reaches_an_endpoint_with_a_scope_of_its_own():
    metrics = [check("snr", 3, at_least=5), check("flair", 9, at_least=5, scope=["T2LV"])]
    assert [decision.status for decision in decide(UNIT, metrics)] == [QcStatus.FAIL] * 2


def test_check_that_could_not_run_neither_passes_nor_fails():
    unknown = QcMetric("quality_db", None, ">= 15", QcStatus.NOTRUN)
    assert decide(UNIT, [unknown])[0].status is QcStatus.PENDING
    both = decide(UNIT, [unknown, check("frames", 9, at_least=1)])[0]
    assert (both.status, both.reason) == (
        QcStatus.PASS,
        "1 checks passed, not checked: quality_db",
    )


def test_no_metric_is_pending():
    assert decide(UNIT, [])[0].status is QcStatus.PENDING


def test_every_unit_with_metrics_is_decided_about():
    rows = [PlanRow(unit, UnitKind.SESSION, "01", "M00") for unit in (UNIT, "other")]
    metrics = (check("snr", 3, at_least=5),)
    results = {
        UNIT: UnitResult(rows[0], "done", metrics=metrics),
        "other": UnitResult(rows[1], "blocked", "no session M12"),
    }
    [decision] = automatic(results)
    assert (decision.unit, decision.status) == (UNIT, QcStatus.FAIL)


metrics = st.lists(
    st.builds(
        QcMetric,
        metric=st.sampled_from(["snr", "cnr", "cjv"]),
        value=st.none(),
        threshold=st.just(""),
        status=st.sampled_from([QcStatus.PASS, QcStatus.FAIL, QcStatus.NOTRUN]),
        scope=st.sampled_from([(), ("T2LV",), ("PBVC", "T2LV")]),
    )
)


@given(metrics)
def test_an_endpoint_fails_exactly_if_a_metric_in_its_scope_fails(found):
    for decision in decide(UNIT, found):
        in_scope = [m for m in found if not m.scope or decision.paramcd in m.scope]
        failed = any(metric.status is QcStatus.FAIL for metric in in_scope)
        assert (decision.status is QcStatus.FAIL) == failed
        assert decision.reason
