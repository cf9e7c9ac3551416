from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from instances import midsize, problem_of
from planner_api.optimizer.bounding.bounds import upper_bounds
from planner_api.optimizer.bounding.columns import refine
from planner_api.optimizer.bounding.relaxation import pair_model
from planner_api.optimizer.choice import evaluate
from planner_api.optimizer.policies.uniform import uniform_choice
from planner_api.optimizer.problem import Pair
from planner_api.optimizer.questions.grid import Grid, Place
from planner_api.optimizer.solution import Candidate

if TYPE_CHECKING:
    from planner_api.optimizer.bounding.multipliers import Multipliers
    from planner_api.optimizer.problem import Problem

LATENCIES, PRELOADS = (400, 700, 900, 1500), (0, 60, 400)
PLACE = Place(2, 1)


def grid_of(problem: Problem) -> Grid:
    return Grid(problem, LATENCIES, PRELOADS)


def prices_at(grid: Grid, place: Place, pair: Pair) -> Multipliers:
    model = pair_model(grid.problem(place), grid.tables(place), pair)
    return refine(model, model.free(), enough=0.0, tolerance=1e-6).multipliers


@pytest.mark.parametrize("seed", range(8))
def test_prices_bound_other_points_as_if_recomputed_there(seed: int) -> None:
    problem = problem_of(midsize(seed, layers=4, slices=4))
    grid, pair = grid_of(problem), problem.pairs[-3]
    before = grid.ceilings.copy()
    prices = prices_at(grid, PLACE, pair)
    grid.prove(PLACE, prices)
    for place in grid.places:
        if place.preload > PLACE.preload:
            continue
        there = upper_bounds(grid.problem(place), grid.tables(PLACE), prices)
        of_depth = before[pair.depth - 1, :, place.latency, place.preload]
        expected = np.minimum(of_depth, there)
        found = grid.ceilings[pair.depth - 1, :, place.latency, place.preload]
        holds = np.isfinite(found)
        assert found[holds] == pytest.approx(expected[holds])
        empty = np.isfinite(of_depth) & ~holds
        assert (there[empty] < problem.base[pair.depth - 1][empty]).all()


@pytest.mark.parametrize("seed", range(8))
def test_prices_reach_larger_buffers_only_with_the_states_these_allow(seed: int) -> None:
    problem = problem_of(midsize(seed, layers=4, slices=4))
    grid, pair = grid_of(problem), problem.pairs[-3]
    prices = prices_at(grid, PLACE, pair)
    grid.prove(PLACE, prices)
    largest = Place(PLACE.latency, len(PRELOADS) - 1)
    there = upper_bounds(grid.problem(largest), grid.tables(largest), prices)
    found = grid.ceilings[pair.depth - 1, :, largest.latency, largest.preload]
    assert (found <= there + 1e-9).all()


def test_a_plan_counts_at_all_points_whose_limits_it_keeps_to() -> None:
    problem = problem_of(midsize(1, layers=4, slices=4))
    grid = grid_of(problem)
    place = Place(len(LATENCIES) - 1, 0)
    choice = uniform_choice(grid.problem(place), Pair(1, 1), 0)
    candidate = Candidate(choice=choice, evaluation=evaluate(grid.problem(place), choice))
    grid.offer(candidate)
    needed = candidate.evaluation.latency_us
    known = [grid.candidate(place) is candidate for place in grid.places]
    assert known == [LATENCIES[place.latency] >= needed for place in grid.places]


def test_a_worse_plan_displaces_none() -> None:
    problem = problem_of(midsize(1, layers=4, slices=4))
    grid = grid_of(problem)
    place = Place(len(LATENCIES) - 1, 0)
    good, bad = (uniform_choice(grid.problem(place), Pair(1, 1), bits) for bits in (3, 0))
    for choice in (good, bad):
        grid.offer(Candidate(choice=choice, evaluation=evaluate(grid.problem(place), choice)))
    kept = grid.candidate(place)
    assert kept is not None
    assert kept.choice is good


def test_what_bounds_a_pair_at_one_point_bounds_it_at_smaller_limits_only() -> None:
    grid = grid_of(problem_of(midsize(2, layers=4, slices=4)))
    pair = Pair(2, 2)
    before = grid.ceilings[1, 1].copy()
    grid.prove_pair(PLACE, pair, -np.inf)
    after = grid.ceilings[1, 1]
    for place in grid.places:
        within = place.latency <= PLACE.latency and place.preload <= PLACE.preload
        assert after[place] == (-np.inf if within else before[place])


def test_a_point_without_any_plan_has_no_gap_and_no_bounds() -> None:
    grid = Grid(problem_of(midsize(3, layers=4, slices=4)), [1], [0])
    point = grid.points()[0]
    assert (point.lower_bound, point.upper_bound, point.relative_gap) == (None, None, 0.0)
