"""The least latency, bytes read or preload at which a request's score is reached, and its plan."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from plan_contracts import Part, Plan
from plan_contracts.units import Count
from planner_api.errors import InvalidRequestError
from planner_api.optimizer.assemble import to_plan
from planner_api.optimizer.choice import evaluate
from planner_api.optimizer.problem import build_problem
from planner_api.optimizer.programs.cp_sat import Effort
from planner_api.optimizer.questions.inverse import Quantity, least
from planner_api.optimizer.search import solve
from planner_api.optimizer.solution import Candidate, Solution

if TYPE_CHECKING:
    from plan_contracts import Target
    from planner_api.optimizer.problem import PlanInputs, Problem
    from planner_api.optimizer.questions.inverse import Least

EFFORT = Effort(deterministic_time=60.0, wall_limit_s=120.0)


class LeastAnswer(Part):
    """The least amount found: microseconds of latency, or bytes; both null if no plan was found.

    No plan that reaches `score` needs less than `lower_bound`; null: none reaches it at all.
    `proven`: one of the two is the whole answer. The plan's target is the request's with that
    amount as its limit.
    """

    quantity: Quantity
    score: float
    amount: Count | None
    lower_bound: Count | None
    proven: bool
    plan: Plan | None


def least_that_reaches(inputs: PlanInputs, quantity: Quantity, score: float) -> LeastAnswer:
    """The least of a quantity, the target's other limits as they are.

    InvalidRequestError for a score that is not finite or a target with a quantile, ContractError
    if the request breaks a rule.
    """
    if inputs.target.latency_quantile is not None:
        message = (
            "target.latency_quantile must be null to ask for the least of something, "
            f"got {inputs.target.latency_quantile}"
        )
        raise InvalidRequestError(message)
    if not math.isfinite(score):
        message = f"score must be a finite number, got {score}"
        raise InvalidRequestError(message)
    found = least(build_problem(inputs), quantity, score, _solve, EFFORT)
    return LeastAnswer(
        quantity=quantity,
        score=score,
        amount=found.amount,
        lower_bound=found.lower_bound,
        proven=found.amount == found.lower_bound,
        plan=_plan(inputs, found),
    )


def _solve(problem: Problem) -> Solution:
    return solve(problem, cancelled=_never, clock_expired=_never)


def _never() -> bool:
    return False


def _plan(inputs: PlanInputs, found: Least) -> Plan | None:
    if found.candidate is None or found.amount is None:
        return None
    target = _limited(inputs.target, found.quantity, found.amount)
    problem = build_problem(replace(inputs, target=target))
    choice = found.candidate.choice
    candidate = Candidate(choice=choice, evaluation=evaluate(problem, choice))
    upper = candidate.evaluation.objective
    solution = Solution(
        candidate=candidate, bounds=(), upper_bound=upper, truncated=False, shadow_prices=None
    )
    return to_plan(problem, solution)


def _limited(target: Target, quantity: Quantity, amount: int) -> Target:
    match quantity:
        case "latency":
            return target.model_copy(update={"latency_us": max(1, amount)})
        case "preload":
            return target.model_copy(update={"preload_bytes": amount})
        case "bytes":
            return target
