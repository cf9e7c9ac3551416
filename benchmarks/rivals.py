"""The certified optimiser beside other ways to plan the same problems, in one run.

The plain CP-SAT model gets the same goal (a gap of 0.1 % of the range) and a wall limit; where it
has not reached the goal by then, the ratio of times is a lower bound. The baselines are rules:
what counts there is how far below the certified plan they end.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.instances import Kind, Size, generate
from benchmarks.optimizer import gap_of
from planner_api.optimizer.exact import solve_exact
from planner_api.optimizer.policies import run_policy
from planner_api.optimizer.problem import build_problem
from planner_api.optimizer.search import solve
from planner_api.optimizer.table_bound import score_range, table_bounds

if TYPE_CHECKING:
    from collections.abc import Callable

    from planner_api.optimizer.policies import BaselinePolicy
    from planner_api.optimizer.problem import Problem
    from planner_api.optimizer.solution import Solution

GOAL = 0.001
CASES = 10
WALL_LIMIT_S = 5.0
DETERMINISTIC_TIME = 1000.0
LEAST_RATIO = 10.0
BASELINES: tuple[BaselinePolicy, ...] = ("uniform", "sti-largest", "sti-deepest")


@dataclass(frozen=True, kw_only=True, slots=True)
class Rivals:
    """Medians over the cases: milliseconds to the goal, and percent of the range below."""

    series: str
    cases: int
    certified_ms: float
    cp_sat_ms: float
    cp_sat_reached: int
    ratio: float
    uniform_below: float
    sti_largest_below: float
    sti_deepest_below: float

    def shortfalls(self) -> list[str]:
        """What the figures should show and do not."""
        if self.ratio >= LEAST_RATIO:
            return []
        return [f"{self.series}: CP-SAT must take at least {LEAST_RATIO:g} times as long"]


def measure() -> tuple[Rivals, ...]:
    """12x12, with equal bytes and with bytes that differ from shard to shard."""
    size = Size(layers=12, slices=12)
    kinds = (Kind(size=size), Kind(size=size, spread=0.2))
    _certified(build_problem(generate(kinds[0], CASES)))
    _cp_sat(build_problem(generate(Kind(size=Size(layers=2, slices=2)), 0)))
    return tuple(_compared(kind) for kind in kinds)


def _compared(kind: Kind) -> Rivals:
    problems = [build_problem(generate(kind, seed)) for seed in range(CASES)]
    ours = [_timed(_certified, problem) for problem in problems]
    theirs = [_timed(_cp_sat, problem) for problem in problems]
    reached = [gap_of(p, s) <= GOAL for p, (_, s) in zip(problems, theirs, strict=True)]
    ratios = [cp_sat / certified for (certified, _), (cp_sat, _) in zip(ours, theirs, strict=True)]
    below = {
        policy: float(
            np.median([_below(p, s, policy) for p, (_, s) in zip(problems, ours, strict=True)])
        )
        for policy in BASELINES
    }
    return Rivals(
        series=str(kind),
        cases=CASES,
        certified_ms=float(np.median([ms for ms, _ in ours])),
        cp_sat_ms=float(np.median([ms for ms, _ in theirs])),
        cp_sat_reached=sum(reached),
        ratio=float(np.median(ratios)),
        uniform_below=below["uniform"],
        sti_largest_below=below["sti-largest"],
        sti_deepest_below=below["sti-deepest"],
    )


def _timed(plan: Callable[[Problem], Solution], problem: Problem) -> tuple[float, Solution]:
    start = time.perf_counter()
    solution = plan(problem)
    return 1000 * (time.perf_counter() - start), solution


def _certified(problem: Problem) -> Solution:
    return solve(problem, cancelled=lambda: False, clock_expired=lambda: False)


def _cp_sat(problem: Problem) -> Solution:
    return solve_exact(
        problem,
        max_relative_gap=GOAL,
        deterministic_time=DETERMINISTIC_TIME,
        wall_limit_s=WALL_LIMIT_S,
    )


def _below(problem: Problem, solution: Solution, policy: BaselinePolicy) -> float:
    """Percent of the range by which a feasible baseline ends below; the range where it has none."""
    baseline = run_policy(problem, policy)
    if solution.candidate is None or baseline is None or not baseline.evaluation.feasible:
        return 100.0
    difference = solution.candidate.evaluation.objective - baseline.evaluation.objective
    return 100 * difference / score_range(problem, table_bounds(problem))
