"""Latency targets at a quantile: how often plans keep to them, and what that costs in score."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from benchmarks.instances import Kind, Size, generate
from plan_contracts import StorageJitter
from planner_api.optimizer.assemble import to_plan
from planner_api.optimizer.bounding.table_bound import score_range, table_bounds
from planner_api.optimizer.problem import build_problem
from planner_api.optimizer.search import solve
from planner_api.services.quantile import solve_at_quantile
from simulator.run import monte_carlo

if TYPE_CHECKING:
    from planner_api.optimizer.problem import PlanInputs, Problem
    from planner_api.optimizer.solution import Solution
    from planner_api.services.quantile import QuantileSearch, Trial

QUANTILE = 0.95
FRESH_SEED = 1_000_003
FRESH_RUNS = 10_000
LEAST_SHARE = 0.94
SPARE_SHARE = 0.98


class Jitter(NamedTuple):
    """Spread and memory of the flash's bandwidth, spread of a layer's compute."""

    bandwidth: float
    autocorrelation: float
    compute: float


class Setting(NamedTuple):
    """An instance, by kind and seed, and its jitter."""

    kind: Kind
    seed: int
    jitter: Jitter


EQUAL = Kind(size=Size(layers=12, slices=12))
VARIED = Kind(size=Size(layers=12, slices=12), spread=0.2)
SETTINGS = (
    Setting(EQUAL, 1, Jitter(0.25, 0.0, 0.05)),
    Setting(EQUAL, 2, Jitter(0.25, 0.5, 0.05)),
    Setting(EQUAL, 3, Jitter(0.10, 0.9, 0.02)),
    Setting(VARIED, 4, Jitter(0.40, 0.5, 0.05)),
    Setting(VARIED, 5, Jitter(0.25, 0.9, 0.02)),
    Setting(VARIED, 6, Jitter(0.10, 0.0, 0.10)),
    Setting(replace(VARIED, selection="prefix"), 7, Jitter(0.25, 0.5, 0.05)),
    Setting(replace(VARIED, read_ahead_layers=1), 8, Jitter(0.25, 0.5, 0.05)),
    Setting(Kind(size=Size(layers=6, slices=12), spread=0.2), 9, Jitter(0.40, 0.9, 0.10)),
    Setting(Kind(size=Size(layers=24, slices=16), spread=0.2), 10, Jitter(0.25, 0.5, 0.05)),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One target at a quantile.

    share: of fresh runs that keep to the target; undisturbed_share: the same of the plan made
    without the quantile. cost: score lost to that plan, and by the score range. next_share: of
    fresh runs, of the plan of next higher score that was found, where share leaves runs to spare.
    """

    case: str
    share: float
    undisturbed_share: float
    cost: float
    cost_of_range: float
    plans_judged: int
    seconds: float
    next_higher_by: float | None
    next_share: float | None

    def shortfalls(self) -> list[str]:
        """Too few runs in time, or so many that a better plan should have been found."""
        if self.share < LEAST_SHARE:
            return [f"quantile {self.case}: share {self.share} below {LEAST_SHARE}"]
        if self.share > SPARE_SHARE and (self.next_share or 0.0) >= QUANTILE:
            return [f"quantile {self.case}: a plan of higher score has share {self.next_share}"]
        return []


def measure() -> tuple[Case, ...]:
    """Every setting at q = 0.95; a first one to warm up is not counted."""
    _measure(SETTINGS[0])
    return tuple(map(_measure, SETTINGS))


def _measure(setting: Setting) -> Case:
    problem = build_problem(_inputs(setting))
    started = time.perf_counter()
    search = solve_at_quantile(problem, _plan)
    seconds = time.perf_counter() - started
    first = search.trials[0]
    cost = first.candidate.evaluation.objective - _score(search)
    following = _next_higher(search)
    return Case(
        case=f"{setting.kind} seed {setting.seed} jitter {tuple(setting.jitter)}",
        share=_fresh_share(problem, search.solution),
        undisturbed_share=_fresh_share(problem, _solution_of(first)),
        cost=cost,
        cost_of_range=cost / _range(problem),
        plans_judged=len(search.trials),
        seconds=seconds,
        next_higher_by=following and following.candidate.evaluation.objective - _score(search),
        next_share=following and _fresh_share(problem, _solution_of(following)),
    )


def _inputs(setting: Setting) -> PlanInputs:
    inputs = generate(setting.kind, setting.seed)
    jitter = setting.jitter
    storage = inputs.device.storage.model_copy(
        update={
            "jitter": StorageJitter(
                bandwidth_sigma=jitter.bandwidth, autocorrelation=jitter.autocorrelation
            )
        }
    )
    compute = tuple(
        entry.model_copy(update={"jitter_sigma": jitter.compute}) for entry in inputs.device.compute
    )
    device = inputs.device.model_copy(update={"storage": storage, "compute": compute})
    target = inputs.target.model_copy(update={"latency_quantile": QUANTILE})
    return replace(inputs, device=device, target=target)


def _plan(problem: Problem) -> Solution:
    return solve(problem, cancelled=_never, clock_expired=_never)


def _never() -> bool:
    return False


def _score(search: QuantileSearch) -> float:
    if search.solution.candidate is None:
        message = "every setting must have a plan at the quantile, got none"
        raise RuntimeError(message)
    return search.solution.candidate.evaluation.objective


def _solution_of(trial: Trial) -> Solution:
    return replace(trial.planned, candidate=trial.candidate)


def _next_higher(search: QuantileSearch) -> Trial | None:
    """The plan judged whose score is the next above that of the answer."""
    above = [t for t in search.trials if t.candidate.evaluation.objective > _score(search)]
    return min(above, key=lambda trial: trial.candidate.evaluation.objective, default=None)


def _fresh_share(problem: Problem, solution: Solution) -> float:
    inputs = problem.inputs
    latencies = monte_carlo(
        to_plan(problem, solution), inputs.device, inputs.model, runs=FRESH_RUNS, seed=FRESH_SEED
    )
    return float(np.mean(latencies <= inputs.target.latency_us))


def _range(problem: Problem) -> float:
    return score_range(problem, table_bounds(problem))
