"""Answers that get better while somebody looks: a plan, or the best scores over a grid.

Whoever explores is told of the first plan at once, and of better ones and better proofs as they
come; nothing is remembered unless that is asked for, and whoever has left is answered no further.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, NamedTuple, Self, TypeAlias

import numpy as np
from pydantic import Field, model_validator

from plan_contracts import Document, Part, PlanRequest, PlanResponse, RunTrace
from plan_contracts.units import Bytes, Count, Microseconds, Positive, Sha256
from planner_api.optimizer.assemble import to_certificate, to_plan
from planner_api.optimizer.problem import build_problem
from planner_api.optimizer.questions.frontier import settle
from planner_api.optimizer.questions.grid import Grid
from planner_api.optimizer.solution import Solution, preference
from planner_api.services.answer import (
    SIMULATION_RUNS,
    Watch,
    find_plan,
    policy_upper_bound,
    respond,
    status_of,
)
from planner_api.services.documents import find
from planner_api.services.frontier import (
    MAX_RELATIVE_GAP,
    Frontier,
    check_limits,
    frontier_of,
)
from planner_api.services.make_plan import remember
from planner_api.services.quantile import quick_at_quantile
from planner_api.services.resolve import on_device, resolve
from planner_api.services.what_if import WhatIf, changed
from simulator import monte_carlo, simulate, to_trace

if TYPE_CHECKING:
    from plan_contracts import Plan
    from planner_api.optimizer.problem import Problem
    from planner_api.optimizer.search import Progress
    from planner_api.optimizer.solution import Candidate
    from planner_api.services.answer import Answer
    from planner_api.services.ports import Registry
    from planner_api.services.resolve import ResolvedRequest

MOST_BINS = 40
ANSWER_EVERY_US = 100_000
FRONTIER_EVERY_US = 250_000
"""Better answers in between are left out: each costs time that the search could use."""


class FrontierLimits(Part):
    """A grid of limits, both rising."""

    latencies_us: Annotated[tuple[Positive, ...], Field(min_length=1)]
    preload_bytes: Annotated[tuple[Bytes, ...], Field(min_length=1)]


class ExploreRequest(Document):
    """What to explore: a request's plan, or with `frontier` the best scores over a grid."""

    request: PlanRequest
    what_if: WhatIf | None = None
    frontier: FrontierLimits | None = None
    store: bool = False

    @model_validator(mode="after")
    def _only_plans_are_stored(self) -> Self:
        if self.store and self.frontier is not None:
            message = "store must be false beside a frontier: only plans are stored"
            raise ValueError(message)
        return self


class Histogram(Part):
    """`counts[i]` of the values lie from `edges_us[i]` up to, not including, `edges_us[i + 1]`."""

    counts: tuple[Count, ...]
    edges_us: tuple[Microseconds, ...]


class Elapsed(Part):
    """Where the time went: reading the request, searching, simulating and writing down."""

    prepare: Microseconds
    solve: Microseconds
    simulate: Microseconds


class ExploredAnswer(Part):
    """What is known of a request by now; null where that is nothing yet."""

    final: bool
    response: PlanResponse | None
    trace: RunTrace | None
    memory: tuple[tuple[Microseconds, Bytes], ...] | None
    latencies_us: Histogram | None
    elapsed_us: Elapsed
    plan_id: Sha256 | None


class ExploredFrontier(Frontier):
    """What is known of a frontier by now."""

    final: bool


