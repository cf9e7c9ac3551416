from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from builders import (
    REFERENCE_OPTIMA,
    REFERENCE_OPTIMA_OF_PAIRS,
    device_json,
    e1_json,
    importance_json,
    model_json,
)
from instances import midsize, problem_of, tiny
from planner_api.optimizer.bounding.table_bound import relative_gap, score_range, table_bounds
from planner_api.optimizer.policies import BASELINES
from planner_api.optimizer.search import Progress, solve
from planner_api.optimizer.solution import preference

if TYPE_CHECKING:
    from collections.abc import Callable

    from planner_api.optimizer.problem import Problem
    from planner_api.optimizer.solution import Candidate, Solution


def _never() -> bool:
    return False


def _solved(problem: Problem) -> Solution:
    return solve(problem, cancelled=_never, clock_expired=_never)


def _best(solution: Solution) -> Candidate:
    assert solution.candidate is not None
    return solution.candidate


def _exact(document: dict[str, Any]) -> dict[str, Any]:
    return {**document, "options": {**document.get("options", {}), "max_relative_gap": 0.0}}


@pytest.mark.parametrize(("case", "read_ahead", "optimum"), REFERENCE_OPTIMA)
def test_reference_optimum_is_found_and_proven(
    case: Callable[..., dict[str, Any]], read_ahead: int | None, optimum: float
) -> None:
    solution = _solved(problem_of(_exact(case(read_ahead_layers=read_ahead))))
    assert _best(solution).evaluation.objective == optimum
    assert solution.upper_bound == pytest.approx(optimum, rel=1e-9)


@pytest.mark.parametrize(("case", "optima"), REFERENCE_OPTIMA_OF_PAIRS)
def test_reference_optimum_of_each_pair(
    case: Callable[..., dict[str, Any]], optima: dict[tuple[int, int], float]
) -> None:
    document = _exact(case())
    for (depth, width), optimum in optima.items():
        document["model"] |= {"depths": [depth], "widths": [width]}
        assert _best(_solved(problem_of(document))).evaluation.objective == optimum


@pytest.mark.parametrize("layer_us", range(10, 20))
@pytest.mark.parametrize("score", [-3.5, 1000.0])
def test_rounding_is_no_proof_that_a_pair_is_empty_where_all_scores_are_equal(
    score: float, layer_us: int
) -> None:
    size = 500
    document = {
        "schema_version": 1,
        "device": device_json(layer_us={1: layer_us}, decode_us={2: 1}),
        "model": model_json({2: [[size + 4, size]]}, widths=[1]),
        "importance": importance_json([[score, score]], {2: [[0, 0]]}),
        "target": {"latency_us": layer_us + 1, "preload_bytes": size, "sequence_length": 8},
    }
    assert _best(_solved(problem_of(document))).evaluation.objective == score


def test_an_impossible_deadline_has_no_plan_and_no_bound() -> None:
    solution = _solved(problem_of(e1_json(latency_us=79)))
    assert (solution.candidate, solution.upper_bound) == (None, float("-inf"))


def test_every_allowed_pair_has_one_bound() -> None:
    problem = problem_of(midsize(3))
    bounds = _solved(problem).bounds
    assert [(bound.depth, bound.width) for bound in bounds] == list(problem.pairs)


def test_the_upper_bound_is_the_largest_of_pairs_that_may_hold_a_plan() -> None:
    problem = problem_of(midsize(3))
    solution = _solved(problem)
    objective = _best(solution).evaluation.objective
    live = [bound.upper_bound for bound in solution.bounds if bound.kind != "table"]
    assert max(objective, *live) == pytest.approx(solution.upper_bound, rel=1e-12)


def test_the_gap_asked_for_is_reached() -> None:
    document = midsize(5)
    document["options"]["max_relative_gap"] = 0.01
    problem = problem_of(document)
    solution = _solved(problem)
    span = score_range(problem, table_bounds(problem))
    gap = relative_gap(_best(solution).evaluation.objective, solution.upper_bound, span)
    assert gap <= 0.01


