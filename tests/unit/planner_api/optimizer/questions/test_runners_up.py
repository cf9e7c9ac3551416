from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import exhaustive
from builders import e1_json, e2_json
from instances import problem_of
from planner_api.optimizer.questions.runners_up import (
    best_of_each_pair,
    feasible_baselines,
    is_same_plan,
)
from planner_api.optimizer.search import solve

if TYPE_CHECKING:
    from planner_api.optimizer.problem import Problem
    from planner_api.optimizer.solution import Solution
    from responses import Json


def planner(problem: Problem) -> Solution:
    return solve(problem, cancelled=lambda: False, clock_expired=lambda: False)


def scores(document: Json, count: int) -> list[float]:
    problem = problem_of(document)
    found = best_of_each_pair(problem, planner(problem), count, planner)
    return [candidate.evaluation.objective for candidate in found]


@pytest.mark.parametrize("document", [e1_json(), e2_json(), e1_json(latency_us=200)])
def test_they_are_the_best_of_each_pair_in_order(document: Json) -> None:
    best = exhaustive.solve(document).by_pair.values()
    assert scores(document, 10) == pytest.approx(sorted(best, reverse=True), rel=2e-3)


def test_no_more_than_asked_for_are_made() -> None:
    assert scores(e1_json(), 10)[:2] == scores(e1_json(), 2)


def test_a_request_without_a_plan_has_none() -> None:
    assert scores(e1_json(latency_us=10), 3) == []


def test_baselines_that_miss_the_target_are_left_out() -> None:
    problem = problem_of(e1_json())
    found = dict(feasible_baselines(problem))
    assert "uniform" in found
    assert "full" not in found
    assert all(candidate.evaluation.feasible for candidate in found.values())


def test_a_plan_is_the_same_as_itself_alone() -> None:
    problem = problem_of(e1_json())
    first, second = best_of_each_pair(problem, planner(problem), 2, planner)
    assert is_same_plan(first, first)
    assert not is_same_plan(first, second)
