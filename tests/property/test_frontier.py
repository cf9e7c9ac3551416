"""A frontier's bounds enclose the optimum of every point, and rise with both limits."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exhaustive import solve as solve_exhaustively
from instances import midsize, problem_of, tiny
from planner_api.optimizer.choice import evaluate
from planner_api.optimizer.programs.exact import solve_exact
from planner_api.optimizer.questions.frontier import settle
from planner_api.optimizer.questions.grid import FrontierPoint, Grid, Place

if TYPE_CHECKING:
    from planner_api.optimizer.problem import Problem

SEEDS = st.integers(0, 10_000)
GAP = 0.005


def grid_of(problem: Problem, seed: int) -> Grid:
    """A few latencies around the problem's own, and preload buffers from none to plenty."""
    source = random.Random(seed)  # noqa: S311 - seeded on purpose, no secret
    own = problem.latency_us + problem.fixed_us
    latencies = sorted({max(1, round(own * source.uniform(0.2, 3))) for _ in range(4)})
    largest = int(problem.shard_bytes.max())
    preloads = sorted({0, source.randint(1, largest), source.randint(1, 6 * largest)})
    return Grid(problem, latencies, preloads)


def settled(grid: Grid) -> list[FrontierPoint]:
    return list(settle(grid, max_relative_gap=GAP, stopped=lambda: False))


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_every_point_of_a_tiny_grid_encloses_the_exhaustive_optimum(seed: int) -> None:
    document = tiny(seed)
    grid = grid_of(problem_of(document), seed)
    settled(grid)
    for point in grid.points():
        limits = {"latency_us": point.latency_us, "preload_bytes": point.preload_bytes}
        optimum = solve_exhaustively(
            {**document, "target": {**document["target"], **limits}}
        ).optimum
        if optimum is None:
            assert (point.lower_bound, point.upper_bound) == (None, None)
            continue
        assert point.lower_bound is not None
        assert point.upper_bound is not None
        rounding = 1e-9 * max(1.0, abs(optimum))
        assert point.lower_bound <= optimum + rounding
        assert optimum <= point.upper_bound + rounding
        assert point.relative_gap is not None
        assert point.relative_gap <= GAP + 1e-9


@settings(max_examples=6, deadline=None)
@given(SEEDS)
def test_points_equal_independent_solves_within_the_gap(seed: int) -> None:
    problem = problem_of(midsize(seed, layers=4, slices=4))
    grid = grid_of(problem, seed)
    settled(grid)
    for place, point in zip(grid.places, grid.points(), strict=True):
        alone = solve_exact(grid.problem(place), max_relative_gap=GAP)
        if alone.candidate is None:
            assert point.upper_bound is None
            continue
        assert point.lower_bound is not None
        assert point.upper_bound is not None
        allowed = GAP * grid.range + 1e-9
        assert abs(point.lower_bound - alone.candidate.evaluation.objective) <= allowed
        assert alone.candidate.evaluation.objective <= point.upper_bound + 1e-9


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_both_bounds_rise_with_both_limits_at_every_moment(seed: int) -> None:
    grid = grid_of(problem_of(midsize(seed, layers=4, slices=3)), seed)
    for _ in settle(grid, max_relative_gap=GAP, stopped=lambda: False):
        for bound in (grid.lower, grid.upper()):
            finite = np.nan_to_num(bound, neginf=-1e300)
            assert (np.diff(finite, axis=0) >= 0).all()
            assert (np.diff(finite, axis=1) >= 0).all()


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_bounds_only_get_better(seed: int) -> None:
    grid = grid_of(problem_of(midsize(seed, layers=4, slices=3)), seed)
    lower, upper = grid.lower.copy(), grid.upper()
    for _ in settle(grid, max_relative_gap=GAP, stopped=lambda: False):
        assert (grid.lower >= lower).all()
        assert (grid.upper() <= upper).all()
        lower, upper = grid.lower.copy(), grid.upper()


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_every_plan_keeps_to_its_points_limits(seed: int) -> None:
    grid = grid_of(problem_of(midsize(seed, layers=4, slices=3)), seed)
    settled(grid)
    for place in grid.places:
        candidate = grid.candidate(place)
        if candidate is None:
            continue
        evaluation = evaluate(grid.problem(place), candidate.choice)
        assert evaluation.feasible
        assert evaluation.objective == pytest.approx(grid.lower[place], abs=1e-12)


def test_each_point_is_told_once_and_coarse_ones_first() -> None:
    problem = problem_of(midsize(1, layers=3, slices=3))
    grid = Grid(problem, list(range(400, 1600, 100)), [0, 100, 200])
    told = [(point.latency_us, point.preload_bytes) for point in settled(grid)]
    assert sorted(told) == sorted((p.latency_us, p.preload_bytes) for p in grid.points())
    assert told[:2] == [(400, 0), (1200, 0)]


def test_a_stopped_frontier_still_tells_what_it_knows() -> None:
    grid = grid_of(problem_of(midsize(2, layers=3, slices=3)), 2)
    assert list(settle(grid, max_relative_gap=GAP, stopped=lambda: True)) == []
    upper = [point.upper_bound for point in grid.points() if point.upper_bound is not None]
    assert upper == sorted(upper)


def test_equal_grids_give_equal_points() -> None:
    grids = [grid_of(problem_of(midsize(3, layers=4, slices=4)), 3) for _ in range(2)]
    first, second = ([(p.lower_bound, p.upper_bound) for p in settled(grid)] for grid in grids)
    assert first == second


def test_prices_found_at_one_point_bound_the_others() -> None:
    problem = problem_of(midsize(4, layers=4, slices=4))
    grid = Grid(problem, [500, 900, 1500], [0, 60, 200])
    before = grid.upper().copy()
    settler = settle(grid, max_relative_gap=GAP, stopped=lambda: False)
    next(settler)
    assert (grid.upper() < before)[Place(1, 0)] or (grid.upper() < before)[Place(0, 0)]
