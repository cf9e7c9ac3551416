"""How much longer each layer's reads and decode may take before a plan misses its limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner_api.optimizer.bounding.multipliers import Multipliers
    from planner_api.optimizer.bounding.relaxation import Amounts, PairModel

LEAST_PRICE = 0.05
SMALLEST_PRICE = 1e-12


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Headroom:
    """What is left of each limit; negative where a choice breaks it. Layers: (depth,).

    read: for more reading alone (paths through F_l that leave to F_{l+1}). compute: for more
    decoding alone (paths through C_l that come from C_{l-1}). both: for the sum of the two (paths
    F_l -> C_l). preload_bytes: of the preload buffer. streamed_bytes: of memory, for streamed and
    preloaded bytes of the layer together. room_bytes: of memory, for preloaded bytes.
    """

    read: NDArray[np.float64]
    compute: NDArray[np.float64]
    both: NDArray[np.float64]
    preload_bytes: float
    streamed_bytes: NDArray[np.float64]
    room_bytes: float

    @property
    def fits(self) -> bool:
        """Whether no limit is broken: every path runs through some F_l -> C_l."""
        memory = min(float(self.streamed_bytes.min()), self.room_bytes)
        return float(self.both.min()) >= 0 and self.preload_bytes >= 0 and memory >= 0

    def cost_of_excess(self, multipliers: Multipliers) -> float:
        """What is broken, at its price; limits of no price count for a part of the whole one."""
        path = np.maximum(multipliers.path, LEAST_PRICE * multipliers.latency)
        late = np.maximum(-self.both, 0.0)
        memory = min(float(self.streamed_bytes.min()), self.room_bytes)
        per_byte = max(multipliers.preload, multipliers.held, SMALLEST_PRICE)
        bytes_over = max(0.0, -self.preload_bytes) + max(0.0, -memory)
        return float((path * late).sum()) + per_byte * bytes_over


def headroom(model: PairModel, totals: Amounts) -> Headroom:
    """What a selection with these totals leaves of the limits of its pair."""
    problem, step_us = model.problem, totals.decode_us + model.step_us
    read, compute, both = time_left(totals.read_us, step_us, problem.latency_us, problem.read_ahead)
    preloaded = float(totals.preloaded_bytes.sum())
    streamed, room = _memory(model, totals.streamed_bytes, preloaded)
    return Headroom(
        read=read,
        compute=compute,
        both=both,
        preload_bytes=problem.preload_bytes - preloaded,
        streamed_bytes=streamed,
        room_bytes=room,
    )


Times = tuple["NDArray[np.float64]", "NDArray[np.float64]", "NDArray[np.float64]"]


def time_left(
    read_us: NDArray[np.float64],
    step_us: NDArray[np.float64],
    latency_us: int,
    read_ahead: int | None,
) -> Times:
    """`read`, `compute` and `both` of Headroom, from each layer's reads and decode + compute."""
    if read_ahead is None or read_ahead + 1 >= len(read_us):
        return _unlimited(read_us, step_us, latency_us)
    return _limited(read_us, step_us, latency_us, window=read_ahead + 1)


def _unlimited(read_us: NDArray[np.float64], step: NDArray[np.float64], latency: int) -> Times:
    """Slack of the PATH rows: reads up to layer k, then compute from layer k on."""
    done = step.cumsum()
    through = latency - (read_us.cumsum() + done[-1] - done + step)
    later = np.minimum.accumulate(through[::-1])[::-1]
    earlier = np.minimum.accumulate(through)
    return np.append(later[1:], np.inf), np.append(np.inf, earlier[:-1]), through


def _limited(
    read_us: NDArray[np.float64], step: NDArray[np.float64], latency: int, *, window: int
) -> Times:
    """The same with a read-ahead limit: longest paths to and from every F_l and C_l."""
    reads, steps = read_us.tolist(), step.tolist()
    depth = len(reads)
    to_read, to_compute = [0.0] * depth, [0.0] * depth
    for layer in range(depth):
        start = to_read[layer - 1] if layer else 0.0
        if layer >= window:
            start = max(start, to_compute[layer - window])
        to_read[layer] = start + reads[layer]
        before = to_compute[layer - 1] if layer else 0.0
        to_compute[layer] = max(before, to_read[layer]) + steps[layer]
    from_read, from_compute = [0.0] * (depth + 1), [0.0] * (depth + 1)
    read, compute, both = np.full(depth, np.inf), np.full(depth, np.inf), np.empty(depth)
    for layer in reversed(range(depth)):
        if layer + 1 < depth:
            from_compute[layer] = steps[layer + 1] + from_compute[layer + 1]
            beyond = reads[layer + 1] + from_read[layer + 1]
            read[layer] = latency - to_read[layer] - beyond
        if layer + window < depth:
            again = reads[layer + window] + from_read[layer + window]
            from_compute[layer] = max(from_compute[layer], again)
        onward = steps[layer] + from_compute[layer]
        both[layer] = latency - to_read[layer] - onward
        from_read[layer] = onward
        if layer + 1 < depth:
            from_read[layer] = max(onward, reads[layer + 1] + from_read[layer + 1])
        if layer:
            compute[layer] = latency - to_compute[layer - 1] - onward
    return read, compute, both


def _memory(
    model: PairModel, streamed_bytes: NDArray[np.float64], preloaded: float
) -> tuple[NDArray[np.float64], float]:
    """Room left in the fullest window each layer lies in, and in the fullest of all."""
    if not model.memory_binds:
        return np.full(model.depth, np.inf), np.inf
    ahead = model.problem.read_ahead
    reach = model.depth if ahead is None else min(ahead + 1, model.depth)
    sums = np.append(0.0, streamed_bytes.cumsum())
    windows = sums[reach:] - sums[:-reach]
    left = model.room_bytes - preloaded - windows
    padded = np.concatenate([np.full(reach - 1, np.inf), left, np.full(reach - 1, np.inf)])
    by_layer = np.lib.stride_tricks.sliding_window_view(padded, reach).min(axis=1)
    return by_layer, float(left.min())
