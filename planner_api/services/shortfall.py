"""What stands in the way of a plan: the least of each limit that would do for what was asked.

The optimiser's own explanation is of the best that any plan can do. A policy plans by its own
rules, and a quantile asks for more than the undisturbed device needs: for these a latency is said
only after the request was planned at it, and a plan came of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from planner_api.optimizer.policies import run_policy
from planner_api.optimizer.problem import build_problem
from planner_api.optimizer.questions.infeasibility import explain
from planner_api.services.quantile import Planner, kept_to_us, solve_at_quantile, with_margin

if TYPE_CHECKING:
    from plan_contracts import Infeasibility
    from planner_api.optimizer.choice import Choice
    from planner_api.optimizer.problem import Problem
    from planner_api.services.quantile import QuantileSearch, Trial

TRIES = 16
FIRST_STEP, LARGEST_STEP = 0.01, 0.5
"""A latency that does not do and says nothing of a better one is raised by this share of it, by
twice that next time, and so on."""

Attempt: TypeAlias = Callable[["Problem"], int | None]
"""Plans a request; None if that came to a plan, else the latency that the plan made would need."""


def why_not(problem: Problem) -> Infeasibility:
    """What would do instead: for any plan, or for the one that the policy asked for makes.

    A policy may take another plan at another latency; the one said is one at which it has a plan.
    """
    policy = problem.inputs.options.policy
    if policy == "optimal":
        return explain(problem)
    found = _explained(problem)
    if found.least_latency_us is None:
        return found
    met_us = _first_met(problem, found.least_latency_us, _missed_by_policy)
    return _with_latency(found, met_us, f"policy {policy}")


def why_not_at_quantile(
    problem: Problem, search: QuantileSearch, planner: Planner, cancelled: Callable[[], bool]
) -> Infeasibility:
    """The same for a plan that keeps to q, with nothing said of preload and memory.

    Unless it is them that the undisturbed device lacks, so that no latency would do: then they are
    what would do for that device.
    """
    found = _unsteady(problem, search) if search.trials else _explained(problem)
    if found.least_latency_us is None:
        return found
    attempt = partial(_missed_at_quantile, planner=planner, cancelled=cancelled)
    kept_us = _first_met(problem, found.least_latency_us, attempt)
    found = found.model_copy(update={"least_preload_bytes": None, "least_memory_bytes": None})
    return _with_latency(
        found, kept_us, f"{problem.inputs.target.latency_quantile:.4g} of the runs"
    )


def _with_latency(found: Infeasibility, latency_us: int | None, whose: str) -> Infeasibility:
    """With a latency that was planned at, or null where no such latency was found."""
    amount = "no number of us was found that" if latency_us is None else f"{latency_us} us"
    message = f"{found.message}; for {whose}, {amount} would do"
    return found.model_copy(update={"least_latency_us": latency_us, "message": message})


def _explained(problem: Problem) -> Infeasibility:
    """What the plan of the policy asked for needs, jitter aside; of any plan if it makes none."""
    policy = problem.inputs.options.policy
    missed = None if policy == "optimal" else run_policy(problem, policy)
    if missed is None:
        return explain(problem)
    found = explain(_only(problem, missed.choice))
    return found.model_copy(update={"message": f"policy {policy}: {found.message}"})


def _only(problem: Problem, choice: Choice) -> Problem:
    """The problem with no other plan than this one."""
    states = np.zeros_like(problem.states)
    rows, columns = np.nonzero(choice.chosen)
    preload = choice.preload[rows, columns].astype(np.int64)
    states[rows, columns, choice.bits[rows, columns], preload] = True
    return replace(problem, pairs=(choice.pair,), states=states)


def _unsteady(problem: Problem, search: QuantileSearch) -> Infeasibility:
    """Of a request that has plans, none of which keeps to q; what the steadiest one keeps to."""
    steadiest = _steadiest(search)
    slowest = max(search.trials, key=lambda trial: trial.margin)
    beyond = _explained(with_margin(problem, slowest.margin + 1))
    message = (
        f"no plan was found that keeps to {problem.inputs.target.latency_us} us in "
        f"{problem.inputs.target.latency_quantile:.4g} of the runs; the steadiest of "
        f"{len(search.trials)} plans does in {steadiest.share:.4g} of them"
    )
    return beyond.model_copy(
        update={"least_latency_us": kept_to_us(problem, steadiest), "message": message}
    )


def _steadiest(search: QuantileSearch) -> Trial:
    return min(search.trials, key=lambda trial: trial.quantile_us)


def _first_met(problem: Problem, least_us: int, attempt: Attempt) -> int | None:
    """The first latency tried, from the least one on, at which the request has a plan."""
    latency_us = least_us
    for tries in range(TRIES):
        needed_us = attempt(_at_latency(problem, latency_us))
        if needed_us is None:
            return latency_us
        raised_us = math.ceil(latency_us * (1 + min(LARGEST_STEP, FIRST_STEP * 2**tries)))
        latency_us = needed_us if needed_us > latency_us else raised_us
    return None


def _at_latency(problem: Problem, latency_us: int) -> Problem:
    """The problem of the same request with another latency target."""
    target = problem.inputs.target.model_copy(update={"latency_us": latency_us})
    return build_problem(replace(problem.inputs, target=target))


def _missed_by_policy(problem: Problem) -> int | None:
    policy = problem.inputs.options.policy
    candidate = None if policy == "optimal" else run_policy(problem, policy)
    if candidate is None:
        return 0
    return None if candidate.evaluation.feasible else candidate.evaluation.latency_us


def _missed_at_quantile(
    problem: Problem, planner: Planner, cancelled: Callable[[], bool]
) -> int | None:
    search = solve_at_quantile(problem, planner, cancelled=cancelled)
    if search.solution.candidate is not None or cancelled():
        return None
    if search.trials:
        return kept_to_us(problem, _steadiest(search))
    return _missed_by_policy(problem) or 0
