"""The last of the gap of one pair: CP-SAT on the states that an improving plan may still use.

At the pair's best prices every state has a loss, the worth it forgoes against the best choice of
its layer. A plan that holds it scores at most the pair's bound less that loss; so a plan better
than the best known uses states of small loss only, the *core*. What CP-SAT says of the whole core
is the word of a solver; of a part of the core it gives plans and proves nothing.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner_api.optimizer.cp_sat import new_model, run, weighted
from planner_api.optimizer.multipliers import prices
from planner_api.optimizer.relaxation import Selection

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from ortools.sat.python.cp_model import CpModel, IntVar, LinearExpr

    from planner_api.optimizer.cp_sat import Effort
    from planner_api.optimizer.multipliers import Multipliers
    from planner_api.optimizer.relaxation import PairModel

STEPS = 2.0**40
"""Gains become integers in these parts of the pair's bound, rounded up: bounds stay bounds."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Core:
    """States worth a look: (C,) each, by layer. `whole` if all others are proven useless."""

    states: NDArray[np.intp]
    layers: NDArray[np.intp]
    slices: NDArray[np.intp]
    whole: bool


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Closed:
    """The best selection found, if any, and what is proven of the pair.

    most_gain: None if nothing is proven, -inf if no plan gains as much as was asked for.
    truncated: the clock ended it. deterministic_time: what was spent.
    """

    selection: Selection | None
    most_gain: float | None
    truncated: bool
    deterministic_time: float


def losses(model: PairModel, multipliers: Multipliers) -> NDArray[np.float64]:
    """(K, depth, M): what the bound falls by if a state must be used; inf if it may not be."""
    values = model.tables.values(prices(model.problem, multipliers))
    best = values.max(axis=0)
    width, slices = model.pair.width, best.shape[1]
    key = np.where(model.tables.required, np.inf, best)
    last = np.partition(key, slices - width, axis=1)[:, slices - width]
    needed = np.where(np.isfinite(last), last, best.max(axis=1))
    replaced = np.where(key >= last[:, None], best, needed[:, None])
    return np.where(np.isfinite(values), replaced - values, np.inf)


