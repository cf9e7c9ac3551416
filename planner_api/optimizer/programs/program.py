"""The limits of one pair as a CP-SAT model over options, each a part of one layer's choice."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner_api.optimizer.programs.cp_sat import new_model, run, weighted
from planner_api.optimizer.programs.options import path_limits, sum_limits, together

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray
    from ortools.sat.python.cp_model import CpModel, IntVar, LinearExpr

    from planner_api.optimizer.bounding.relaxation import PairModel
    from planner_api.optimizer.programs.cp_sat import Effort, Outcome, Search
    from planner_api.optimizer.programs.options import Groups, Limit, Options

MOST_STEPS = 40
"""Gains become integers, rounded up: bounds stay bounds. The pair's bound (or a gain above it) is
2^MOST_STEPS at most. Steps are powers of two, so that short binary fractions are exact."""
STEPS_OF_ROUNDING = 7
"""Of what is close enough, rounding up all gains of a plan adds 2^-STEPS_OF_ROUNDING at most: the
smaller the integers, the better the solver's cuts."""
SLIVER = 1e-3
"""Of a step: what is wanted is let through by it, whichever way its floats were rounded."""
MOST_TERMS = 60_000
"""PATH rows of up to so many terms are written out; they give the solver better cuts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What is looked for, in units of gain: at least `least`; `most` is proven already.

    Within `close_enough` of what is possible is enough.
    """

    least: float
    most: float
    close_enough: float


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Answer:
    """What is taken and preloaded, None if no such plan was found; and what is proven.

    taken: (C,), 0 or 1. preloaded: (G,), how many of each group. most_gain: of the options; None
    if nothing is proven, -inf if no plan gains what is wanted. truncated: the clock ended it.
    deterministic_time: what was spent.
    """

    taken: NDArray[np.int64] | None
    preloaded: NDArray[np.int64] | None
    most_gain: float | None
    truncated: bool
    deterministic_time: float


class Program:
    """A model in which latency, preload buffer and memory hold.

    taken: a boolean an option. preloaded: a number a group, none without groups.
    """

    def __init__(self, pair: PairModel, options: Options, groups: Groups | None = None) -> None:
        self.model: CpModel = new_model()
        self.taken = [self.model.new_bool_var("") for _ in options.layers]
        self.preloaded: list[IntVar] = []
        self._pair = pair
        self._gain = options.gain
        self._needs = options
        if groups is not None:
            self._add(groups)
            self._needs = together(options, groups)
        self._variables = np.array([*self.taken, *self.preloaded], dtype=object)
        self._places = [np.flatnonzero(self._needs.layers == k) for k in range(pair.depth)]
        ahead = pair.problem.read_ahead
        unlimited = ahead is None or ahead + 1 >= pair.depth
        is_small = pair.depth * len(self._variables) <= MOST_TERMS
        if is_small:
            self._hold(path_limits(pair, self._needs))
        if not (is_small and unlimited):
            self._hold_times(pair.depth if ahead is None else ahead + 1)
        self._hold(sum_limits(pair, self._needs))

    def _add(self, groups: Groups) -> None:
        """How many of each group are preloaded: at most those taken, or all of them."""
        for group, whole in enumerate(groups.whole.tolist()):
            members = [self.taken[index] for index in np.flatnonzero(groups.of == group)]
            count = self.model.new_int_var(0, len(members), "")
            taken = sum(members)
            self.model.add(count == taken if whole else count <= taken)
            self.preloaded.append(count)

    def take(self, options: Sequence[int], count: int) -> None:
        """So many of these options, no more and no less."""
        taken = [self.taken[option] for option in options]
        if count == 1:
            self.model.add_exactly_one(taken)
        else:
            self.model.add(sum(taken) == count)

    def take_at_most_one(self, options: Sequence[int]) -> None:
        """One of these options or none."""
        self.model.add_at_most_one([self.taken[option] for option in options])

    def _hold(self, limits: Iterable[Limit]) -> None:
        for limit in limits:
            if limit.needs.any():
                self.model.add(self._sum(limit.needs) <= limit.most)

    def _sum(
        self, amounts: NDArray[np.float64], places: NDArray[np.intp] | None = None
    ) -> LinearExpr:
        chosen = np.flatnonzero(amounts) if places is None else places
        variables: list[IntVar] = self._variables[chosen].tolist()
        return weighted(variables, amounts[chosen].astype(np.int64).tolist())

    def _hold_times(self, window: int) -> None:
        """F_l = max(F_(l-1), C_(l-w)) + reads, C_l = max(C_(l-1), F_l) + step."""
        pair, latency = self._pair, self._pair.problem.latency_us
        read_end = [self.model.new_int_var(0, latency, "") for _ in self._places]
        compute_end = [self.model.new_int_var(0, latency, "") for _ in self._places]
        for layer, within in enumerate(self._places):
            reads = self._sum(self._needs.read_us, within)
            step = self._sum(self._needs.decode_us, within) + pair.step_us
            self.model.add(compute_end[layer] >= read_end[layer] + step)
            self.model.add(read_end[layer] >= (read_end[layer - 1] + reads if layer else reads))
            if layer:
                self.model.add(compute_end[layer] >= compute_end[layer - 1] + step)
            if layer >= window:
                self.model.add(read_end[layer] >= compute_end[layer - window] + reads)

    def start_from(self, taken: NDArray[np.int64], preloaded: NDArray[np.int64]) -> None:
        """Tell the solver of a plan that fits: without any plan it gives no bound."""
        for option, is_taken in zip(self.taken, taken.tolist(), strict=True):
            self.model.add_hint(option, is_taken)
        for group, count in zip(self.preloaded, preloaded.tolist(), strict=True):
            self.model.add_hint(group, count)

    def solve(self, wanted: Wanted, effort: Effort, search: Search) -> Answer:
        """The best plan that gains as much as is wanted."""
        steps = self._steps(wanted)
        gains = np.ceil(self._gain * steps).astype(np.int64)
        objective = weighted(self.taken, gains.tolist())
        self.model.add(objective >= math.floor(wanted.least * steps - SLIVER))
        self.model.add(objective <= math.ceil(wanted.most * steps + SLIVER) + len(self.taken))
        self.model.maximize(objective)
        gap = wanted.close_enough * steps
        outcome = run(self.model, effort, absolute_gap=gap, search=search)
        return Answer(
            taken=_values(outcome, self.taken),
            preloaded=_values(outcome, self.preloaded),
            most_gain=_proven(outcome, steps),
            truncated=outcome.truncated,
            deterministic_time=outcome.deterministic_time,
        )

    def _steps(self, wanted: Wanted) -> float:
        """Integers a unit of gain."""
        largest = max(wanted.most, float(self._gain.max(initial=0.0)))
        if largest <= 0:
            return 1.0
        finest = MOST_STEPS - math.ceil(math.log2(largest))
        shards = self._pair.depth * self._pair.pair.width
        if wanted.close_enough <= 0:
            return 2.0**finest
        needed = STEPS_OF_ROUNDING + math.ceil(math.log2(shards / wanted.close_enough))
        return 2.0 ** min(finest, needed)


def _values(outcome: Outcome, variables: list[IntVar]) -> NDArray[np.int64] | None:
    if outcome.value is None:
        return None
    return np.array([outcome.value(variable) for variable in variables], dtype=np.int64)


def _proven(outcome: Outcome, steps: float) -> float | None:
    if outcome.status == "infeasible":
        return -math.inf
    return None if outcome.bound is None else outcome.bound / steps
