"""Upper bounds of pairs, recomputed: from the table alone, and from a certificate's multipliers.

PLANNING, "Bound by layers": for any non-negative prices of the limits, the worth of the limits
and each layer's best choice of shards at these prices bound the score of every plan.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from plan_contracts import PairBound
    from planner_api.verify.documents import Numbers
    from planner_api.verify.findings import Messages

NEGATIVE_ROUNDING = 1e-12
"""A flow that follows by conservation may be negative by this part of the whole."""


class Flows(NamedTuple):
    """Prices per microsecond as a flow from the start to the last layer's end; (depth,) each.

    Over the arcs of C_n's longest path: reads_to_compute F_l -> C_l, reads F_(l-1) -> F_l,
    compute C_(l-1) -> C_l, freed C_(l-1-r) -> F_l.
    """

    reads_to_compute: NDArray[np.float64]
    reads: NDArray[np.float64]
    compute: NDArray[np.float64]
    freed: NDArray[np.float64]


def table_bounds(numbers: Numbers) -> dict[tuple[int, int], float]:
    """By pair: the score if every shard came at its best bitwidth, limits forgotten."""
    best = np.where(numbers.allowed, numbers.gain, -np.inf).max(axis=2)
    if not numbers.is_prefix:
        best = np.take_along_axis(best, _by_worth(best, numbers.pinned), axis=1)
    sums = best.cumsum(axis=1).cumsum(axis=0)
    return {
        (n, m): float(numbers.base[n - 1, m - 1] + numbers.scale[n - 1, m - 1] * sums[n - 1, m - 1])
        for n, m in numbers.pairs
    }


def holds_no_plan(numbers: Numbers, depth: int, width: int) -> bool:
    """Whether a pair is plainly empty.

    Its compute and fastest decode take too long, or a layer lacks slices with a usable state.
    """
    step = int(numbers.layer_us[width - 1]) + width * int(numbers.decode_us.min())
    usable = np.where(numbers.usable[:depth].any(axis=2), 0.0, -np.inf)
    return depth * step > numbers.latency_us or _sum_of_best(numbers, usable, width) == -np.inf


def wrong_multipliers(numbers: Numbers, bound: PairBound) -> Messages:
    """Why the multipliers of a bound are none: each must be a price, and time's a flow."""
    ahead = numbers.documents.target.read_ahead_layers
    for name in ("path", "buffer", "memory"):
        prices: tuple[float, ...] | None = getattr(bound, name)
        if prices is not None and len(prices) != bound.depth:
            yield f"{name} must have one price a layer, {bound.depth}, got {len(prices)}"
            return
        if min(prices or (0.0,)) < 0:
            yield f"{name} must not be negative, got {min(prices or ())}"
    for name in ("preload", "decode"):
        price: float | None = getattr(bound, name)
        if price is not None and price < 0:
            yield f"{name} must not be negative, got {price}"
    if bound.buffer is not None and ahead is None:
        yield "buffer must be null without a read-ahead limit"
        return
    if ahead is not None and any((bound.buffer or ())[: ahead + 1]):
        yield f"buffer must be 0 in layers 0..{ahead}, whose reads wait for no layer"
        return
    flows = flows_of(numbers, bound)
    least = min(float(flows.reads.min()), float(flows.compute.min()))
    if least < -NEGATIVE_ROUNDING * abs(float(flows.reads[0])):
        yield f"flows from path and buffer by conservation must not be negative, got {least}"


def flows_of(numbers: Numbers, bound: PairBound) -> Flows:
    """The flows of a bound: those stored, and by conservation at every F_l and C_l the others."""
    path = np.array(bound.path, dtype=np.float64)
    freed = np.zeros_like(path) if bound.buffer is None else np.array(bound.buffer)
    ahead = numbers.documents.target.read_ahead_layers
    reads, compute = np.zeros(bound.depth + 1), np.zeros(bound.depth)
    for layer in reversed(range(bound.depth)):
        reads[layer] = reads[layer + 1] + path[layer] - freed[layer]
    for layer in range(1, bound.depth):
        waiting = layer + ahead if ahead is not None else bound.depth
        sent_back = freed[waiting] if waiting < bound.depth else 0.0
        compute[layer] = compute[layer - 1] + path[layer - 1] - sent_back
    return Flows(reads_to_compute=path, reads=reads[:-1], compute=compute, freed=freed)


