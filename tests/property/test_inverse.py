"""Least latency, bytes and preload for a score are those of exhaustive search."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exhaustive import Outcome, memory_limit, outcomes
from instances import problem_of, tiny
from planner_api.optimizer.programs.cp_sat import Effort
from planner_api.optimizer.programs.exact import solve_exact
from planner_api.optimizer.questions.inverse import Planner, Quantity, least
from planner_api.optimizer.search import solve

if TYPE_CHECKING:
    from collections.abc import Callable

    from planner_api.optimizer.problem import Problem
    from planner_api.optimizer.solution import Solution

EFFORT = Effort(deterministic_time=10.0, wall_limit_s=60.0)
QUANTITIES: dict[Quantity, Callable[[Outcome], int]] = {
    "latency": lambda outcome: outcome.latency_us,
    "preload": lambda outcome: outcome.preload_bytes,
    "bytes": lambda outcome: sum(
        shard.size_bytes for layer in outcome.layers for shard in layer if not shard.preload
    ),
}


def allowed(document: dict[str, Any], quantity: Quantity) -> list[Outcome]:
    """The plans that keep to every limit but the one on the quantity."""
    target = document["target"]
    return [
        outcome
        for outcome in outcomes(document)
        if outcome.peak_memory_bytes <= memory_limit(document)
        and (quantity == "latency" or outcome.latency_us <= target["latency_us"])
        and (quantity == "preload" or outcome.preload_bytes <= target["preload_bytes"])
    ]


def score_to_reach(plans: list[Outcome], source: random.Random) -> float:
    """A score that some plan has, or one that none has."""
    scores = [plan.score for plan in plans] or [0.0]
    return source.choice((source.choice(scores), source.choice(scores), max(scores) + 0.125))


def certified(problem: Problem) -> Solution:
    return solve(problem, cancelled=lambda: False, clock_expired=lambda: False)


@pytest.mark.parametrize("planner", [solve_exact, certified])
@settings(max_examples=50)
@given(seed=st.integers(0, 10_000), quantity=st.sampled_from(sorted(QUANTITIES)))
def test_the_least_is_that_of_exhaustive_search(
    planner: Planner, seed: int, quantity: Quantity
) -> None:
    source = random.Random(seed)  # noqa: S311 - seeded on purpose, no secret
    document = tiny(seed)
    plans = allowed(document, quantity)
    score = score_to_reach(plans, source)
    reaching = [QUANTITIES[quantity](plan) for plan in plans if plan.score >= score - 1e-9]
    found = least(problem_of(document), quantity, score, planner, EFFORT)
    expected = min(reaching, default=None)
    assert (found.amount, found.lower_bound) == (expected, expected)


@settings(max_examples=50)
@given(st.integers(0, 10_000), st.sampled_from(sorted(QUANTITIES)))
def test_the_plan_found_reaches_the_score_with_that_amount(seed: int, quantity: Quantity) -> None:
    source = random.Random(seed)  # noqa: S311 - seeded on purpose, no secret
    document = tiny(seed)
    score = score_to_reach(allowed(document, quantity), source)
    found = least(problem_of(document), quantity, score, solve_exact, EFFORT)
    if found.candidate is None:
        return
    evaluation = found.candidate.evaluation
    amounts = {
        "latency": evaluation.latency_us,
        "preload": evaluation.preload_bytes,
        "bytes": evaluation.read_bytes,
    }
    assert evaluation.objective >= score - 1e-9
    assert amounts[quantity] == found.amount
