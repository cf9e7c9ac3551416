from __future__ import annotations

import numpy as np
import pytest

import exhaustive
from builders import e1_json
from instances import problem_of, tiny
from planner_api.optimizer.bounding.table_bound import (
    computable,
    relative_gap,
    score_range,
    table_bounds,
    table_pair_bounds,
)


def test_bounds_of_e1_are_base_and_the_best_gains() -> None:
    bounds = table_bounds(problem_of(e1_json()))
    assert bounds.tolist() == [[40 + 16, 50 + 24], [55 + 16 + 32, 70 + 64]]


def test_range_is_the_largest_bound_less_the_least_base() -> None:
    problem = problem_of(e1_json())
    assert score_range(problem, table_bounds(problem)) == 134 - 40


def test_a_pinned_slice_is_counted_before_better_ones() -> None:
    pinned = {**e1_json(), "options": {"pins": [{"layer": 0, "slice": 0}]}}
    assert table_bounds(problem_of(pinned))[0, 0] == 40 + 8


def test_a_forbidden_bitwidth_is_not_counted() -> None:
    forbidden = {"layer": 0, "slice": 1, "bits": 32}
    document = {**e1_json(), "options": {"forbids": [forbidden]}}
    assert table_bounds(problem_of(document))[0, 0] == 40 + 14


def test_pairs_that_are_not_allowed_have_no_bound() -> None:
    document = e1_json()
    document["model"]["widths"] = [2]
    assert np.isneginf(table_bounds(problem_of(document))[:, 0]).all()


def test_a_pair_whose_compute_alone_is_late_is_not_computable() -> None:
    problem = problem_of(e1_json(latency_us=199))
    assert computable(problem).tolist() == [[True, True], [True, False]]


def test_the_bound_of_every_allowed_pair_is_listed() -> None:
    problem = problem_of(e1_json())
    listed = table_pair_bounds(problem, table_bounds(problem))
    assert [(b.depth, b.width, b.upper_bound) for b in listed] == [
        (1, 1, 56),
        (1, 2, 74),
        (2, 1, 103),
        (2, 2, 134),
    ]


@pytest.mark.parametrize(("range_", "gap"), [(10.0, 0.2), (0.0, 0.0)])
def test_gap_is_relative_to_the_range(range_: float, gap: float) -> None:
    assert relative_gap(8.0, 10.0, range_) == gap


@pytest.mark.parametrize("seed", range(60))
def test_no_plan_of_a_tiny_instance_is_above_the_bound_of_its_pair(seed: int) -> None:
    document = tiny(seed)
    problem = problem_of(document)
    bounds, may_hold = table_bounds(problem), computable(problem)
    for (depth, width), optimum in exhaustive.solve(document).by_pair.items():
        assert may_hold[depth - 1, width - 1]
        assert optimum <= bounds[depth - 1, width - 1] + 1e-9