def lagrangian_bound(numbers: Numbers, bound: PairBound) -> float:
    """U(n, m) of the stored multipliers: no plan of the pair scores more."""
    documents = numbers.documents
    flows = flows_of(numbers, bound)
    into_compute = flows.compute + flows.reads_to_compute
    limits = (
        flows.reads[0] * numbers.latency_us
        - into_compute.sum() * numbers.layer_us[bound.width - 1]
        + bound.preload * documents.target.preload_bytes
        + sum(bound.memory or ()) * (documents.memory_bytes - documents.spent_bytes(bound.width))
        + (bound.decode or 0.0) * most_decode_us(numbers, bound.depth, bound.width)
    )
    best = worth_of(numbers, bound).max(axis=2)
    base = numbers.base[bound.depth - 1, bound.width - 1]
    return float(base + limits + _sum_of_best(numbers, best, bound.width))


def summed_worth(numbers: Numbers, bound: PairBound) -> float:
    """The worth of all limits at a bound's prices, whatever their signs: what rounding is of."""
    documents, latency_price = numbers.documents, float(flows_of(numbers, bound).reads[0])
    room_bytes = documents.memory_bytes - documents.spent_bytes(bound.width)
    return (
        latency_price * abs(numbers.latency_us)
        + bound.preload * documents.target.preload_bytes
        + sum(bound.memory or ()) * abs(room_bytes)
        + (bound.decode or 0.0) * abs(most_decode_us(numbers, bound.depth, bound.width))
    )


def most_decode_us(numbers: Numbers, depth: int, width: int) -> int:
    """No plan of the pair decodes for longer in all.

    All decode follows the first layer's reads and runs between compute: what these leave of the
    target, rounded down to a multiple of the greatest common divisor of the decode times.
    """
    first_reads = 0
    if numbers.documents.target.preload_bytes == 0:
        fastest = numbers.read_us[0][:, ~numbers.preloaded].min(axis=1)
        first_reads = int(np.sort(fastest)[:width].sum())
    left = numbers.latency_us - depth * int(numbers.layer_us[width - 1]) - first_reads
    step = math.gcd(*numbers.decode_us.tolist())
    return left // step * step if step else 0


def worth_of(numbers: Numbers, bound: PairBound) -> NDArray[np.float64]:
    """(depth, M, K): scaled gain less cost of every state; -inf where it is not usable."""
    flows, depth = flows_of(numbers, bound), bound.depth
    memory = np.array(bound.memory or (0.0,) * depth)
    windows = _windows(memory, numbers.documents.target.read_ahead_layers)
    per_byte = np.where(numbers.preloaded, bound.preload + memory.sum(), windows[:, None])
    into_decode = flows.compute + flows.reads_to_compute + (bound.decode or 0.0)
    cost = (
        (flows.reads + flows.freed)[:, None, None] * numbers.read_us[:depth]
        + into_decode[:, None, None] * numbers.decode_us
        + per_byte[:, None, :] * numbers.size_bytes[:depth]
    )
    gain = numbers.scale[depth - 1, bound.width - 1] * numbers.gain[:depth]
    return np.where(numbers.usable[:depth], gain - cost, -np.inf)


def _windows(memory: NDArray[np.float64], ahead: int | None) -> NDArray[np.float64]:
    """By layer, the price of the windows k..k+r that its streamed shards are in memory with."""
    reach = len(memory) if ahead is None else ahead
    first = [max(0, layer - reach) for layer in range(len(memory))]
    return np.array([memory[low : layer + 1].sum() for layer, low in enumerate(first)])


def _sum_of_best(numbers: Numbers, worth: NDArray[np.float64], width: int) -> float:
    """Of each layer the pinned slices and the best of the others, `width` in all, summed."""
    if numbers.is_prefix:
        return float(worth[:, :width].sum())
    first = _by_worth(worth, numbers.pinned[: len(worth)])[:, :width]
    return float(np.take_along_axis(worth, first, axis=1).sum())


def _by_worth(worth: NDArray[np.float64], pinned: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(layers, M): each layer's slices, pinned ones first, then the most worth."""
    return np.argsort(np.where(pinned, -np.inf, -worth), axis=1)
