"""The plan that measures best among the best predicted ones of a request.

A score is predicted from one number a shard; the model's own answers are the better judge of the
few plans that come first. Each of them has a submodel of its own, because predictions err most
between submodels; the plans of the other policies are measured too, so that the one taken is
never worse than they are on the same texts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from plan_contracts import Part, Plan, PlanResponse, Policy, SimulationSummary
from planner_api.errors import InvalidRequestError
from planner_api.optimizer.assemble import to_plan
from planner_api.optimizer.problem import build_problem
from planner_api.optimizer.questions.runners_up import (
    best_of_each_pair,
    feasible_baselines,
    is_same_plan,
)
from planner_api.services.answer import (
    SIMULATION_RUNS,
    agrees,
    answer,
    judged,
    solve_optimal,
)
from simulator.run import summarise

if TYPE_CHECKING:
    from planner_api.optimizer.problem import PlanInputs, Problem
    from planner_api.optimizer.solution import Candidate, Solution

MOST_PLANS = 20


class Measured(NamedTuple):
    """What a plan scores on text, in the unit of its table; `accuracy` where texts have labels."""

    score: float
    standard_error: float
    accuracy: float | None


Measure: TypeAlias = Callable[[Plan], Measured]
"""Runs a plan's exact bits on some texts."""


class MeasuredPlan(Part):
    """One plan as predicted and as measured; `policy`: whose plan it is."""

    policy: Policy
    plan_id: str
    depth: int
    width: int
    latency_us: int
    predicted_score: float
    score: float
    standard_error: float
    accuracy: float | None
    chosen: bool


class ReMeasured(Part):
    """The response by prediction alone, the plan that measured best, and all plans, best first.

    `simulation` is the chosen plan's; both are null where there was nothing to measure.
    """

    response: PlanResponse
    plan: Plan | None
    simulation: SimulationSummary | None
    plans: tuple[MeasuredPlan, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Trial:
    policy: Policy
    plan: Plan
    simulation: SimulationSummary
    measured: Measured


def re_measure(inputs: PlanInputs, count: int, measure: Measure) -> ReMeasured:
    """Measure the `count` (1..20) best plans of distinct pairs and those of the other policies.

    The highest measured score is chosen; equal ones by prediction. Every plan measured keeps to
    the target and is borne out by the simulator. InvalidRequestError for another policy than
    `optimal` or a target with a quantile, ContractError if the request breaks a rule.
    """
    _check(inputs, count)
    problem = build_problem(inputs)
    best = solve_optimal(problem)
    if best.candidate is None:
        response = answer(inputs).response
        return ReMeasured(response=response, plan=None, simulation=None, plans=())
    trials = sorted(_trials(problem, best, count, measure), key=lambda t: -t.measured.score)
    return ReMeasured(
        response=judged(problem, best),
        plan=trials[0].plan if trials else None,
        simulation=trials[0].simulation if trials else None,
        plans=tuple(_told(trial, chosen=trial is trials[0]) for trial in trials),
    )


def _trials(problem: Problem, best: Solution, count: int, measure: Measure) -> Iterator[_Trial]:
    inputs = problem.inputs
    for policy, candidate in _candidates(problem, best, count):
        plan = to_plan(problem, replace(best, candidate=candidate))
        simulation = summarise(
            plan, inputs.device, inputs.model, runs=SIMULATION_RUNS, seed=inputs.options.seed
        )
        if agrees(plan, simulation, inputs.device.storage.queue_depth):
            yield _Trial(policy=policy, plan=plan, simulation=simulation, measured=measure(plan))


def _check(inputs: PlanInputs, count: int) -> None:
    if not 1 <= count <= MOST_PLANS:
        message = f"plans to measure must be 1..{MOST_PLANS}, got {count}"
        raise InvalidRequestError(message)
    if inputs.options.policy != "optimal":
        message = f"options.policy must be 'optimal' to re-measure, got {inputs.options.policy!r}"
        raise InvalidRequestError(message)
    if inputs.target.latency_quantile is not None:
        message = (
            "target.latency_quantile must be null to re-measure, "
            f"got {inputs.target.latency_quantile}"
        )
        raise InvalidRequestError(message)


def _candidates(problem: Problem, best: Solution, count: int) -> Iterator[tuple[Policy, Candidate]]:
    """Different plans, best predicted first, then those of the other policies."""
    seen: list[Candidate] = []
    for candidate in best_of_each_pair(problem, best, count, solve_optimal):
        seen.append(candidate)
        yield "optimal", candidate
    for policy, candidate in feasible_baselines(problem):
        if not any(is_same_plan(candidate, other) for other in seen):
            seen.append(candidate)
            yield policy, candidate


def _told(trial: _Trial, *, chosen: bool) -> MeasuredPlan:
    plan, predicted = trial.plan, trial.plan.predicted
    return MeasuredPlan(
        policy=trial.policy,
        plan_id=plan.computed_id(),
        depth=plan.depth,
        width=plan.width,
        latency_us=predicted.latency_us,
        predicted_score=predicted.objective,
        score=trial.measured.score,
        standard_error=trial.measured.standard_error,
        accuracy=trial.measured.accuracy,
        chosen=chosen,
    )
