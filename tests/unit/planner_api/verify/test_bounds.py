"""Multipliers that are none, and the reference cases' bounds by pair."""

from __future__ import annotations

import pytest

from builders import e1_json, e2_json
from plan_contracts import PairBound
from planner_api.verify.bounds import (
    holds_no_plan,
    lagrangian_bound,
    table_bounds,
    wrong_multipliers,
)
from responses import numbers


def priced(**fields: object) -> PairBound:
    start = PairBound(depth=2, width=2, upper_bound=0.0, kind="lagrangian", path=(0.1, 0.2))
    return start.model_copy(update=fields)


def wrong(bound: PairBound, **target: object) -> str:
    return " ".join(wrong_multipliers(numbers(e1_json(**target)), bound))


def test_bounds_without_limits_are_sums_of_the_best_gains() -> None:
    assert table_bounds(numbers(e1_json())) == {(1, 1): 56, (1, 2): 74, (2, 1): 103, (2, 2): 134}


def test_prices_of_zero_give_the_table_bound() -> None:
    known = numbers(e2_json(read_ahead_layers=1))
    free = priced(path=(0.0, 0.0), buffer=(0.0, 0.0), memory=(0.0, 0.0))
    assert lagrangian_bound(known, free) == table_bounds(known)[2, 2]


def test_a_bound_by_hand() -> None:
    # 70 + .1 (270 - 2 * 100) + .1 (270 - 100), then layer 0 reads at .2, layer 1 at .1:
    # slices of weight 1, 2 and 4, 1 are worth most at 2, 4 and 6, 4 bit.
    bound = priced(path=(0.1, 0.1))
    worth = (1 - 4) + (10 - 8) + (28 - 6) + (5 - 4)
    assert lagrangian_bound(numbers(e1_json()), bound) == pytest.approx(70 + 7 + 17 + worth)


def test_prices_must_not_be_negative() -> None:
    assert "path must not be negative, got -0.1" in wrong(priced(path=(0.3, -0.1)))
    assert "memory must not be negative, got -1.0" in wrong(priced(memory=(0.0, -1.0)))
    assert "preload must not be negative, got -1.0" in wrong(priced(preload=-1.0))


def test_there_is_one_price_a_layer() -> None:
    assert "path must have one price a layer, 2, got 3" in wrong(priced(path=(0.1, 0.1, 0.1)))
    assert "memory must have one price a layer, 2, got 1" in wrong(priced(memory=(0.1,)))


def test_only_a_read_ahead_limit_has_buffers_to_wait_for() -> None:
    assert "buffer must be null" in wrong(priced(buffer=(0.0, 0.1)))
    assert wrong(priced(buffer=(0.0, 0.1)), read_ahead_layers=0) == ""


def test_the_first_layers_wait_for_no_buffer() -> None:
    bound = priced(buffer=(0.0, 0.1))
    assert "buffer must be 0 in layers 0..1" in wrong(bound, read_ahead_layers=1)


def test_no_more_may_flow_back_to_reads_than_came_to_compute() -> None:
    bound = priced(path=(0.1, 0.2), buffer=(0.0, 0.15))
    assert "by conservation" in wrong(bound, read_ahead_layers=0)


def test_a_pair_too_slow_to_compute_holds_no_plan() -> None:
    known = numbers(e1_json(latency_us=199))
    assert [holds_no_plan(known, 2, width) for width in (1, 2)] == [False, True]


def test_a_layer_that_may_only_be_preloaded_holds_no_plan_without_a_buffer() -> None:
    rule = {"layer": 1, "slice": 0, "bits": None, "preload": False}
    document = {**e1_json(), "options": {"forbids": [rule]}}
    known = numbers(document)
    assert [holds_no_plan(known, *pair) for pair in ((1, 2), (2, 1), (2, 2))] == [
        False,
        False,
        True,
    ]
