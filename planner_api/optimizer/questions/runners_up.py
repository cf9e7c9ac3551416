"""The best plans of several submodels, where a prediction alone should not decide between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeAlias

from planner_api.optimizer.policies import BASELINES, BaselinePolicy
from planner_api.optimizer.problem import Problem
from planner_api.optimizer.solution import Candidate, Solution, preference

Planner: TypeAlias = Callable[[Problem], Solution]
"""Makes the best plan of a problem."""


def best_of_each_pair(
    problem: Problem, best: Solution, count: int, planner: Planner
) -> Iterator[Candidate]:
    """The best plan, then the best of all pairs but the ones before; `count` plans at most.

    `best` is what the planner made of the problem. Scores fall, up to the planner's gap.
    """
    remaining = problem
    found = best
    for left in reversed(range(count)):
        if found.candidate is None:
            return
        yield found.candidate
        taken = found.candidate.choice.pair
        pairs = tuple(pair for pair in remaining.pairs if pair != taken)
        if not left or not pairs:
            return
        remaining = replace(remaining, pairs=pairs)
        found = planner(remaining)


def feasible_baselines(problem: Problem) -> Iterator[tuple[BaselinePolicy, Candidate]]:
    """The plans of those policies without search that keep to all limits."""
    for name, policy in BASELINES.items():
        candidate = policy(problem)
        if candidate is not None and candidate.evaluation.feasible:
            yield name, candidate


def is_same_plan(one: Candidate, other: Candidate) -> bool:
    """Whether both choose the same shards, bitwidths and preload."""
    return preference(one) == preference(other)
