"""One pair with its limits priced: the best choice of shards, layer by layer.

Scores are in units of the table's gains: a pair's scale multiplies everything at the end, so that
prices found for one pair mean the same in another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner_api.optimizer.bounding.bounds import most_decode_us, unit_of
from planner_api.optimizer.bounding.multipliers import Multipliers, prices
from planner_api.optimizer.choice import ABSENT, Choice

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner_api.optimizer.bounding.tables import Tables
    from planner_api.optimizer.problem import Pair, Problem


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Selection:
    """Exactly `width` shards a layer, feasible or not: (depth, width) slices and their states."""

    slices: NDArray[np.intp]
    states: NDArray[np.intp]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Amounts:
    """What several choices bring and need, in this order; (n,) each."""

    gain: NDArray[np.float64]
    read_us: NDArray[np.float64]
    decode_us: NDArray[np.float64]
    streamed_bytes: NDArray[np.float64]
    preloaded_bytes: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PairModel:
    """One pair: its part of the tables, and its limits.

    `unit` turns gains into score. `most_decode_us`: of all layers together. `memory_binds` is
    False where no choice can reach the limit.
    """

    problem: Problem
    pair: Pair
    unit: float
    tables: Tables
    step_us: int
    most_decode_us: int
    room_bytes: int
    memory_binds: bool

    @property
    def depth(self) -> int:
        """Layers of the pair."""
        return self.pair.depth

    def free(self) -> Multipliers:
        """Prices of zero."""
        none = np.zeros(self.depth)
        return Multipliers(
            path=none,
            buffer=None if self.problem.read_ahead is None else none,
            memory=none if self.memory_binds else None,
            preload=0.0,
        )

    def relax(self, multipliers: Multipliers) -> tuple[float, Selection]:
        """The bound of these prices in units of gain, base left out, and the choice behind it."""
        price = prices(self.problem, multipliers)
        values = self.tables.values(price)
        state = values.argmax(axis=0)
        value = np.take_along_axis(values, state[None], axis=0)[0]
        slices = self._best_slices(value)
        best = np.take_along_axis(value, slices, axis=1)
        limits = (
            multipliers.latency * self.problem.latency_us
            - float(price.compute.sum()) * self.step_us
            + multipliers.preload * self.problem.preload_bytes
            + multipliers.held * self.room_bytes
            + multipliers.decode * self.most_decode_us
        )
        states = np.take_along_axis(state, slices, axis=1)
        return limits + float(best.sum()), Selection(slices=slices, states=states)

    def _best_slices(self, value: NDArray[np.float64]) -> NDArray[np.intp]:
        width, slices = self.pair.width, len(value[0])
        if width == slices:
            return np.broadcast_to(np.arange(slices), value.shape)
        required = self.tables.required
        key = np.where(required, np.inf, value) if required.any() else value
        return np.argpartition(key, slices - width, axis=1)[:, slices - width :]

    def totals(self, selection: Selection) -> Amounts:
        """Gains, times and bytes of a selection by layer: (depth,) each."""
        tables, states = self.tables, selection.states
        picked = (states, np.arange(self.depth)[:, None], selection.slices)
        sizes = tables.sizes[picked]
        preloaded = np.where(states >= tables.streamed, sizes, 0.0).sum(axis=1)
        return Amounts(
            gain=tables.gain[picked].sum(axis=1),
            read_us=tables.read_us[picked].sum(axis=1),
            decode_us=tables.decode_us[states].sum(axis=1),
            streamed_bytes=sizes.sum(axis=1) - preloaded,
            preloaded_bytes=preloaded,
        )

    def choice(self, selection: Selection) -> Choice:
        """The selection as the rest of the optimiser knows it."""
        shape = (self.depth, self.problem.slices)
        bits = np.full(shape, ABSENT, dtype=np.int64)
        preload = np.zeros(shape, dtype=np.bool_)
        streamed = self.tables.streamed
        np.put_along_axis(bits, selection.slices, selection.states % streamed, axis=1)
        np.put_along_axis(preload, selection.slices, selection.states >= streamed, axis=1)
        return Choice(pair=self.pair, bits=bits, preload=preload)

    def selection(self, choice: Choice) -> Selection:
        """A choice of this pair as a selection."""
        shape = (self.depth, self.pair.width)
        layers, slices = np.nonzero(choice.chosen)
        preloaded = choice.preload[layers, slices]
        states = choice.bits[layers, slices] + self.tables.streamed * preloaded
        return Selection(slices=slices.reshape(shape), states=states.reshape(shape))


def pair_model(problem: Problem, tables: Tables, pair: Pair) -> PairModel:
    """The part of a problem's tables that belongs to one pair, and the pair's limits."""
    slices = pair.width if problem.selection == "prefix" else problem.slices
    own = tables.cut(pair.depth, slices)
    if problem.scale[pair.depth - 1, pair.width - 1] == 0:
        own = own.without_gains()
    spent = problem.constant_bytes + pair.width * problem.decoded_shard_bytes
    room = problem.memory_bytes - spent
    return PairModel(
        problem=problem,
        pair=pair,
        unit=unit_of(problem, pair),
        tables=own,
        step_us=int(problem.layer_us[pair.width]),
        most_decode_us=int(most_decode_us(problem, pair.depth)[pair.width - 1]),
        room_bytes=room,
        memory_binds=room < _most_bytes(problem, own, pair),
    )


def _most_bytes(problem: Problem, tables: Tables, pair: Pair) -> float:
    """At least the encoded bytes that any choice of the pair holds in memory at once."""
    largest = np.sort(tables.sizes.max(axis=0), axis=1)[:, -pair.width :]
    return float(largest.sum()) + problem.preload_bytes
