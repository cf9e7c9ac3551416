"""Plans by rule, without search: the baselines of every response, and seeds of the solver."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from planner_api.optimizer.policies.full import full
from planner_api.optimizer.policies.sti import sti_deepest, sti_largest
from planner_api.optimizer.policies.uniform import uniform

if TYPE_CHECKING:
    from collections.abc import Callable

    from planner_api.optimizer.problem import Problem
    from planner_api.optimizer.solution import Candidate

__all__ = [
    "BASELINES",
    "BaselinePolicy",
    "full",
    "run_policy",
    "sti_deepest",
    "sti_largest",
    "uniform",
]

BaselinePolicy = Literal["uniform", "sti-largest", "sti-deepest", "full"]

BASELINES: dict[BaselinePolicy, Callable[[Problem], Candidate | None]] = {
    "uniform": uniform,
    "sti-largest": sti_largest,
    "sti-deepest": sti_deepest,
    "full": full,
}
"""In the order in which responses list them."""


def run_policy(problem: Problem, policy: BaselinePolicy) -> Candidate | None:
    """The policy's plan, also when it misses a limit (`evaluation.feasible`); None if it has none.

    A policy has no plan where the device has no time for the only pairs it would take.
    """
    return BASELINES[policy](problem)
