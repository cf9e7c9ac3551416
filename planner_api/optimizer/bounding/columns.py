"""The best prices of one pair, by column generation over the choices of each layer.

The master program mixes choices ("columns") of each layer so that reads and compute meet the
latency, bytes the preload buffer and memory; its duals are the next prices to try. Nothing that
its solver says is taken on trust: bounds are recomputed from the prices alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from planner_api.optimizer.bounding.glop import LinearProgram
from planner_api.optimizer.bounding.multipliers import Multipliers, flows_are_valid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from planner_api.optimizer.bounding.relaxation import Amounts, PairModel, Selection

VIOLATION_PRICE = 1e5
"""What one whole latency (or buffer) too much costs, in total gains of the pair: a box on prices.
A box of 2,000 leaves pairs that hold no plan looking as if they did (PLANNING)."""

MASTER_SHARE = 0.7
"""How far the next prices go from the best ones towards the master's; near the end all the way."""
NEAR_THE_END = 1e-3
ITERATIONS = 100
STALLS = 5
"""The master may fail to improve so often in a row: its program is degenerate at times."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Refined:
    """The best prices found for a pair, and the choices met on the way.

    bound: in units of gain, base left out; below 0 the pair holds no plan. weights: (columns,
    depth), shares of the columns in the best mix of each layer; None if the master failed.
    """

    bound: float
    multipliers: Multipliers
    columns: list[Selection]
    weights: NDArray[np.float64] | None


def refine(model: PairModel, start: Multipliers, *, enough: float, tolerance: float) -> Refined:
    """Better prices, until the bound is at most `enough` or within `tolerance` of the best.

    Both are in units of gain.
    """
    master = Master(model)
    best, best_prices, current = math.inf, start, start
    columns: list[Selection] = []
    mixed, stalls = -math.inf, 0
    solved = None
    while len(columns) < ITERATIONS and stalls < STALLS:
        bound, selection = model.relax(current)
        if bound < best:
            best, best_prices = bound, current
        columns.append(selection)
        master.add(model.totals(selection))
        solved = master.solve()
        if solved is None or best <= enough or best - solved.gain <= tolerance:
            break
        stalls = 0 if solved.gain > mixed else stalls + 1
        mixed = solved.gain
        at_end = best - mixed <= NEAR_THE_END * abs(best)
        current = best_prices.towards(solved.duals, 1.0 if at_end else MASTER_SHARE)
    return Refined(
        bound=best,
        multipliers=best_prices,
        columns=columns,
        weights=None if solved is None else master.weights(),
    )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Solved:
    """The gain of the best mix, at most the pair's linear bound, and the prices it makes."""

    gain: float
    duals: Multipliers


