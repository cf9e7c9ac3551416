"""The simulator's benchmarks find what they should, and say what falls short."""

from __future__ import annotations

from benchmarks.simulator import Agreement, Speed, measure_agreement


def test_all_models_agree_on_the_benchmarks_configurations() -> None:
    found = measure_agreement(40)
    assert (found.models_equal, found.prediction_equal) == (40, 40)
    assert list(found.shortfalls()) == []


def test_some_of_the_configurations_deadlock() -> None:
    assert 0 < measure_agreement(20).deadlocks < 20


def test_a_disagreement_is_named() -> None:
    found = Agreement(configurations=9, models_equal=8, prediction_equal=9, deadlocks=0)
    assert list(found.shortfalls()) == ["models_equal must be 9, got 8"]


def test_speeds_that_fall_short_are_named() -> None:
    slow = Speed(recursion_ms=30.0, simpy_ms=3000.0, ratio=100.0, equal_runs=999)
    assert list(slow.shortfalls()) == [
        "recursion_ms must be below 25, got 30.0",
        "ratio must be at least 300, got 100",
        "equal_runs must be 1000, got 999",
    ]
