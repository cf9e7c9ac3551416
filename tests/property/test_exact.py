"""CP-SAT against exhaustive search, with every feature of the problem at random."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import exhaustive
from instances import problem_of, tiny
from planner_api.optimizer.bounding.table_bound import relative_gap, score_range, table_bounds
from planner_api.optimizer.programs.exact import solve_exact

seeds = st.integers(0, 2**32 - 1)
EXAMPLES = 60


@given(seeds)
@example(10234)  # presolve of large coefficients once cut off the optima of these two
@example(10775)
@settings(deadline=None, max_examples=EXAMPLES)
def test_optimum_and_bound_equal_exhaustive_search(seed: int) -> None:
    document = tiny(seed)
    expected = exhaustive.solve(document)
    problem = problem_of(document)
    solution = solve_exact(problem)
    assert (solution.candidate is None) == (expected.optimum is None)
    if solution.candidate is None or expected.optimum is None:
        return
    found = solution.candidate.evaluation.objective
    span = score_range(problem, table_bounds(problem))
    assert found == pytest.approx(expected.optimum, rel=1e-9, abs=1e-9)
    assert relative_gap(found, solution.upper_bound, span) <= 1e-9


@given(seeds, st.sampled_from(["bandwidth", "preload"]))
@settings(deadline=None, max_examples=EXAMPLES)
def test_more_bandwidth_or_preload_never_lowers_the_optimum(seed: int, more: str) -> None:
    document, richer = tiny(seed), tiny(seed)
    if more == "bandwidth":
        richer["device"]["storage"]["bandwidth_bytes_per_s"] *= 2
    else:
        richer["target"]["preload_bytes"] += 50
    before = solve_exact(problem_of(document)).candidate
    after = solve_exact(problem_of(richer)).candidate
    if before is not None:
        assert after is not None
        assert after.evaluation.objective >= before.evaluation.objective - 1e-9


@given(seeds)
@settings(deadline=None, max_examples=EXAMPLES)
def test_no_pair_has_a_plan_above_its_bound(seed: int) -> None:
    document = tiny(seed)
    optima = exhaustive.solve(document).by_pair
    for bound in solve_exact(problem_of(document)).bounds:
        optimum = optima.get((bound.depth, bound.width), float("-inf"))
        assert optimum <= bound.upper_bound + 1e-9
