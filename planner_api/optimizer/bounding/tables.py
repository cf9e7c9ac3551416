"""A problem's shards in the layout of the solver's inner loop.

Axes: state k, layer l, slice h. A state is a bitwidth streamed (k < B) or preloaded (k >= B, left
out where there is no preload buffer).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner_api.optimizer.bounding.multipliers import Prices
    from planner_api.optimizer.problem import Problem


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Tables:
    """gain (-inf where a state is not usable), read_us (0 if preloaded), sizes: (K, N, M).

    decode_us: (K,). `streamed` is how many of the states are streamed ones. required: (N, M).
    """

    gain: NDArray[np.float64]
    read_us: NDArray[np.float64]
    sizes: NDArray[np.float64]
    decode_us: NDArray[np.float64]
    required: NDArray[np.bool_]
    streamed: int

    @property
    def preloads(self) -> bool:
        """Whether any state is a preloaded one."""
        return self.gain.shape[0] > self.streamed

    def cut(self, depth: int, slices: int) -> Tables:
        """The first layers and slices alone, contiguous."""
        return Tables(
            gain=np.ascontiguousarray(self.gain[:, :depth, :slices]),
            read_us=np.ascontiguousarray(self.read_us[:, :depth, :slices]),
            sizes=np.ascontiguousarray(self.sizes[:, :depth, :slices]),
            decode_us=self.decode_us,
            required=self.required[:depth, :slices],
            streamed=self.streamed,
        )

    def without_gains(self) -> Tables:
        """The same shards where bitwidths add nothing to the score."""
        return Tables(
            gain=np.where(np.isfinite(self.gain), 0.0, -np.inf),
            read_us=self.read_us,
            sizes=self.sizes,
            decode_us=self.decode_us,
            required=self.required,
            streamed=self.streamed,
        )

    def values(self, price: Prices) -> NDArray[np.float64]:
        """(K, depth, M): gain - cost of every state in the layers that are priced."""
        depth, split = len(price.read), self.streamed
        gain = self.gain[:, :depth]
        cost = np.empty(gain.shape)
        np.multiply(self.read_us[:split, :depth], price.read[:, None], out=cost[:split])
        if price.streamed.any():
            cost[:split] += self.sizes[:split, :depth] * price.streamed[:, None]
        if self.preloads:
            np.multiply(self.sizes[split:, :depth], price.preloaded, out=cost[split:])
        cost += (self.decode_us[:, None] * price.decode)[:, :, None]
        return np.subtract(gain, cost, out=cost)


def tables_of(problem: Problem) -> Tables:
    """The tables of a whole problem."""
    kinds = 2 if problem.preload_bytes > 0 else 1
    usable = problem.states[..., :kinds]
    read_us = _states_first(problem.read_us, kinds)
    read_us[len(problem.bits) :] = 0.0
    allowed = usable.transpose(3, 2, 0, 1).reshape(read_us.shape)
    return Tables(
        gain=np.where(allowed, _states_first(problem.gain, kinds), -np.inf),
        read_us=read_us,
        sizes=_states_first(problem.shard_bytes, kinds),
        decode_us=np.tile(problem.decode_us.astype(np.float64), kinds),
        required=problem.required,
        streamed=len(problem.bits),
    )


def _states_first(table: NDArray[np.generic], kinds: int) -> NDArray[np.float64]:
    """(K, N, M) of (N, M, B), once for each kind."""
    rows = np.ascontiguousarray(table.transpose(2, 0, 1), dtype=np.float64)
    return np.concatenate([rows] * kinds)
