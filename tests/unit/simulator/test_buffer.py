"""A byte-limited buffer: waits for room, and deadlocks that are found rather than waited for."""

from __future__ import annotations

import pytest

from builders import e1_json
from plans import made
from simulator import Deadlock, SimulationReport, simulate_with_buffer
from simulator.recursion import recur
from simulator.workload import durations_of, workload_of

EXAMPLE = made(e1_json(), [[3, 4], [6, 4]])
"""Layers of 30 + 40 and 60 + 40 bytes."""


def report(read_ahead_bytes: int) -> SimulationReport:
    outcome = simulate_with_buffer(*EXAMPLE, read_ahead_bytes=read_ahead_bytes)
    assert isinstance(outcome, SimulationReport)
    return outcome


def test_a_buffer_for_everything_changes_nothing() -> None:
    assert report(170).latency_us == 270


def test_a_buffer_for_one_layer_at_a_time_delays_what_does_not_fit() -> None:
    assert [read.issue_us for read in report(100).reads] == [0, 30, 170, 230]


def test_a_read_waits_only_until_it_fits() -> None:
    assert [read.issue_us for read in report(130).reads] == [0, 30, 70, 170]


def test_encoded_bytes_never_exceed_the_buffer() -> None:
    assert report(130).peak_memory_bytes == 130


def test_a_buffer_too_small_for_a_layer_is_a_deadlock_with_its_shard() -> None:
    outcome = simulate_with_buffer(*EXAMPLE, read_ahead_bytes=99)
    assert outcome == Deadlock(layer=1, slice=1, needed_bytes=100, read_ahead_bytes=99)


def test_the_needed_bytes_are_enough_for_that_read() -> None:
    assert report(100).latency_us == 170 + 60 + 40 + 100


def test_the_deadlock_says_value_and_rule() -> None:
    outcome = simulate_with_buffer(*EXAMPLE, read_ahead_bytes=69)
    assert str(outcome) == (
        "read_ahead_bytes must be at least 70 to read layer 0, slice 1 before that layer "
        "computes, got 69"
    )


@pytest.mark.parametrize("read_ahead_bytes", [20, 29, 69, 99])
def test_the_recursion_names_the_same_deadlock(read_ahead_bytes: int) -> None:
    work = workload_of(*EXAMPLE).limited_to(read_ahead_bytes)
    assert recur(work, durations_of(*EXAMPLE)) == simulate_with_buffer(
        *EXAMPLE, read_ahead_bytes=read_ahead_bytes
    )


@pytest.mark.parametrize("read_ahead_bytes", [0, -5])
def test_a_buffer_of_no_bytes_is_refused(read_ahead_bytes: int) -> None:
    with pytest.raises(ValueError, match=f"must be positive, got {read_ahead_bytes}"):
        simulate_with_buffer(*EXAMPLE, read_ahead_bytes=read_ahead_bytes)
