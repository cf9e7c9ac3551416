"""One bitwidth for every shard: the best of all pairs and bitwidths, priced at once.

A width's slices are those `base` is measured on, and width m + 1 only adds one slice to each
layer. So sums over the first m slices, over the first n layers and over the bitwidths come from
running sums, and only the one layer in which the preload buffer runs out is looked at by shard.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from planner_api.optimizer.bounding.table_bound import pair_mask
from planner_api.optimizer.choice import ABSENT, Choice, evaluate
from planner_api.optimizer.problem import Pair
from planner_api.optimizer.solution import Candidate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner_api.optimizer.problem import Problem


def uniform_choice(problem: Problem, pair: Pair, bits_index: int) -> Choice:
    """Every slice that base is measured on at one bitwidth, preloaded bottom-up."""
    chosen = problem.reference[pair.width, : pair.depth]
    sizes = np.where(chosen, problem.shard_bytes[: pair.depth, :, bits_index], 0)
    return Choice(
        pair=pair,
        bits=np.where(chosen, np.int64(bits_index), np.int64(ABSENT)),
        preload=chosen & bottom_up(sizes, problem.preload_bytes),
    )


def bottom_up(sizes: NDArray[np.int64], preload_bytes: int) -> NDArray[np.bool_]:
    """Which shards fit the buffer when filled by (layer, slice) until the first that does not.

    sizes: (layers, slices), 0 where no shard is chosen.
    """
    return (sizes.ravel().cumsum() <= preload_bytes).reshape(sizes.shape)


def uniform(problem: Problem) -> Candidate:
    """The best feasible uniform plan over (n, m, b); if there is none, the fastest.

    Ties by latency, then bytes, then (n, m, b) (CONTRACTS, "Policies").
    """
    sums = _uniform_sums(problem)
    latency = _latency(problem, sums)
    fits = latency <= problem.latency_us
    fits &= _peak_memory(problem, sums) <= problem.memory_bytes
    fits &= sums.permitted
    allowed = np.broadcast_to(pair_mask(problem)[:, :, None], fits.shape)
    if (fits & allowed).any():
        keys = (sums.size_bytes, latency, -_scores(problem, sums))
        best = _first(fits & allowed, keys)
    else:
        best = _first(allowed, (sums.size_bytes, -_scores(problem, sums), latency))
    depth, width, bits_index = best
    choice = uniform_choice(problem, Pair(depth + 1, width + 1), bits_index)
    return Candidate(choice=choice, evaluation=evaluate(problem, choice))


def _first(among: NDArray[np.bool_], keys: tuple[NDArray[Any], ...]) -> tuple[int, ...]:
    """Index of the least entry by the keys, the last one first, then by (n, m, b)."""
    candidates = np.flatnonzero(among)
    order = np.lexsort([key.ravel()[candidates] for key in keys])
    return tuple(int(index) for index in np.unravel_index(candidates[order[0]], among.shape))


@dataclass(frozen=True, kw_only=True, slots=True)
class _UniformSums:
    """Sums for every depth, width and bitwidth, each (N, M, B).

    streamed_us, streamed_bytes: of the one layer n-1, without its preloaded shards. size_bytes,
    gain: of all shards of the plan. permitted: pins and forbids are honoured.
    """

    streamed_us: NDArray[np.int64]
    streamed_bytes: NDArray[np.int64]
    size_bytes: NDArray[np.int64]
    gain: NDArray[np.float64]
    permitted: NDArray[np.bool_]


def _uniform_sums(problem: Problem) -> _UniformSums:
    order = _slices_by_width(problem)[:, :, None]
    read_us = np.take_along_axis(problem.read_us, order, axis=1).cumsum(axis=1)
    layer_bytes = np.take_along_axis(problem.shard_bytes, order, axis=1).cumsum(axis=1)
    gain = np.take_along_axis(problem.gain, order, axis=1).cumsum(axis=1).cumsum(axis=0)
    size_bytes = layer_bytes.cumsum(axis=0)
    streamed = size_bytes > problem.preload_bytes
    edge = _Edge.of(problem, size_bytes, layer_bytes)
    streamed_us = np.where(streamed, read_us, 0)
    streamed_bytes = np.where(streamed, layer_bytes, 0)
    streamed_us[edge.index] -= edge.sum_preloaded(problem.read_us)
    streamed_bytes[edge.index] -= edge.sum_preloaded(problem.shard_bytes)
    return _UniformSums(
        streamed_us=streamed_us,
        streamed_bytes=streamed_bytes,
        size_bytes=size_bytes,
        gain=gain,
        permitted=_permitted(problem, order[:, :, 0], streamed, edge),
    )


def _slices_by_width(problem: Problem) -> NDArray[np.intp]:
    """(N, M): the slice that each width adds to each layer."""
    added = problem.reference[1:] & ~problem.reference[:-1]
    return added.argmax(axis=2).T


@dataclass(frozen=True, kw_only=True, slots=True)
class _Edge:
    """The layer of each (width, bitwidth) in which the preload buffer runs out, E of them.

    layer, width (less 1), bits: (E,) indices. chosen, preloaded: (E, M) by slice.
    """

    layer: NDArray[np.intp]
    width: NDArray[np.intp]
    bits: NDArray[np.intp]
    chosen: NDArray[np.bool_]
    preloaded: NDArray[np.bool_]

    @classmethod
    def of(
        cls, problem: Problem, size_bytes: NDArray[np.int64], layer_bytes: NDArray[np.int64]
    ) -> _Edge:
        """From the sums over the layers up to each (N, M, B), and of each alone."""
        first = (size_bytes <= problem.preload_bytes).sum(axis=0)
        width, bits = np.nonzero(first < problem.layers)
        layer = first[width, bits]
        chosen = problem.reference[width + 1, layer]
        sizes = np.where(chosen, problem.shard_bytes[layer, :, bits], 0)
        left = problem.preload_bytes - (size_bytes - layer_bytes)[layer, width, bits]
        preloaded = chosen & (sizes.cumsum(axis=1) <= left[:, None])
        return cls(layer=layer, width=width, bits=bits, chosen=chosen, preloaded=preloaded)

    @property
    def index(self) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
        """Where these layers stand in an (N, M, B) array."""
        return self.layer, self.width, self.bits

    def sum_preloaded(self, table: NDArray[np.int64]) -> NDArray[np.int64]:
        """(E,): sum of an (N, M, B) table over the preloaded shards."""
        return np.where(self.preloaded, table[self.layer, :, self.bits], 0).sum(axis=1)


def _permitted(
    problem: Problem, order: NDArray[np.intp], streamed: NDArray[np.bool_], edge: _Edge
) -> NDArray[np.bool_]:
    """(N, M, B): whether every shard's state is allowed and no pinned slice is left out."""
    by_order = np.take_along_axis(problem.states, order[:, :, None, None], axis=1)
    all_allowed = np.logical_and.accumulate(by_order, axis=1)
    layer_fine = np.where(streamed, all_allowed[..., 0], all_allowed[..., 1])
    states = problem.states[edge.layer, :, edge.bits]
    fine = np.where(edge.preloaded, states[..., 1], states[..., 0]) | ~edge.chosen
    layer_fine[edge.index] = fine.all(axis=1)
    held: NDArray[np.bool_] = np.all(problem.reference[1:] | ~problem.required, axis=2).T
    return np.logical_and.accumulate(layer_fine & held[:, :, None], axis=0)