def core_of(
    model: PairModel, multipliers: Multipliers, *, most_loss: float, most_states: int
) -> Core:
    """States of a loss up to `most_loss`, and of those the `most_states` of least loss."""
    loss = losses(model, multipliers)
    order = np.argsort(loss, axis=None, kind="stable")
    within = int((loss <= most_loss).sum())
    kept = np.sort(order[: min(within, most_states)])
    states, layers, slices = np.unravel_index(kept, loss.shape)
    by_layer = np.lexsort((states, slices, layers))
    return Core(
        states=states[by_layer],
        layers=layers[by_layer],
        slices=slices[by_layer],
        whole=within <= most_states,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What is looked for, in units of gain: at least `least`; `most` is proven already.

    Within `close_enough` of what is possible is enough.
    """

    least: float
    most: float
    close_enough: float


def close(model: PairModel, core: Core, wanted: Wanted, effort: Effort) -> Closed:
    """The best plan of the core that gains as much as is wanted."""
    steps = STEPS / wanted.most if wanted.most > 0 else 1.0
    program = _Program(model, core)
    gains = np.ceil(model.tables.gain[core.states, core.layers, core.slices] * steps)
    objective = weighted(program.taken, [int(gain) for gain in gains])
    program.model.add(objective >= math.floor(wanted.least * steps))
    program.model.add(objective <= math.ceil(wanted.most * steps) + len(core.states))
    program.model.maximize(objective)
    outcome = run(program.model, effort, absolute_gap=wanted.close_enough * steps)
    proven = -math.inf if outcome.status == "infeasible" else None
    if outcome.bound is not None:
        proven = outcome.bound / steps
    return Closed(
        selection=None if outcome.value is None else program.selection(outcome.value),
        most_gain=proven if core.whole else None,
        truncated=outcome.truncated,
        deterministic_time=outcome.deterministic_time,
    )


class _Program:
    """The pair's limits over the states of a core; `taken` is one boolean a state."""

    def __init__(self, model: PairModel, core: Core) -> None:
        self.model: CpModel = new_model()
        self.taken = [self.model.new_bool_var("") for _ in core.states]
        self._pair = model
        self._core = core
        starts = np.searchsorted(core.layers, np.arange(model.depth + 1))
        self._layers = [slice(low, high) for low, high in itertools.pairwise(starts.tolist())]
        self._fill_layers()
        self._meet_deadline()
        self._fit_bytes()

    def _fill_layers(self) -> None:
        """Each slice at most once, pinned ones always, `width` slices a layer."""
        core, required = self._core, self._pair.tables.required
        by_slice: dict[tuple[int, int], list[IntVar]] = {}
        for layer, index, taken in zip(core.layers, core.slices, self.taken, strict=True):
            by_slice.setdefault((int(layer), int(index)), []).append(taken)
        for shard, options in by_slice.items():
            if required[shard]:
                self.model.add_exactly_one(options)
            elif len(options) > 1:
                self.model.add_at_most_one(options)
        for within in self._layers:
            self.model.add(sum(self.taken[within]) == self._pair.pair.width)

    def _sum(self, within: slice, amounts: NDArray[np.float64]) -> LinearExpr:
        return weighted(self.taken[within], [int(amount) for amount in amounts[within]])

    def _meet_deadline(self) -> None:
        """F_l = max(F_(l-1), C_(l-1-r)) + reads, C_l = max(C_(l-1), F_l) + step."""
        pair, core = self._pair, self._core
        latency, ahead = pair.problem.latency_us, pair.problem.read_ahead
        read_us = pair.tables.read_us[core.states, core.layers, core.slices]
        decode_us = pair.tables.decode_us[core.states]
        read_end = [self.model.new_int_var(0, latency, "") for _ in self._layers]
        compute_end = [self.model.new_int_var(0, latency, "") for _ in self._layers]
        for layer, within in enumerate(self._layers):
            reads = self._sum(within, read_us)
            step = self._sum(within, decode_us) + pair.step_us
            self.model.add(compute_end[layer] >= read_end[layer] + step)
            if layer == 0:
                self.model.add(read_end[0] >= reads)
                continue
            self.model.add(read_end[layer] >= read_end[layer - 1] + reads)
            self.model.add(compute_end[layer] >= compute_end[layer - 1] + step)
            if ahead is not None and layer > ahead:
                self.model.add(read_end[layer] >= compute_end[layer - 1 - ahead] + reads)

    def _fit_bytes(self) -> None:
        """Preload buffer, and memory in every window of layers."""
        pair, core = self._pair, self._core
        sizes = pair.tables.sizes[core.states, core.layers, core.slices]
        is_preload = core.states >= pair.tables.streamed
        everything = slice(0, len(core.states))
        preloaded = self._sum(everything, np.where(is_preload, sizes, 0.0))
        if is_preload.any():
            self.model.add(preloaded <= pair.problem.preload_bytes)
        if not pair.memory_binds:
            return
        ahead = pair.problem.read_ahead
        reach = pair.depth if ahead is None else min(ahead + 1, pair.depth)
        streamed = [self._sum(w, np.where(is_preload, 0.0, sizes)) for w in self._layers]
        for first in range(pair.depth - reach + 1):
            held = sum(streamed[first : first + reach])
            self.model.add(preloaded + held <= pair.room_bytes)

    def selection(self, value: Callable[[IntVar], int]) -> Selection:
        """The selection that the variables' values stand for."""
        kept = np.array([bool(value(taken)) for taken in self.taken])
        shape = (self._pair.depth, self._pair.pair.width)
        return Selection(
            slices=self._core.slices[kept].reshape(shape),
            states=self._core.states[kept].reshape(shape),
        )