class Master:
    """The master program of one pair; times are in latencies, bytes in buffers, gains in totals.

    Rows, with F_l and C_l the ends of reads and compute: F_l >= F_{l-1} + reads, F_l >= C_{l-w} +
    reads, C_l >= F_l + step, C_l >= C_{l-1} + step, C_n <= latency; all decode together.
    """

    def __init__(self, model: PairModel) -> None:
        self._model = model
        self._latency = float(max(1, model.problem.latency_us))
        self._buffer = float(max(1, model.problem.preload_bytes))
        self._room = float(max(1, abs(model.room_bytes)))
        self._gain = _total_gain(model)
        self._program = LinearProgram()
        self._add_times()
        self._add_limits()
        self._one_each = [self._program.exactly(1.0) for _ in range(model.depth)]
        self._columns: list[list[int]] = []

    def _add_times(self) -> None:
        depth = self._model.depth
        ahead = self._model.problem.read_ahead
        window = depth if ahead is None else ahead + 1
        read_end = [self._program.variable() for _ in range(depth)]
        compute_end = [self._program.variable() for _ in range(depth)]
        step = self._model.step_us / self._latency
        self._after_read = [self._order(compute_end[0], read_end[0], step)]
        self._reads = [self._order(read_end[0], None, 0.0)]
        self._chain: list[int | None] = [None]
        self._buffered: list[int | None] = [None]
        for layer in range(1, depth):
            end, read = compute_end[layer], read_end[layer]
            self._after_read.append(self._order(end, read, step))
            self._chain.append(self._order(end, compute_end[layer - 1], step))
            self._reads.append(self._order(read, read_end[layer - 1], 0.0))
            freed = compute_end[layer - window] if layer >= window else None
            self._buffered.append(None if freed is None else self._order(read, freed, 0.0))
        self._program.term(self._limit(1.0), compute_end[-1], 1.0)

    def _order(self, later: int, earlier: int | None, step: float) -> int:
        """The row earlier + step <= later; reads or decode are added by columns."""
        row = self._program.at_most(-step)
        self._program.term(row, later, -1.0)
        if earlier is not None:
            self._program.term(row, earlier, 1.0)
        return row

    def _limit(self, bound: float) -> int:
        """A row that may be broken at the price of VIOLATION_PRICE."""
        row = self._program.at_most(bound)
        self._program.term(row, self._program.variable(-VIOLATION_PRICE), -1.0)
        return row

    def _add_limits(self) -> None:
        model = self._model
        self._preload = self._limit(1.0) if model.tables.preloads else None
        self._decode = None
        if model.tables.decode_us.any():
            self._decode = self._limit(model.most_decode_us / self._latency)
        self._memory: list[int] = []
        if model.memory_binds:
            ahead = model.problem.read_ahead
            windows = 1 if ahead is None else max(1, model.depth - ahead)
            room = model.room_bytes / self._room
            self._memory = [self._limit(room) for _ in range(windows)]

    def add(self, totals: Amounts) -> None:
        """One more choice for every layer."""
        reads = (totals.read_us / self._latency).tolist()
        decodes = (totals.decode_us / self._latency).tolist()
        gains = (totals.gain / self._gain).tolist()
        columns = [self._program.variable(gain) for gain in gains]
        self._columns.append(columns)
        for layer, column in enumerate(columns):
            self._program.term(self._one_each[layer], column, 1.0)
            self._set((self._reads[layer], self._buffered[layer]), column, reads[layer])
            decoded_by = (self._after_read[layer], self._chain[layer], self._decode)
            self._set(decoded_by, column, decodes[layer])
        if self._preload is not None:
            for column, preloaded in zip(columns, totals.preloaded_bytes.tolist(), strict=True):
                self._set((self._preload,), column, preloaded / self._buffer)
        if self._memory:
            self._add_memory(columns, totals)

    def _add_memory(self, columns: list[int], totals: Amounts) -> None:
        ahead = self._model.problem.read_ahead
        reach = self._model.depth if ahead is None else ahead + 1
        preloaded = (totals.preloaded_bytes / self._room).tolist()
        streamed = (totals.streamed_bytes / self._room).tolist()
        for layer, column in enumerate(columns):
            for first, row in enumerate(self._memory):
                within = first <= layer < first + reach
                held = preloaded[layer] + (streamed[layer] if within else 0.0)
                self._set((row,), column, held)

    def _set(self, rows: tuple[int | None, ...], column: int, coefficient: float) -> None:
        if coefficient:
            for row in rows:
                if row is not None:
                    self._program.term(row, column, coefficient)

    def solve(self) -> Solved | None:
        """The best mix; None where GLOP fails."""
        optimum = self._program.solve()
        if optimum is None:
            return None
        per_us = self._gain / self._latency
        memory = np.zeros(self._model.depth)
        memory[: len(self._memory)] = self._duals(self._memory) * self._gain / self._room
        unlimited = self._model.problem.read_ahead is None
        duals = Multipliers(
            path=self._duals(self._after_read) * per_us,
            buffer=None if unlimited else self._duals(self._buffered) * per_us,
            memory=memory if self._memory else None,
            preload=float(self._duals([self._preload])[0]) * self._gain / self._buffer,
            decode=float(self._duals([self._decode])[0]) * per_us,
        )
        if not flows_are_valid(self._model.problem, duals):
            duals = replace(duals, buffer=np.zeros(self._model.depth))
        return Solved(gain=optimum * self._gain, duals=duals)

    def _duals(self, rows: Sequence[int | None]) -> NDArray[np.float64]:
        """Prices of the rows, 0 for rows that are left out and for those a rounding below 0."""
        dual = self._program.dual
        return np.array([0.0 if row is None else max(0.0, dual(row)) for row in rows])

    def weights(self) -> NDArray[np.float64]:
        """(choices added, depth): the share of each choice in the best mix of its layer."""
        value = self._program.value
        return np.array([[value(column) for column in row] for row in self._columns])


def _total_gain(model: PairModel) -> float:
    """The most that any choice can gain, or 1 if that is nothing."""
    best = np.where(np.isfinite(model.tables.gain), model.tables.gain, 0.0).max(axis=0)
    return float(np.sort(best, axis=1)[:, -model.pair.width :].sum()) or 1.0
