"""The limits of one pair as a CP-SAT model over options, each a part of one layer's choice."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner_api.optimizer.cp_sat import new_model, run, weighted

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from ortools.sat.python.cp_model import CpModel, LinearExpr

    from planner_api.optimizer.cp_sat import Effort, Outcome, Search
    from planner_api.optimizer.relaxation import PairModel

STEPS = 40
"""Gains become integers in parts of the pair's bound (or of a gain above it), 2^STEPS at most,
rounded up: bounds stay bounds. The parts are a power of two, so that gains that are short binary
fractions are exact."""
MOST_TERMS = 60_000
"""PATH rows of up to so many terms are written out; they give the solver better cuts."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Options:
    """What may be taken: its layer, and what it brings and needs; (C,) each, by layer."""

    layers: NDArray[np.intp]
    gain: NDArray[np.float64]
    read_us: NDArray[np.float64]
    decode_us: NDArray[np.float64]
    streamed_bytes: NDArray[np.float64]
    preloaded_bytes: NDArray[np.float64]


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
    """Which options are taken, (C,), or None if no such plan was found; and what is proven.

    most_gain: of the options; None if nothing is proven, -inf if no plan gains what is wanted.
    truncated: the clock ended it. deterministic_time: what was spent.
    """

    taken: NDArray[np.bool_] | None
    most_gain: float | None
    truncated: bool
    deterministic_time: float


class Program:
    """A model in which latency, preload buffer and memory hold; `taken`: a boolean an option."""

    def __init__(self, pair: PairModel, options: Options) -> None:
        self.model: CpModel = new_model()
        self.taken = [self.model.new_bool_var("") for _ in options.layers]
        self._pair = pair
        self._options = options
        starts = np.searchsorted(options.layers, np.arange(pair.depth + 1)).tolist()
        self.layers = [slice(low, high) for low, high in itertools.pairwise(starts)]
        ahead = pair.problem.read_ahead
        unlimited = ahead is None or ahead + 1 >= pair.depth
        is_small = pair.depth * len(options.layers) <= MOST_TERMS
        if is_small:
            self._hold_paths()
        if not (is_small and unlimited):
            self._hold_times(pair.depth if ahead is None else ahead + 1)
        self._fit_bytes()

    def _sum(self, within: slice, amounts: NDArray[np.float64]) -> LinearExpr:
        return weighted(self.taken[within], [int(amount) for amount in amounts[within]])

    def _hold_paths(self) -> None:
        """The PATH rows (PLANNING): all of the deadline where reads may run ahead freely."""
        pair, options = self._pair, self._options
        for layer in range(pair.depth):
            before = np.where(options.layers <= layer, options.read_us, 0.0)
            after = np.where(options.layers >= layer, options.decode_us, 0.0)
            left = pair.problem.latency_us - (pair.depth - layer) * pair.step_us
            self.model.add(self._sum(slice(None), before + after) <= left)

    def _hold_times(self, window: int) -> None:
        """F_l = max(F_(l-1), C_(l-w)) + reads, C_l = max(C_(l-1), F_l) + step."""
        pair, latency = self._pair, self._pair.problem.latency_us
        read_end = [self.model.new_int_var(0, latency, "") for _ in self.layers]
        compute_end = [self.model.new_int_var(0, latency, "") for _ in self.layers]
        for layer, within in enumerate(self.layers):
            reads = self._sum(within, self._options.read_us)
            step = self._sum(within, self._options.decode_us) + pair.step_us
            self.model.add(compute_end[layer] >= read_end[layer] + step)
            self.model.add(read_end[layer] >= (read_end[layer - 1] + reads if layer else reads))
            if layer:
                self.model.add(compute_end[layer] >= compute_end[layer - 1] + step)
            if layer >= window:
                self.model.add(read_end[layer] >= compute_end[layer - window] + reads)

    def _fit_bytes(self) -> None:
        """Preload buffer, and memory in every window of layers."""
        pair, options = self._pair, self._options
        preloaded = self._sum(slice(None), options.preloaded_bytes)
        if options.preloaded_bytes.any():
            self.model.add(preloaded <= pair.problem.preload_bytes)
        if not pair.memory_binds:
            return
        ahead = pair.problem.read_ahead
        reach = pair.depth if ahead is None else min(ahead + 1, pair.depth)
        streamed = [self._sum(within, options.streamed_bytes) for within in self.layers]
        for first in range(pair.depth - reach + 1):
            held = sum(streamed[first : first + reach])
            self.model.add(preloaded + held <= pair.room_bytes)

    def start_from(self, taken: NDArray[np.bool_]) -> None:
        """Tell the solver of a plan that fits: without any plan it gives no bound."""
        for option, is_taken in zip(self.taken, taken.tolist(), strict=True):
            self.model.add_hint(option, is_taken)

    def solve(self, wanted: Wanted, effort: Effort, search: Search) -> Answer:
        """The best plan that gains as much as is wanted."""
        largest = max(wanted.most, float(self._options.gain.max(initial=0.0)))
        steps = 2.0 ** (STEPS - math.ceil(math.log2(largest))) if largest > 0 else 1.0
        gains = np.ceil(self._options.gain * steps)
        objective = weighted(self.taken, [int(gain) for gain in gains])
        self.model.add(objective >= math.floor(wanted.least * steps))
        self.model.add(objective <= math.ceil(wanted.most * steps) + len(self.taken))
        self.model.maximize(objective)
        gap = wanted.close_enough * steps
        outcome = run(self.model, effort, absolute_gap=gap, search=search)
        return Answer(
            taken=self._taken(outcome),
            most_gain=_proven(outcome, steps),
            truncated=outcome.truncated,
            deterministic_time=outcome.deterministic_time,
        )

    def _taken(self, outcome: Outcome) -> NDArray[np.bool_] | None:
        if outcome.value is None:
            return None
        return np.array([bool(outcome.value(taken)) for taken in self.taken])


def _proven(outcome: Outcome, steps: float) -> float | None:
    if outcome.status == "infeasible":
        return -math.inf
    return None if outcome.bound is None else outcome.bound / steps
