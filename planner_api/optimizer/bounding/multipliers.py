"""Prices of a pair's limits, and what they make the resources of each layer cost.

Latency is the longest path through the ends of reads F_l and of compute C_l. Its prices are a
flow from the start to C_n: `path` over F_l -> C_l, `buffer` over C_{l-w} -> F_l (the read-ahead
limit, w = r + 1); the flows over F_{l-1} -> F_l and C_{l-1} -> C_l follow by conservation
(PLANNING, "Bound by layers").
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner_api.optimizer.problem import Problem

NEGATIVE_ROUNDING = 1e-13
"""A flow may be below 0 by this part of the whole flow: rounding of sums and differences."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Multipliers:
    """Prices of one depth's limits, all non-negative, in gain (or score) per unit.

    path, buffer: (depth,) per microsecond. memory: (depth,) per byte, one for each window of
    layers whose streamed shards are in memory at once, or None for zeros. preload: per byte.
    decode: per microsecond of all layers' decode (see `most_decode_us`). buffer is None where
    reads may run ahead without limit.
    """

    path: NDArray[np.float64]
    buffer: NDArray[np.float64] | None
    memory: NDArray[np.float64] | None
    preload: float
    decode: float = 0.0

    @property
    def depth(self) -> int:
        """Layers priced."""
        return len(self.path)

    @property
    def latency(self) -> float:
        """Price of a microsecond of latency: the whole flow."""
        sent_back = 0.0 if self.buffer is None else float(self.buffer.sum())
        return float(self.path.sum()) - sent_back

    @property
    def held(self) -> float:
        """Price of a byte that is in memory all the time."""
        return 0.0 if self.memory is None else float(self.memory.sum())

    def scaled(self, factor: float) -> Multipliers:
        """All prices times a factor."""
        return Multipliers(
            path=self.path * factor,
            buffer=None if self.buffer is None else self.buffer * factor,
            memory=None if self.memory is None else self.memory * factor,
            preload=self.preload * factor,
            decode=self.decode * factor,
        )

    def towards(self, other: Multipliers, share: float) -> Multipliers:
        """The mix of (1 - share) of these prices and `share` of others of the same pair."""
        keep = 1.0 - share
        return Multipliers(
            path=keep * self.path + share * other.path,
            buffer=_mix(self.buffer, other.buffer, share),
            memory=_mix(self.memory, other.memory, share),
            preload=keep * self.preload + share * other.preload,
            decode=keep * self.decode + share * other.decode,
        )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Prices:
    """What the multipliers make each layer's resources cost; (depth,) each.

    read, compute: per microsecond of reads and of compute: the flow through F_l and C_l. decode:
    per microsecond. streamed: per streamed byte. preloaded: per preloaded byte, in any layer.
    """

    read: NDArray[np.float64]
    compute: NDArray[np.float64]
    decode: NDArray[np.float64]
    streamed: NDArray[np.float64]
    preloaded: float


def prices(problem: Problem, multipliers: Multipliers) -> Prices:
    """Prices by layer: the flow through F_l and C_l, and the windows that a layer lies in."""
    path, memory = multipliers.path, multipliers.memory
    read, compute = _sums_from(path), path.cumsum()
    if multipliers.buffer is not None and problem.read_ahead is not None:
        sent_back = _sums_from(multipliers.buffer)
        read = read - _shifted(sent_back, 1)
        compute = compute - sent_back[0] + _shifted(sent_back, problem.read_ahead + 1)
    return Prices(
        read=read,
        compute=compute,
        decode=compute + multipliers.decode,
        streamed=np.zeros(len(path)) if memory is None else _by_window(memory, problem.read_ahead),
        preloaded=multipliers.preload + multipliers.held,
    )


def flows_are_valid(problem: Problem, multipliers: Multipliers) -> bool:
    """Whether all flows that follow by conservation are non-negative, as a bound needs them."""
    if multipliers.buffer is None:
        return True
    price = prices(problem, multipliers)
    least = min(
        float((price.read - multipliers.buffer).min()),
        float((price.compute - multipliers.path).min()),
    )
    return least >= -NEGATIVE_ROUNDING * max(1e-300, multipliers.latency)


def for_depth(problem: Problem, multipliers: Multipliers, depth: int) -> Multipliers:
    """Prices of another depth for a start: the last layers keep theirs, the first one the rest.

    What flowed into the layers cut off, or into those before the old first one, now comes
    through the reads of the first layer.
    """
    added = max(0, depth - multipliers.depth)
    cut = max(0, multipliers.depth - depth)
    path = np.append(np.zeros(added), multipliers.path[cut:])
    if added:
        path[0], path[added] = path[added], 0.0
    buffer, memory = multipliers.buffer, multipliers.memory
    if buffer is not None and problem.read_ahead is not None:
        buffer = np.append(np.zeros(added), buffer[cut:])
        buffer[: added + problem.read_ahead + 1] = 0.0
        path[0] = max(0.0, multipliers.latency - float(path[1:].sum()) + float(buffer.sum()))
    if memory is not None:
        memory = np.append(np.zeros(added), memory[cut:])
    return replace(multipliers, path=path, buffer=buffer, memory=memory)


def _mix(
    one: NDArray[np.float64] | None, other: NDArray[np.float64] | None, share: float
) -> NDArray[np.float64] | None:
    """(1 - share) of one and `share` of the other, None being zeros; None of two of these."""
    if one is None or other is None:
        known, part = (one, 1.0 - share) if other is None else (other, share)
        return None if known is None else part * known
    return (1.0 - share) * one + share * other


def _sums_from(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values[::-1].cumsum()[::-1]


def _shifted(values: NDArray[np.float64], by: int) -> NDArray[np.float64]:
    """Entry l is entry l + by of `values`, 0 past its end."""
    shifted = np.zeros_like(values)
    shifted[: max(0, len(values) - by)] = values[by:]
    return shifted


def _by_window(memory: NDArray[np.float64], read_ahead: int | None) -> NDArray[np.float64]:
    """Sum of the prices of the windows l-r..l, those that streamed bytes of layer l lie in."""
    sums = memory.cumsum()
    if read_ahead is None:
        return sums
    before = np.zeros_like(sums)
    before[read_ahead + 1 :] = sums[: max(0, len(sums) - read_ahead - 1)]
    return sums - before
