"""From resolved documents to the response: plan, prove, simulate, compare; stores nothing."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from plan_contracts import Baseline, PlanResponse
from planner_api.optimizer.assemble import to_certificate, to_plan
from planner_api.optimizer.bounds import may_hold_plans
from planner_api.optimizer.exact import solve_exact
from planner_api.optimizer.infeasibility import explain
from planner_api.optimizer.policies import BASELINES, run_policy
from planner_api.optimizer.problem import build_problem
from planner_api.optimizer.search import solve
from planner_api.optimizer.solution import Solution
from planner_api.optimizer.table_bound import table_bounds, table_pair_bounds
from planner_api.optimizer.tables import tables_of
from planner_api.services.quantile import keeps_to_quantile, solve_at_quantile, why_not
from simulator.run import summarise

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plan_contracts import Certificate, Infeasibility, Plan, SimulationSummary
    from plan_contracts.response import Status
    from planner_api.optimizer.choice import Choice
    from planner_api.optimizer.problem import PlanInputs, Problem
    from planner_api.optimizer.solution import Candidate

SIMULATION_RUNS = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """A response; `truncated` if the clock ended the search, so that it may not be repeated."""

    response: PlanResponse
    truncated: bool


def answer(inputs: PlanInputs) -> Answer:
    """Plan a request and let the simulator judge the plan.

    ContractError if the request breaks a rule.
    """
    problem = build_problem(inputs)
    if inputs.target.latency_quantile is not None:
        return _answer_at_quantile(problem)
    solution = _solve(problem)
    found = solution.candidate is not None
    response = _judged(problem, solution) if found else _infeasible(problem, _needed(problem))
    return Answer(response=response, truncated=solution.truncated)


def _answer_at_quantile(problem: Problem) -> Answer:
    search = solve_at_quantile(problem, _solve)
    if search.solution.candidate is None:
        response = _infeasible(problem, why_not(problem, search))
    else:
        response = _judged(problem, search.solution)
    return Answer(response=response, truncated=search.solution.truncated)


def _solve(problem: Problem) -> Solution:
    policy = problem.inputs.options.policy
    if policy == "optimal":
        return _optimal(problem)
    candidate = run_policy(problem, policy)
    feasible = candidate is not None and candidate.evaluation.feasible
    bounds = table_bounds(problem)
    possible = may_hold_plans(problem, tables_of(problem))
    return Solution(
        candidate=candidate if feasible else None,
        bounds=table_pair_bounds(problem, bounds),
        upper_bound=float(bounds[possible].max(initial=-math.inf)),
        truncated=False,
        shadow_prices=None,
    )


def _optimal(problem: Problem) -> Solution:
    """The certified search within the time limit; any plan at all where it found none."""
    options = problem.inputs.options
    limit_s = options.time_limit_ms / 1000
    expires = time.monotonic() + limit_s
    found = solve(
        problem, cancelled=lambda: False, clock_expired=lambda: time.monotonic() >= expires
    )
    if found.candidate is not None or found.upper_bound == -math.inf:
        return found
    any_plan = solve_exact(problem, max_relative_gap=1.0, wall_limit_s=limit_s, seed=options.seed)
    return replace(
        found,
        candidate=any_plan.candidate,
        truncated=found.truncated or any_plan.truncated,
    )


def _infeasible(problem: Problem, reason: Infeasibility) -> PlanResponse:
    return PlanResponse(
        status="infeasible",
        plan=None,
        certificate=None,
        simulation=None,
        baselines=tuple(_baselines(problem)),
        skipped_widths=problem.skipped_widths,
        infeasibility=reason,
    )


def _needed(problem: Problem) -> Infeasibility:
    """What would do instead: for any plan, or for the one that the policy asked for makes."""
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


def _judged(problem: Problem, solution: Solution) -> PlanResponse:
    inputs = problem.inputs
    plan = to_plan(problem, solution)
    certificate = to_certificate(problem, solution)
    simulation = summarise(
        plan, inputs.device, inputs.model, runs=SIMULATION_RUNS, seed=inputs.options.seed
    )
    agreed = agrees(plan, simulation, inputs.device.storage.queue_depth)
    return PlanResponse(
        status=_status(problem, certificate) if agreed else "rejected_by_simulation",
        plan=plan if agreed else None,
        certificate=certificate,
        simulation=simulation,
        baselines=tuple(_baselines(problem)),
        shadow_prices=solution.shadow_prices,
        skipped_widths=problem.skipped_widths,
    )


def agrees(plan: Plan, simulation: SimulationSummary, queue_depth: int) -> bool:
    """Whether the simulator bears out the predicted latency and memory.

    With one request at a time the latency must be the same; overlapping requests may save some
    of their overheads, so that there it is a limit.
    """
    predicted = plan.predicted
    if simulation.peak_memory_bytes > predicted.peak_memory_bytes:
        return False
    if queue_depth == 1:
        return simulation.latency_us == predicted.latency_us
    return simulation.latency_us <= predicted.latency_us


def _status(problem: Problem, certificate: Certificate) -> Status:
    proven = certificate.relative_gap <= problem.inputs.options.max_relative_gap
    return "optimal" if proven else "feasible"


def _baselines(problem: Problem) -> Iterator[Baseline]:
    """What every policy but the one asked for makes of the same request."""
    for policy in BASELINES:
        if policy == problem.inputs.options.policy:
            continue
        candidate = run_policy(problem, policy)
        found = None if candidate is None else candidate.evaluation
        yield Baseline(
            policy=policy,
            objective=found and found.objective,
            latency_us=found and found.latency_us,
            feasible=candidate is not None and _keeps_target(problem, candidate),
        )


def _keeps_target(problem: Problem, candidate: Candidate) -> bool:
    if problem.inputs.target.latency_quantile is None or not candidate.evaluation.feasible:
        return candidate.evaluation.feasible
    return keeps_to_quantile(problem, candidate)
