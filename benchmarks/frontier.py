"""Frontiers of 500 points: how long they take, and whether every point is certified."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.instances import (
    PRELOADED_LAYERS,
    Kind,
    Size,
    generate,
    least_latency,
    lowest_layer_bytes,
)
from planner_api.optimizer.problem import build_problem
from planner_api.optimizer.questions.frontier import settle
from planner_api.optimizer.questions.grid import Grid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner_api.optimizer.problem import PlanInputs

KIND = Kind(size=Size(layers=12, slices=12), spread=0.2)
CASES = 16
LATENCIES, PRELOADS = 50, 10
SLACKEST = 3.0
TIGHTEST = 1.05
MAX_RELATIVE_GAP = 0.005
MOST_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One frontier; the first point comes from a process that is warm."""

    case: str
    points: int
    seconds: float
    seconds_to_first: float
    certified: int
    worst_gap: float
    without_plan: int

    def shortfalls(self) -> list[str]:
        """Points that are not certified."""
        if self.certified == self.points:
            return []
        return [f"frontier {self.case}: {self.points - self.certified} points not certified"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary(Case):
    """All cases: medians of seconds, sums of points, the worst gap."""

    def shortfalls(self) -> list[str]:
        """A median that is too slow."""
        if self.seconds <= MOST_SECONDS:
            return []
        return [f"frontier: median {self.seconds:.2f} s, at most {MOST_SECONDS} s are allowed"]


def measure() -> tuple[Case, ...]:
    """50 latencies (1.05-3 x the least) x 10 preload buffers (up to 3 layers at 2 bit) at 12x12.

    One process; imports and one frontier to warm up are not counted.
    """
    _measure(CASES)
    cases = [_measure(seed) for seed in range(CASES)]
    return (*cases, _summary(cases))


def _measure(seed: int) -> Case:
    inputs = generate(KIND, seed)
    problem = build_problem(inputs)
    latencies, preloads = _grid(inputs)
    started = time.perf_counter()
    grid = Grid(problem, latencies, preloads)
    arrivals = list(_arrivals(grid))
    points = grid.points()
    gaps = [point.relative_gap for point in points]
    return Case(
        case=str(seed),
        points=len(points),
        seconds=time.perf_counter() - started,
        seconds_to_first=arrivals[0] - started,
        certified=sum(gap is not None and gap <= MAX_RELATIVE_GAP for gap in gaps),
        worst_gap=max(float("inf") if gap is None else gap for gap in gaps),
        without_plan=sum(point.candidate is None for point in points),
    )


def _arrivals(grid: Grid) -> Iterator[float]:
    for _ in settle(grid, max_relative_gap=MAX_RELATIVE_GAP, stopped=lambda: False):
        yield time.perf_counter()


def _grid(inputs: PlanInputs) -> tuple[list[int], list[int]]:
    least = least_latency(inputs.model, inputs.device)
    latencies = np.linspace(TIGHTEST * least, SLACKEST * least, LATENCIES)
    most = max(PRELOADED_LAYERS) * lowest_layer_bytes(inputs.model)
    return np.rint(latencies).astype(int).tolist(), np.linspace(0, most, PRELOADS).astype(
        int
    ).tolist()


def _summary(cases: list[Case]) -> Summary:
    return Summary(
        case="all",
        points=sum(case.points for case in cases),
        seconds=statistics.median(case.seconds for case in cases),
        seconds_to_first=statistics.median(case.seconds_to_first for case in cases),
        certified=sum(case.certified for case in cases),
        worst_gap=max(case.worst_gap for case in cases),
        without_plan=sum(case.without_plan for case in cases),
    )
