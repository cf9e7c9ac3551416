"""The whole model at the highest bitwidth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner_api.optimizer.choice import evaluate
from planner_api.optimizer.policies.uniform import uniform_choice
from planner_api.optimizer.problem import Pair
from planner_api.optimizer.solution import Candidate

if TYPE_CHECKING:
    from planner_api.optimizer.problem import Problem


def full(problem: Problem) -> Candidate | None:
    """(N, M) at the highest bitwidth allowed, preloaded bottom-up (CONTRACTS, "Policies").

    None if the device has no compute time for width M.
    """
    if problem.layer_us[problem.slices] < 0:
        return None
    pair = Pair(problem.layers, problem.slices)
    choice = uniform_choice(problem, pair, len(problem.bits) - 1)
    return Candidate(choice=choice, evaluation=evaluate(problem, choice))
