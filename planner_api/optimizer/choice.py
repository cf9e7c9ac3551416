"""A choice of shards and what follows from it: times, bytes, memory, score, all exact.

Every plan leaves the optimiser through `evaluate`, whatever a solver said of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from plan_contracts import LayerTimes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner_api.optimizer.problem import Pair, Problem

ABSENT = -1


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Choice:
    """Which shards of a pair, at which bitwidth, and which of them preloaded.

    bits: (depth, M) int64, the index of the bitwidth, or ABSENT. preload: (depth, M) bool.
    """

    pair: Pair
    bits: NDArray[np.int64]
    preload: NDArray[np.bool_]

    @property
    def chosen(self) -> NDArray[np.bool_]:
        """(depth, M): the shards that are part of the plan."""
        return self.bits != ABSENT

    def pick(self, table: NDArray[np.int64]) -> NDArray[np.int64]:
        """(depth, M): each chosen shard's entry of an (N, M, B) table, 0 for the others."""
        rows = table[: self.pair.depth]
        picked = np.take_along_axis(rows, np.maximum(self.bits, 0)[:, :, None], axis=2)[:, :, 0]
        return np.where(self.chosen, picked, 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluation:
    """What a choice comes to; `latency_us` includes fixed_us."""

    objective: float
    latency_us: int
    read_bytes: int
    preload_bytes: int
    peak_memory_bytes: int
    layers: tuple[LayerTimes, ...]
    honours_options: bool
    feasible: bool


def evaluate(problem: Problem, choice: Choice) -> Evaluation:
    """Latency by integer max-plus recursion, peak memory, exact score, and whether all fits."""
    sizes = choice.pick(problem.shard_bytes)
    streamed = np.where(choice.preload, 0, sizes).sum(axis=1)
    preloaded = int(np.where(choice.preload, sizes, 0).sum())
    layers = timeline(problem, choice)
    latency = layers[-1].compute_end_us + problem.fixed_us
    peak = peak_memory(problem, choice.pair, streamed, preloaded)
    honours = honours_options(problem, choice)
    fits = (
        layers[-1].compute_end_us <= problem.latency_us
        and preloaded <= problem.preload_bytes
        and peak <= problem.memory_bytes
    )
    return Evaluation(
        objective=objective(problem, choice),
        latency_us=latency,
        read_bytes=int(streamed.sum()),
        preload_bytes=preloaded,
        peak_memory_bytes=peak,
        layers=layers,
        honours_options=honours,
        feasible=fits and honours,
    )


def timeline(problem: Problem, choice: Choice) -> tuple[LayerTimes, ...]:
    """Start and end of each layer's reads and of its decode + compute (PLANNING, "Time")."""
    reads = layer_reads_us(problem, choice)
    step = layer_steps_us(problem, choice)
    read_end = compute_end = 0
    layers: list[LayerTimes] = []
    for layer in range(choice.pair.depth):
        read_start = max(read_end, _buffer_free(layers, layer, problem.read_ahead))
        if not reads[layer]:
            read_start = read_end
        read_end = read_start + int(reads[layer])
        compute_start = max(compute_end, read_end)
        compute_end = compute_start + int(step[layer])
        layers.append(
            LayerTimes(
                io_start_us=read_start,
                io_end_us=read_end,
                compute_start_us=compute_start,
                compute_end_us=compute_end,
            )
        )
    return tuple(layers)


def latencies_us(
    reads: NDArray[np.int64], steps: NDArray[np.int64], read_ahead: int | None
) -> NDArray[np.int64]:
    """(K,): end of the last layer's compute of K plans at once, from (K, depth) times."""
    read_end = compute_end = np.zeros(len(reads), dtype=np.int64)
    computed: list[NDArray[np.int64]] = []
    for layer in range(reads.shape[1]):
        if read_ahead is not None and layer - 1 - read_ahead >= 0:
            waits = np.maximum(read_end, computed[layer - 1 - read_ahead])
            read_end = np.where(reads[:, layer] > 0, waits, read_end)
        read_end = read_end + reads[:, layer]
        compute_end = np.maximum(compute_end, read_end) + steps[:, layer]
        computed.append(compute_end)
    return compute_end


def layer_reads_us(problem: Problem, choice: Choice) -> NDArray[np.int64]:
    """(depth,): time the storage is busy with each layer's streamed shards."""
    return np.where(choice.preload, 0, choice.pick(problem.read_us)).sum(axis=1)


def layer_steps_us(problem: Problem, choice: Choice) -> NDArray[np.int64]:
    """(depth,): time the compute thread decodes and computes each layer."""
    decode = np.where(choice.chosen, problem.decode_us[choice.bits], 0).sum(axis=1)
    return decode + problem.layer_us[choice.pair.width]


def _buffer_free(layers: list[LayerTimes], layer: int, read_ahead: int | None) -> int:
    """When the reads of a layer may start: once layer - 1 - read_ahead is computed."""
    if read_ahead is None or layer - 1 - read_ahead < 0:
        return 0
    return layers[layer - 1 - read_ahead].compute_end_us


def peak_memory(
    problem: Problem, pair: Pair, streamed_bytes: NDArray[np.int64], preloaded_bytes: int
) -> int:
    """The most memory the runtime allocates (CONTRACTS, `memory_bytes`)."""
    window = int(largest_windows(streamed_bytes[None], problem.read_ahead)[0])
    return (
        problem.constant_bytes + pair.width * problem.decoded_shard_bytes + preloaded_bytes + window
    )


def largest_windows(streamed: NDArray[np.int64], read_ahead: int | None) -> NDArray[np.int64]:
    """(K,): the most streamed bytes of any layers l..l+read_ahead (all if None), of (K, depth)."""
    total = np.pad(streamed.cumsum(axis=1), ((0, 0), (1, 0)))
    if read_ahead is None:
        return total[:, -1]
    reach = min(read_ahead + 1, streamed.shape[1])
    return (total[:, reach:] - total[:, :-reach]).max(axis=1)


def objective(problem: Problem, choice: Choice) -> float:
    """Base + scale * sum of gains, the sum correctly rounded whatever the order."""
    rows, columns = np.nonzero(choice.chosen)
    gains = problem.gain[rows, columns, choice.bits[rows, columns]]
    scale = float(problem.scale[choice.pair.depth - 1, choice.pair.width - 1])
    return problem.pair_base(choice.pair) + scale * math.fsum(gains.tolist())


def honours_options(problem: Problem, choice: Choice) -> bool:
    """Whether pair, slices and states are among those that model and options allow."""
    if choice.pair not in problem.pairs or (choice.chosen.sum(axis=1) != choice.pair.width).any():
        return False
    usable = problem.usable(choice.pair)
    rows, columns = np.nonzero(choice.chosen)
    state = choice.preload[rows, columns].astype(np.int64)
    if not usable[rows, columns, choice.bits[rows, columns], state].all():
        return False
    required = problem.required
    missing = required[: choice.pair.depth] & ~choice.chosen
    return not missing.any() and not required[choice.pair.depth :].any()