@pytest.mark.parametrize("seed", range(6))
def test_no_feasible_baseline_is_preferred(seed: int) -> None:
    problem = problem_of(midsize(seed))
    baselines = [policy(problem) for policy in BASELINES.values()]
    feasible = [b for b in baselines if b is not None and b.evaluation.feasible]
    found = _solved(problem).candidate
    assert all(found and preference(found) <= preference(b) for b in feasible)


@pytest.mark.parametrize("seed", range(4))
def test_bounds_close_in_from_stage_to_stage(seed: int) -> None:
    stages: list[Progress] = []
    problem = problem_of(midsize(seed))
    solve(problem, cancelled=_never, clock_expired=_never, on_progress=stages.append)
    lower = [-np.inf if s.lower_bound is None else s.lower_bound for s in stages]
    upper = [s.upper_bound for s in stages]
    assert all(a <= b for a, b in pairwise(lower))
    assert all(a >= b for a, b in pairwise(upper))
    assert all(low <= high for low, high in zip(lower, upper, strict=True))


def test_the_first_stage_is_a_baseline_at_once() -> None:
    stages: list[Progress] = []
    problem = problem_of(e1_json())
    solve(problem, cancelled=lambda: True, clock_expired=_never, on_progress=stages.append)
    assert stages[0].lower_bound == 97


@pytest.mark.parametrize("cancelled", [True, False])
def test_a_search_cut_short_answers_what_it_knows(*, cancelled: bool) -> None:
    problem = problem_of(midsize(7))
    solution = solve(problem, cancelled=lambda: cancelled, clock_expired=lambda: not cancelled)
    assert solution.truncated
    assert _best(solution).evaluation.objective <= solution.upper_bound


def test_a_clock_that_expires_after_the_proof_cuts_nothing() -> None:
    document = midsize(7)
    document["options"]["max_relative_gap"] = 1.0
    solution = solve(problem_of(document), cancelled=_never, clock_expired=lambda: True)
    assert not solution.truncated


def test_equal_inputs_give_equal_answers() -> None:
    document = midsize(11)
    document["options"]["max_relative_gap"] = 0.0005
    first, second = (_solved(problem_of(document)) for _ in range(2))
    assert preference(_best(first)) == preference(_best(second))
    assert (first.bounds, first.upper_bound) == (second.bounds, second.upper_bound)


def _negative(document: dict[str, Any], shift: float) -> dict[str, Any]:
    table = document["importance"]
    moved = [[score - 200 + shift for score in row] for row in table["base"]]
    full = table.get("full")
    if full is not None:
        full = [[score - 200 + shift for score in row] for row in full]
    return {**document, "importance": {**table, "base": moved, "full": full}}


@pytest.mark.parametrize("seed", range(3))
def test_a_shifted_table_gets_the_same_plan_and_gap(seed: int) -> None:
    document = midsize(seed)
    # A busy machine must not end the one search and not the other.
    document["options"] |= {"max_relative_gap": 0.001, "time_limit_ms": 20_000}
    gaps: list[float] = []
    plans: list[object] = []
    for shift in (0, 1000):
        problem = problem_of(_negative(document, shift))
        solution = _solved(problem)
        best = _best(solution)
        span = score_range(problem, table_bounds(problem))
        gaps.append(relative_gap(best.evaluation.objective, solution.upper_bound, span))
        plans.append(preference(best)[1:])
    assert plans[0] == plans[1]
    assert gaps[0] == pytest.approx(gaps[1], abs=1e-9)


@pytest.mark.parametrize(("seed", "has_plan"), [(1009, True), (1010, False), (1649, False)])
def test_where_all_plans_score_the_same_one_is_found_or_ruled_out(
    seed: int, *, has_plan: bool
) -> None:
    problem = problem_of(tiny(seed))
    assert score_range(problem, table_bounds(problem)) == 0
    solution = _solved(problem)
    assert (solution.candidate is not None) == has_plan
    due = _best(solution).evaluation.objective if has_plan else -np.inf
    assert solution.upper_bound == due
