"""The best score over a grid of latency targets and preload buffers, between proven bounds.

Points are settled one after another, a coarse part of the grid first; what one finds, bounds and
plans, counts for all others (grid.py), so most are settled before it is their turn.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from planner_api.optimizer.choice import evaluate
from planner_api.optimizer.columns import refine
from planner_api.optimizer.multipliers import for_depth
from planner_api.optimizer.policies import BASELINES
from planner_api.optimizer.problem import Pair
from planner_api.optimizer.relaxation import Selection, pair_model
from planner_api.optimizer.repair import filled, rounded
from planner_api.optimizer.search import solve
from planner_api.optimizer.solution import Candidate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from planner_api.optimizer.choice import Choice
    from planner_api.optimizer.grid import FrontierPoint, Grid, Place
    from planner_api.optimizer.multipliers import Multipliers
    from planner_api.optimizer.problem import Problem
    from planner_api.optimizer.relaxation import PairModel

STRIDES = (8, 2, 1)
AIM = 0.8
"""Part of the gap that is aimed at, so that a point's bounds settle its neighbours too."""


def settle(
    grid: Grid, *, max_relative_gap: float, stopped: Callable[[], bool]
) -> Iterator[FrontierPoint]:
    """Bring every point within the gap, and yield each as it is then known.

    What is found later may still improve a point: `grid.points()` has them all at the end.
    """
    settler = _Settler(grid, max_relative_gap * grid.range, stopped)
    for place in _coarse_first(grid.places):
        if stopped():
            return
        settler.settle(place)
        yield grid.point(place)


def _coarse_first(places: list[Place]) -> list[Place]:
    """Ever finer parts of the grid, each upwards, so that plans are handed on."""

    def level(place: Place) -> int:
        return next(
            index
            for index, stride in enumerate(STRIDES)
            if place.latency % stride == 0 and place.preload % max(1, stride // 2) == 0
        )

    return sorted(places, key=lambda place: (level(place), place.preload, place.latency))


class _Settler:
    """goal: the gap in scores. prices: the last of each pair, to start from."""

    def __init__(self, grid: Grid, goal: float, stopped: Callable[[], bool]) -> None:
        self.grid = grid
        self.goal = goal
        self.stopped = stopped
        self.prices: dict[Pair, Multipliers] = {}

    def is_settled(self, place: Place) -> bool:
        return self.grid.gap(place) <= self.goal

    def settle(self, place: Place) -> None:
        problem = self.grid.problem(place)
        if self.grid.candidate(place) is None:
            self._offer_baselines(problem)
        elif not self.is_settled(place):
            self._fill(place, problem)
        tried: set[Pair] = set()
        while not self.is_settled(place) and not self.stopped():
            waiting = [pair for pair in self._open_pairs(place) if pair not in tried]
            if not waiting:
                self._solve(place, problem)
                return
            tried.add(waiting[0])
            self._relax(place, problem, waiting[0])
            self._sweep(place, waiting)

    def _open_pairs(self, place: Place) -> list[Pair]:
        """Pairs that may hold a plan better than the best known by the gap, best bound first."""
        ceilings = self.grid.ceilings[:, :, place.latency, place.preload]
        depths, widths = np.nonzero(ceilings > self.grid.lower[place] + AIM * self.goal)
        order = np.argsort(-ceilings[depths, widths], kind="stable")
        return [Pair(int(depths[i]) + 1, int(widths[i]) + 1) for i in order]

    def _offer_baselines(self, problem: Problem) -> None:
        for policy in BASELINES.values():
            candidate = policy(problem)
            if candidate is not None and candidate.evaluation.feasible:
                self.grid.offer(candidate)

    def _fill(self, place: Place, problem: Problem) -> None:
        """The plan handed on from smaller limits, with upgrades until none fits."""
        known = self.grid.candidate(place)
        if known is None or known.choice.pair not in self.prices:
            return
        model = pair_model(problem, self.grid.tables(place), known.choice.pair)
        selection = filled(model, _selected(known.choice, model), self.prices[model.pair])
        self._offer(problem, model, selection)

    def _offer(self, problem: Problem, model: PairModel, selection: Selection | None) -> None:
        if selection is None:
            return
        choice = model.choice(selection)
        evaluation = evaluate(problem, choice)
        if evaluation.feasible:
            self.grid.offer(Candidate(choice=choice, evaluation=evaluation))

    def _relax(self, place: Place, problem: Problem, pair: Pair) -> None:
        """The pair's best prices at this point, and the plan that its mix rounds to."""
        model = pair_model(problem, self.grid.tables(place), pair)
        target = float(self.grid.lower[place]) + AIM * self.goal
        refined = refine(
            model,
            self.prices.get(pair) or model.free(),
            enough=(target - problem.pair_base(pair)) / model.unit,
            tolerance=0.1 * self.goal / model.unit,
        )
        self.prices[pair] = refined.multipliers
        self.grid.prove(place, refined.multipliers)
        ceiling = self.grid.ceilings[pair.depth - 1, pair.width - 1][place]
        if ceiling > target and refined.weights is not None:
            found = rounded(model, refined.columns, refined.weights, refined.multipliers)
            self._offer(problem, model, found)

    def _sweep(self, place: Place, waiting: list[Pair]) -> None:
        """Try the prices of the first pair on the depths of the others."""
        first, others = waiting[0], waiting[1:]
        for depth in sorted({pair.depth for pair in others} - {first.depth}):
            moved = for_depth(self.grid.problem(place), self.prices[first], depth)
            self.grid.prove(place, moved)

    def _solve(self, place: Place, problem: Problem) -> None:
        """What is left open after every pair was relaxed, by the search with all its means."""
        gap = AIM * self.goal / self.grid.range if self.grid.range > 0 else 0.0
        inputs = problem.inputs
        options = inputs.options.model_copy(update={"max_relative_gap": gap})
        asked = replace(problem, inputs=replace(inputs, options=options))
        solution = solve(asked, cancelled=self.stopped, clock_expired=_never)
        if solution.candidate is not None:
            self.grid.offer(solution.candidate)
        empty = not np.isfinite(solution.upper_bound)
        self.grid.prove_within(place, solution.bounds, empty=empty)


def _never() -> bool:
    return False


def _selected(choice: Choice, model: PairModel) -> Selection:
    """A choice of the model's pair in the model's own terms."""
    slices = np.nonzero(choice.chosen)[1].reshape(choice.pair)
    bits = np.take_along_axis(choice.bits, slices, axis=1)
    preload = np.take_along_axis(choice.preload, slices, axis=1)
    return Selection(slices=slices, states=bits + model.tables.streamed * preload)
