"""The best score over a grid of latency targets and preload buffers, between proven bounds.

Points are settled one after another, a coarse part of the grid first; what one finds, bounds and
plans, counts for all others (grid.py), so most are settled before it is their turn.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from planner_api.optimizer.bounding.columns import refine
from planner_api.optimizer.bounding.multipliers import for_depth
from planner_api.optimizer.bounding.relaxation import pair_model
from planner_api.optimizer.choice import evaluate
from planner_api.optimizer.improving.exchange import exchanged
from planner_api.optimizer.improving.repair import filled, rounded
from planner_api.optimizer.policies import BASELINES
from planner_api.optimizer.problem import Pair
from planner_api.optimizer.programs.closer import best_of_core, core_of
from planner_api.optimizer.programs.cp_sat import Effort
from planner_api.optimizer.programs.program import Wanted
from planner_api.optimizer.search import solve
from planner_api.optimizer.solution import Candidate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from planner_api.optimizer.bounding.columns import Refined
    from planner_api.optimizer.bounding.relaxation import PairModel, Selection
    from planner_api.optimizer.problem import Problem
    from planner_api.optimizer.programs.cp_sat import Search
    from planner_api.optimizer.questions.grid import FrontierPoint, Grid, Place

STRIDES = (8, 2, 1)
SEARCH_MS = 300
"""What the solver effort of a single plan's search is counted from."""
WALL_LIMIT_S = 60.0
AIM = 0.9
"""Part of the gap that is aimed at, so that a point's bounds settle its neighbours too."""


class Closing(NamedTuple):
    """An attempt to decide a pair: is there a plan better by this share of the gap?"""

    share_of_goal: float
    deterministic_time: float
    search: Search


CLOSINGS = (
    Closing(0.7, 0.1, "plain"),
    Closing(0.95, 0.1, "by_relaxation"),
    Closing(0.9, 1.0, "by_relaxation"),
    Closing(0.7, 2.0, "plain"),
    Closing(0.95, 4.0, "by_relaxation"),
    Closing(0.8, 4.0, "by_pseudo_costs"),
    Closing(0.7, 4.0, "plain"),
)
"""How quick CP-SAT is depends more on luck than on what is asked: short attempts come first."""


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
    """goal: the gap in scores. refined: what column generation last found of each pair."""

    def __init__(self, grid: Grid, goal: float, stopped: Callable[[], bool]) -> None:
        self.grid = grid
        self.goal = goal
        self.stopped = stopped
        self.refined: dict[Pair, Refined] = {}

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
                self._search(place, problem)
                self._close(place, problem)
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
        if known is None or known.choice.pair not in self.refined:
            return
        model = pair_model(problem, self.grid.tables(place), known.choice.pair)
        selection = filled(
            model, model.selection(known.choice), self.refined[model.pair].multipliers
        )
        self._offer(problem, model, selection)

    def _offer(self, problem: Problem, model: PairModel, selection: Selection) -> None:
        choice = model.choice(selection)
        evaluation = evaluate(problem, choice)
        if evaluation.feasible:
            self.grid.offer(Candidate(choice=choice, evaluation=evaluation))

    def _relax(self, place: Place, problem: Problem, pair: Pair) -> None:
        """The pair's best prices at this point, and the plan that its mix rounds to."""
        model = pair_model(problem, self.grid.tables(place), pair)
        target = float(self.grid.lower[place]) + AIM * self.goal
        before = self.refined.get(pair)
        refined = refine(
            model,
            before.multipliers if before else model.free(),
            enough=(target - problem.pair_base(pair)) / model.unit,
            tolerance=0.1 * self.goal / model.unit,
        )
        self.refined[pair] = refined
        self.grid.prove(place, refined.multipliers)
        ceiling = float(self.grid.ceilings[pair.depth - 1, pair.width - 1][place])
        if ceiling > float(self.grid.lower[place]) + self.goal:
            enough = (ceiling - AIM * self.goal - problem.pair_base(pair)) / model.unit
            self._repair(model, refined, enough)

    def _repair(self, model: PairModel, refined: Refined, enough: float) -> None:
        """A plan near the pair's best mix, improved until its gain is enough."""
        for selection in itertools.islice(rounded(model, refined), 1):
            better = exchanged(model, selection, refined.multipliers, enough=enough)
            self._offer(model.problem, model, better)

    def _sweep(self, place: Place, waiting: list[Pair]) -> None:
        """Try the prices of the first pair on the depths of the others."""
        first, others = waiting[0], waiting[1:]
        for depth in sorted({pair.depth for pair in others} - {first.depth}):
            moved = for_depth(self.grid.problem(place), self.refined[first].multipliers, depth)
            self.grid.prove(place, moved)

    def _search(self, place: Place, problem: Problem) -> None:
        """The point by itself, with all that the search for a single plan can do."""
        gap = AIM * self.goal / self.grid.range if self.grid.range > 0 else 0.0
        update = {"max_relative_gap": gap, "time_limit_ms": SEARCH_MS}
        inputs = problem.inputs
        asked = replace(inputs, options=inputs.options.model_copy(update=update))
        solution = solve(
            replace(problem, inputs=asked), cancelled=self.stopped, clock_expired=_never
        )
        if solution.candidate is not None:
            self.grid.offer(solution.candidate)
        for bound in solution.bounds:
            self.grid.prove_pair(place, Pair(bound.depth, bound.width), bound.upper_bound)

    def _close(self, place: Place, problem: Problem) -> None:
        """Let CP-SAT decide what is left open, from several sides until one is quick."""
        for closing in CLOSINGS:
            for pair in self._open_pairs(place):
                if self.is_settled(place) or self.stopped():
                    return
                model = pair_model(problem, self.grid.tables(place), pair)
                self._close_pair(place, model, closing)

    def _close_pair(self, place: Place, model: PairModel, closing: Closing) -> None:
        pair, refined = model.pair, self.refined[model.pair]
        base = model.problem.pair_base(pair)
        better = float(self.grid.lower[place]) + closing.share_of_goal * self.goal
        least = max(0.0, (better - base) / model.unit)
        core = core_of(model, refined, None, least=least, most_states=model.tables.gain.size)
        wanted = Wanted(least=least, most=refined.bound, close_enough=refined.bound - least)
        effort = Effort(
            deterministic_time=closing.deterministic_time,
            wall_limit_s=WALL_LIMIT_S,
            seed=model.problem.inputs.options.seed,
            stopped=self.stopped,
        )
        closed = best_of_core(model, core, wanted, effort, closing.search)
        if closed.selection is not None:
            self._offer(model.problem, model, closed.selection)
        elif closed.answer.most_gain == -np.inf:
            self.grid.prove_pair(place, pair, base + model.unit * least if least else -np.inf)


def _never() -> bool:
    return False
