from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import exhaustive
from builders import REFERENCE_OPTIMA, REFERENCE_OPTIMA_OF_PAIRS, e1_json, e2_json
from instances import midsize, problem_of
from planner_api.optimizer.choice import evaluate
from planner_api.optimizer.policies.uniform import uniform_choice
from planner_api.optimizer.problem import Pair
from planner_api.optimizer.programs.exact import checked, solve_exact

if TYPE_CHECKING:
    from collections.abc import Callable

    from planner_api.optimizer.solution import Candidate, Solution


def _best(solution: Solution) -> Candidate:
    assert solution.candidate is not None
    return solution.candidate


@pytest.mark.parametrize(("case", "read_ahead", "optimum"), REFERENCE_OPTIMA)
def test_reference_optimum_is_found_and_proven(
    case: Callable[..., dict[str, Any]], read_ahead: int | None, optimum: float
) -> None:
    solution = solve_exact(problem_of(case(read_ahead_layers=read_ahead)))
    assert (_best(solution).evaluation.objective, solution.upper_bound) == (optimum, optimum)


@pytest.mark.parametrize(("case", "optima"), REFERENCE_OPTIMA_OF_PAIRS)
def test_reference_optimum_of_each_pair(
    case: Callable[..., dict[str, Any]], optima: dict[tuple[int, int], float]
) -> None:
    document = case()
    for (depth, width), optimum in optima.items():
        document["model"] |= {"depths": [depth], "widths": [width]}
        found = _best(solve_exact(problem_of(document)))
        assert (found.choice.pair, found.evaluation.objective) == ((depth, width), optimum)


def test_the_found_plan_of_e1_is_one_of_its_two_optima() -> None:
    choice = _best(solve_exact(problem_of(e1_json()))).choice
    optima = exhaustive.solve(e1_json()).best
    bits = [[[s.bits for s in layer] for layer in plan.layers] for plan in optima]
    assert [[(2, 3, 4, 5, 6, 32)[b] for b in row] for row in choice.bits] in bits


def test_an_impossible_deadline_has_no_plan_and_no_bound() -> None:
    solution = solve_exact(problem_of(e1_json(latency_us=79)))
    assert (solution.candidate, solution.upper_bound) == (None, float("-inf"))


def test_every_allowed_pair_has_a_finite_solver_bound() -> None:
    solution = solve_exact(problem_of(e1_json(latency_us=79)))
    assert [(b.depth, b.width, b.kind) for b in solution.bounds] == [
        (n, m, "solver") for n in (1, 2) for m in (1, 2)
    ]


def test_a_gap_of_the_whole_range_needs_no_search() -> None:
    solution = solve_exact(problem_of(e1_json()), max_relative_gap=1.0)
    assert _best(solution).evaluation.objective == 97
    assert solution.upper_bound == 134


def test_without_effort_the_best_baseline_is_left_with_the_table_bound() -> None:
    solution = solve_exact(problem_of(e1_json()), deterministic_time=0.0)
    assert _best(solution).evaluation.objective == 97
    assert (solution.upper_bound, solution.truncated) == (134, False)


def test_the_wall_limit_marks_the_answer_as_truncated() -> None:
    solution = solve_exact(problem_of(midsize(1, layers=8, slices=8)), wall_limit_s=0.0)
    assert solution.truncated


def test_equal_problems_have_equal_plans() -> None:
    first, second = (_best(solve_exact(problem_of(midsize(3, layers=4)))) for _ in range(2))
    assert first.choice.bits.tolist() == second.choice.bits.tolist()
    assert first.choice.preload.tolist() == second.choice.preload.tolist()


def test_a_table_shifted_by_1000_has_the_same_plan() -> None:
    document, shifted = e2_json(), e2_json()
    base = shifted["importance"]["base"]
    shifted["importance"]["base"] = [[score - 1000 for score in row] for row in base]
    plans = [_best(solve_exact(problem_of(d))) for d in (document, shifted)]
    assert plans[0].choice.bits.tolist() == plans[1].choice.bits.tolist()
    assert plans[1].evaluation.objective == 118 - 1000


def test_a_plan_that_misses_the_deadline_is_refused() -> None:
    problem = problem_of(e1_json())
    late = uniform_choice(problem, Pair(2, 2), 5)
    assert not evaluate(problem, late).feasible
    with pytest.raises(RuntimeError, match="must be feasible, got"):
        checked(problem, late)
