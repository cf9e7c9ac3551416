from __future__ import annotations

import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import exhaustive
from instances import midsize, problem_of, tiny
from planner_api.optimizer.programs.exact import solve_exact
from planner_api.optimizer.search import solve

SOME = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
TOLERANCE = 1e-9


def _never() -> bool:
    return False


def _must_agree_with_exhaustive_search(seed: int) -> None:
    document = tiny(seed)
    answer = exhaustive.solve(document)
    solution = solve(problem_of(document), cancelled=_never, clock_expired=_never)
    if answer.optimum is None:
        assert (solution.candidate, solution.upper_bound) == (None, -math.inf)
        return
    assert solution.candidate is not None
    assert solution.candidate.evaluation.feasible
    assert solution.candidate.evaluation.objective == pytest.approx(answer.optimum, abs=TOLERANCE)
    assert solution.upper_bound == pytest.approx(answer.optimum, abs=1e-9 * 100)
    for bound in solution.bounds:
        best = answer.by_pair.get((bound.depth, bound.width), -math.inf)
        assert bound.upper_bound >= best - TOLERANCE * max(1.0, abs(best))


@SOME
@given(seed=st.integers(0, 2**32))
def test_search_agrees_with_exhaustive_search(seed: int) -> None:
    _must_agree_with_exhaustive_search(seed)


@pytest.mark.slow
@pytest.mark.parametrize("start", range(0, 2000, 100))
def test_search_agrees_with_exhaustive_search_on_many(start: int) -> None:
    for seed in range(start, start + 100):
        _must_agree_with_exhaustive_search(seed)


def _must_agree_with_the_oracle(seed: int) -> None:
    document = midsize(seed, layers=4, slices=4)
    document["options"]["max_relative_gap"] = 0.001
    problem = problem_of(document)
    fast = solve(problem, cancelled=_never, clock_expired=_never)
    exact = solve_exact(problem, deterministic_time=2.0)
    if exact.candidate is None or fast.candidate is None:
        assert fast.candidate is None or exact.upper_bound > -math.inf
        assert exact.candidate is None or fast.upper_bound > -math.inf
        return
    least = max(fast.candidate.evaluation.objective, exact.candidate.evaluation.objective)
    assert fast.upper_bound >= least - TOLERANCE * max(1.0, abs(least))
    assert exact.upper_bound >= least - TOLERANCE * max(1.0, abs(least))


@pytest.mark.parametrize("seed", range(4))
def test_neither_solver_beats_the_bound_of_the_other(seed: int) -> None:
    _must_agree_with_the_oracle(seed)


@pytest.mark.slow
@pytest.mark.parametrize("start", range(0, 200, 10))
def test_neither_solver_beats_the_bound_of_the_other_on_many(start: int) -> None:
    for seed in range(start, start + 10):
        _must_agree_with_the_oracle(seed)