def _latency(problem: Problem, sums: _UniformSums) -> NDArray[np.int64]:
    """(N, M, B): max-plus recursion over the layers, without fixed_us; nonsense at width -1."""
    widths = np.arange(1, problem.slices + 1)[:, None]
    step = problem.layer_us[1:, None] + widths * problem.decode_us
    computed = np.zeros_like(sums.streamed_us)
    read_end = np.zeros_like(step)
    done = np.zeros_like(step)
    for layer, streamed_us in enumerate(sums.streamed_us):
        if problem.read_ahead is not None and layer > problem.read_ahead:
            read_end = np.maximum(read_end, computed[layer - 1 - problem.read_ahead])
        read_end = read_end + streamed_us
        done = np.maximum(done, read_end) + step
        computed[layer] = done
    return computed


def _peak_memory(problem: Problem, sums: _UniformSums) -> NDArray[np.int64]:
    """(N, M, B): the peak of CONTRACTS, `memory_bytes`."""
    total = sums.streamed_bytes.cumsum(axis=0)
    window = total.copy()
    if problem.read_ahead is not None:
        reach = problem.read_ahead + 1
        window[reach:] -= total[:-reach]
    widths = np.arange(1, problem.slices + 1)[:, None]
    held = problem.constant_bytes + widths * problem.decoded_shard_bytes
    return held + (sums.size_bytes - total) + np.maximum.accumulate(window, axis=0)


def _scores(problem: Problem, sums: _UniformSums) -> NDArray[np.float64]:
    return problem.base[:, :, None] + problem.scale[:, :, None] * sums.gain
