import pytest

from smartms_img.execution.child import ChildExit
from smartms_img.execution.retry import Retries
from smartms_img.io.ledger import Cause


def ended(cause: Cause, unit: str = "u") -> ChildExit:
    return ChildExit(unit, -9, 1, 1.0, 1.0, cause)


@pytest.mark.parametrize("cause", ["lost", "node-lost", "preempted", "walltime"])
def test_an_interruption_is_followed_by_two_more_attempts(cause: Cause) -> None:
    retries = Retries(10.0)
    memory = [retries.next_memory_gb(ended(cause), 3.0) for _ in range(4)]
    assert memory == [3.0, 3.0, None, None]
    assert retries.next_memory_gb(ended(cause, "other"), 3.0) == 3.0


def test_interruptions_count_together() -> None:
    retries = Retries(10.0)
    assert retries.next_memory_gb(ended("node-lost"), 3.0)
    assert retries.next_memory_gb(ended("walltime"), 3.0)
    assert retries.next_memory_gb(ended("preempted"), 3.0) is None


def test_out_of_memory_gets_half_as_much_again_once() -> None:
    retries = Retries(4.5)
    assert retries.next_memory_gb(ended("out-of-memory"), 3.0) == 4.5
    assert retries.next_memory_gb(ended("out-of-memory"), 4.5) is None
    # Nobody has so much.
    assert Retries(4.4).next_memory_gb(ended("out-of-memory"), 3.0) is None


@pytest.mark.parametrize("cause", ["", "bad-input", "measurement-error", "python-error"])
def test_what_lies_in_data_or_program_is_not_tried_again(cause: Cause) -> None:
    assert Retries(10.0).next_memory_gb(ended(cause), 3.0) is None


def test_a_killed_child_is_tried_once_more() -> None:
    retries = Retries(10.0)
    assert [retries.next_memory_gb(ended("killed"), 3.0) for _ in range(2)] == [3.0, None]
