"""From resolved documents to the response: plan, prove, simulate, compare; stores nothing."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from plan_contracts import Baseline, PlanResponse
from planner_api.optimizer.assemble import to_certificate, to_plan
from planner_api.optimizer.bounding.bounds import may_hold_plans
from planner_api.optimizer.bounding.table_bound import table_bounds, table_pair_bounds
from planner_api.optimizer.bounding.tables import tables_of
from planner_api.optimizer.policies import BASELINES, run_policy
from planner_api.optimizer.problem import build_problem
from planner_api.optimizer.programs.exact import solve_exact
from planner_api.optimizer.questions.infeasibility import quickest
from planner_api.optimizer.search import Progress, solve
from planner_api.optimizer.solution import Solution
from planner_api.optimizer.warm_up import load_solvers
from planner_api.services.quantile import keeps_to_quantile, solve_at_quantile
from planner_api.services.shortfall import why_not, why_not_at_quantile
from simulator.run import summarise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plan_contracts import Certificate, Infeasibility, Plan, SimulationSummary
    from plan_contracts.response import Status
    from planner_api.optimizer.problem import PlanInputs, Problem
    from planner_api.optimizer.solution import Candidate

SIMULATION_RUNS = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """A response; `truncated` if the clock ended the search, so that it may not be repeated."""

    response: PlanResponse
    truncated: bool


def _never() -> bool:
    return False


@dataclass(frozen=True, kw_only=True, slots=True)
class Watch:
    """A search seen from outside: `cancelled` ends it early, `on_progress` is told of each step."""

    cancelled: Callable[[], bool] = _never
    on_progress: Callable[[Progress], None] | None = None


UNWATCHED = Watch()


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What a search came to; `why_not` says what stands in the way of a plan if it has none."""

    solution: Solution
    why_not: Callable[[], Infeasibility]


def answer(inputs: PlanInputs) -> Answer:
    """Plan a request and let the simulator judge the plan.

    ContractError if the request breaks a rule.
    """
    problem = build_problem(inputs)
    return respond(problem, find_plan(problem))


def find_plan(problem: Problem, watch: Watch = UNWATCHED) -> Found:
    """The plan that the request's policy, and its quantile if it has one, ask for."""
    if problem.inputs.target.latency_quantile is None:
        return Found(solution=_solve(problem, watch), why_not=partial(why_not, problem))
    planner = partial(_solve, watch=replace(watch, on_progress=None))
    search = solve_at_quantile(
        problem, planner, cancelled=watch.cancelled, on_kept=partial(_told, watch)
    )
    reason = partial(why_not_at_quantile, problem, search, planner, watch.cancelled)
    return Found(solution=search.solution, why_not=reason)


def _told(watch: Watch, kept: Solution) -> None:
    """A plan that keeps to the quantile, as progress."""
    if watch.on_progress is not None and kept.candidate is not None:
        watch.on_progress(
            Progress(
                lower_bound=kept.candidate.evaluation.objective,
                upper_bound=kept.upper_bound,
                candidate=kept.candidate,
            )
        )


def respond(problem: Problem, found: Found) -> Answer:
    """What was found as a response, judged by the simulator."""
    solution = found.solution
    if solution.candidate is None:
        response = _infeasible(problem, found.why_not())
    else:
        response = judged(problem, solution)
    return Answer(response=response, truncated=solution.truncated)


def _solve(problem: Problem, watch: Watch) -> Solution:
    policy = problem.inputs.options.policy
    if policy == "optimal":
        return solve_optimal(problem, watch)
    candidate = run_policy(problem, policy)
    feasible = candidate is not None and candidate.evaluation.feasible
    bounds = table_bounds(problem)
    return Solution(
        candidate=candidate if feasible else None,
        bounds=table_pair_bounds(problem, bounds),
        upper_bound=policy_upper_bound(problem),
        truncated=False,
        shadow_prices=None,
    )


def policy_upper_bound(problem: Problem) -> float:
    """No plan scores more, by the table alone; -inf if it rules all pairs out."""
    possible = may_hold_plans(problem, tables_of(problem))
    return float(table_bounds(problem)[possible].max(initial=-math.inf))


def solve_optimal(problem: Problem, watch: Watch = UNWATCHED) -> Solution:
    """The certified search within the time limit; any plan at all where it found none.

    The limit is the search's: that the solvers are loaded first, once a process, is not in it,
    nor is what shows that a request has a plan when the clock ended the search before one.
    """
    load_solvers()
    options = problem.inputs.options
    limit_s = options.time_limit_ms / 1000
    expires = time.monotonic() + limit_s
    found = solve(
        problem,
        cancelled=watch.cancelled,
        clock_expired=lambda: time.monotonic() >= expires,
        on_progress=watch.on_progress,
    )
    if found.candidate is not None or found.upper_bound == -math.inf or watch.cancelled():
        return found
    any_plan = solve_exact(problem, max_relative_gap=1.0, wall_limit_s=limit_s, seed=options.seed)
    candidate = any_plan.candidate
    if candidate is None and any_plan.upper_bound > -math.inf:
        least = quickest(problem)
        candidate = least if least is not None and least.evaluation.feasible else None
    return replace(found, candidate=candidate, truncated=found.truncated or any_plan.truncated)


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


def judged(problem: Problem, solution: Solution) -> PlanResponse:
    """The response to a solution that has a candidate, with the simulator's verdict."""
    inputs = problem.inputs
    plan = to_plan(problem, solution)
    certificate = to_certificate(problem, solution)
    simulation = summarise(
        plan, inputs.device, inputs.model, runs=SIMULATION_RUNS, seed=inputs.options.seed
    )
    agreed = agrees(plan, simulation, inputs.device.storage.queue_depth)
    return PlanResponse(
        status=status_of(problem, certificate) if agreed else "rejected_by_simulation",
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


def status_of(problem: Problem, certificate: Certificate) -> Status:
    """Whether a plan is proven to be as good as the request asks for."""
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