Explored: TypeAlias = ExploredAnswer | ExploredFrontier
Tell: TypeAlias = Callable[[Explored], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Exploration:
    """A request that is in order, and the problem it poses; `clock_us` counts microseconds."""

    asked: ExploreRequest
    resolved: ResolvedRequest
    problem: Problem
    clock_us: Callable[[], int]
    prepare_us: int


def prepare(registry: Registry, body: bytes, *, clock_us: Callable[[], int]) -> Exploration:
    """Everything that can be wrong with a request is found here, before the first answer.

    ContractError, InvalidRequestError or NotFoundError.
    """
    started_us = clock_us()
    asked = ExploreRequest.from_json(body)
    with registry.reading() as records:
        resolved = resolve(asked.request, partial(find, records.documents))
    if asked.what_if is not None:
        resolved = on_device(resolved, changed(resolved.inputs.device, asked.what_if))
    if asked.frontier is not None:
        limits = asked.frontier
        check_limits(resolved.inputs, limits.latencies_us, limits.preload_bytes)
    problem = build_problem(resolved.inputs)
    return Exploration(
        asked=asked,
        resolved=resolved,
        problem=problem,
        clock_us=clock_us,
        prepare_us=clock_us() - started_us,
    )


def explore(
    exploration: Exploration, registry: Registry, *, tell: Tell, cancelled: Callable[[], bool]
) -> None:
    """Tell of ever better answers, the last one `final`; end soon once `cancelled`, untold."""
    limits = exploration.asked.frontier
    if limits is not None:
        _explore_frontier(exploration, limits, tell, cancelled)
    else:
        _Answering(exploration, registry, tell, cancelled).run()


def _explore_frontier(
    exploration: Exploration,
    limits: FrontierLimits,
    tell: Tell,
    cancelled: Callable[[], bool],
) -> None:
    problem, clock_us = exploration.problem, exploration.clock_us
    grid = Grid(problem, limits.latencies_us, limits.preload_bytes)
    due_us = clock_us()
    for _ in settle(grid, max_relative_gap=MAX_RELATIVE_GAP, stopped=cancelled):
        if clock_us() >= due_us:
            tell(_frontier(problem, grid, final=False))
            due_us = clock_us() + FRONTIER_EVERY_US
    if not cancelled():
        tell(_frontier(problem, grid, final=True))


def _frontier(problem: Problem, grid: Grid, *, final: bool) -> ExploredFrontier:
    known = frontier_of(problem, grid)
    return ExploredFrontier(unit=known.unit, range=known.range, points=known.points, final=final)


class _Simulated(NamedTuple):
    """What the simulator shows of a plan's run without jitter; nothing without a plan."""

    trace: RunTrace | None
    memory: tuple[tuple[int, int], ...] | None


class _Answering:
    """One request on its way from the first plan to the final answer."""

    def __init__(
        self,
        exploration: Exploration,
        registry: Registry,
        tell: Tell,
        cancelled: Callable[[], bool],
    ) -> None:
        self._exploration = exploration
        self._problem = exploration.problem
        self._registry = registry
        self._tell = tell
        self._cancelled = cancelled
        self._clock_us = exploration.clock_us
        self._started_us = self._due_us = self._clock_us()
        self._simulate_us = 0
        self._best: Candidate | None = None

    def run(self) -> None:
        if self._problem.inputs.target.latency_quantile is not None:
            self._tell_of(quick_at_quantile(self._problem), policy_upper_bound(self._problem))
        watch = Watch(cancelled=self._cancelled, on_progress=self._progressed)
        found = find_plan(self._problem, watch)
        if self._cancelled():
            return
        written_us = self._clock_us()
        answer = respond(self._problem, found)
        plan = answer.response.plan
        simulated = _simulated(self._problem, plan)
        latencies = plan and _latencies(self._problem, plan)
        self._simulate_us += self._clock_us() - written_us
        if self._cancelled():
            return
        plan_id = self._remembered(answer) if self._exploration.asked.store else None
        self._say(
            final=True,
            response=answer.response,
            simulated=simulated,
            latencies=latencies,
            plan_id=plan_id,
        )

    def _progressed(self, progress: Progress) -> None:
        if self._clock_us() >= self._due_us and not self._cancelled():
            self._tell_of(progress.candidate, progress.upper_bound)

    def _tell_of(self, candidate: Candidate | None, upper_bound: float) -> None:
        written_us = self._clock_us()
        known = [plan for plan in (candidate, self._best) if plan is not None]
        candidate = self._best = min(known, key=preference, default=None)
        response = candidate and _early_response(self._problem, candidate, upper_bound)
        simulated = _simulated(self._problem, response and response.plan)
        self._simulate_us += self._clock_us() - written_us
        self._say(final=False, response=response, simulated=simulated)
        self._due_us = self._clock_us() + ANSWER_EVERY_US

    def _say(
        self,
        *,
        final: bool,
        response: PlanResponse | None,
        simulated: _Simulated,
        latencies: Histogram | None = None,
        plan_id: str | None = None,
    ) -> None:
        told = ExploredAnswer(
            final=final,
            response=response,
            trace=simulated.trace,
            memory=simulated.memory,
            latencies_us=latencies,
            elapsed_us=self._elapsed(),
            plan_id=plan_id,
        )
        self._tell(told)

    def _elapsed(self) -> Elapsed:
        solve_us = self._clock_us() - self._started_us - self._simulate_us
        return Elapsed(
            prepare=self._exploration.prepare_us,
            solve=solve_us,
            simulate=self._simulate_us,
        )

    def _remembered(self, answer: Answer) -> str | None:
        with self._registry.writing() as records:
            return remember(records, self._exploration.resolved, answer).plan_id


def _early_response(problem: Problem, candidate: Candidate, upper_bound: float) -> PlanResponse:
    """A plan and how good it is known to be; the simulator's verdict and the rest come later."""
    solution = Solution(
        candidate=candidate,
        bounds=(),
        upper_bound=upper_bound,
        truncated=False,
        shadow_prices=None,
    )
    certificate = to_certificate(problem, solution)
    return PlanResponse(
        status=status_of(problem, certificate),
        plan=to_plan(problem, solution),
        certificate=certificate,
        simulation=None,
        skipped_widths=problem.skipped_widths,
    )


def _simulated(problem: Problem, plan: Plan | None) -> _Simulated:
    if plan is None:
        return _Simulated(None, None)
    report = simulate(plan, problem.inputs.device, problem.inputs.model)
    memory = tuple((level.at_us, level.bytes) for level in report.memory)
    return _Simulated(to_trace(report, plan), memory)


def _latencies(problem: Problem, plan: Plan) -> Histogram:
    """The runs that the response's quantiles are taken from."""
    inputs = problem.inputs
    latencies = monte_carlo(
        plan, inputs.device, inputs.model, runs=SIMULATION_RUNS, seed=inputs.options.seed
    )
    least, span = int(latencies.min()), int(np.ptp(latencies)) + 1
    width = -(-span // MOST_BINS)
    bins = -(-span // width)
    counts = np.bincount((latencies - least) // width, minlength=bins)
    edges = [least + width * edge for edge in range(bins + 1)]
    return Histogram(counts=tuple(counts.tolist()), edges_us=tuple(edges))
