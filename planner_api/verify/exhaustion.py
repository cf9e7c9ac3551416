"""Every plan of a small pair, one after the other: the proof of bounds that no prices give.

Plans grow layer by layer. Those that are too slow, preload too much or cannot reach the bound
any more are left; what is left at the end disproves the bound.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner_api.verify.documents import Numbers

MOST_PLANS = 300_000
"""Beginnings of plans, or ways to fill a layer, that are looked at together at most."""

TAKEN, READ_US, DECODE_US, STREAMED_BYTES, PRELOADED_BYTES = range(5)


class Options(NamedTuple):
    """The ways to fill one layer: (O,) gain, and (O, 5) slices taken, times and bytes."""

    gain: NDArray[np.float64]
    needs: NDArray[np.int64]


class Fronts(NamedTuple):
    """Beginnings of plans.

    gain, read_end (of all reads so far), preloaded: (P,). computed (when a layer's compute
    ends), streamed (its bytes): (P, layers so far).
    """

    gain: NDArray[np.float64]
    read_end: NDArray[np.int64]
    preloaded: NDArray[np.int64]
    computed: NDArray[np.int64]
    streamed: NDArray[np.int64]

    def where(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> Fronts:
        """The beginnings of a mask, or of indices."""
        return Fronts(
            self.gain[chosen],
            self.read_end[chosen],
            self.preloaded[chosen],
            self.computed[chosen],
            self.streamed[chosen],
        )


def best_score(numbers: Numbers, depth: int, width: int, *, above: float) -> float | None:
    """The best score of a pair's plans if that is more than `above`, else `above`.

    None if there are too many plans to go through.
    """
    base, scale = numbers.base[depth - 1, width - 1], numbers.scale[depth - 1, width - 1]
    layers = [_options(numbers, layer, width) for layer in range(depth)]
    most = [float(options.gain.max(initial=-np.inf)) for options in layers]
    fronts = _nothing()
    for layer, options in enumerate(layers):
        if len(fronts.gain) * len(options.gain) > MOST_PLANS:
            return None
        fronts = _extended(numbers, fronts, options, width)
        hopeful = base + scale * (fronts.gain + sum(most[layer + 1 :])) > above
        fronts = fronts.where(hopeful & _fit(numbers, fronts, depth - layer - 1, width))
    fronts = fronts.where(_fit_memory(numbers, fronts, width))
    return max([above, *(base + scale * fronts.gain).tolist()])


def _nothing() -> Fronts:
    none, empty = np.zeros(1, dtype=np.int64), np.zeros((1, 0), dtype=np.int64)
    return Fronts(np.zeros(1), none, none, empty, empty)


def _options(numbers: Numbers, layer: int, width: int) -> Options:
    """Every way to choose `width` slices and their states; stops once there are too many."""
    found = Options(np.zeros(1), np.zeros((1, 5), dtype=np.int64))
    slices = width if numbers.is_prefix else numbers.gain.shape[1]
    for index in range(slices):
        shard = _shard(numbers, layer, index)
        gain = np.add.outer(found.gain, shard.gain).ravel()
        needs = (found.needs[:, None] + shard.needs[None]).reshape(len(gain), 5)
        within = needs[:, TAKEN] <= width
        within &= needs[:, TAKEN] + slices - index - 1 >= width
        within &= needs[:, PRELOADED_BYTES] <= numbers.documents.target.preload_bytes
        found = Options(gain[within], needs[within])
        if len(found.gain) > MOST_PLANS:
            break
    return found


def _shard(numbers: Numbers, layer: int, index: int) -> Options:
    """The usable states of one shard, and unless it is pinned, leaving it out."""
    size, preloaded = numbers.size_bytes[layer, index], numbers.preloaded
    needs = np.column_stack(
        (
            np.ones_like(size),
            numbers.read_us[layer, index],
            numbers.decode_us,
            np.where(preloaded, 0, size),
            np.where(preloaded, size, 0),
        )
    )
    usable = numbers.usable[layer, index]
    gain, needs = numbers.gain[layer, index, usable], needs[usable]
    if numbers.pinned[layer, index]:
        return Options(gain, needs)
    return Options(np.append(gain, 0.0), np.append(needs, np.zeros_like(needs, shape=(1, 5)), 0))


def _extended(numbers: Numbers, fronts: Fronts, options: Options, width: int) -> Fronts:
    """Every beginning with every way to fill the next layer (PLANNING, "Time")."""
    layer = fronts.computed.shape[1]
    ahead = numbers.documents.target.read_ahead_layers
    front, option = np.divmod(np.arange(len(fronts.gain) * len(options.gain)), len(options.gain))
    before, needs = fronts.where(front), options.needs[option]
    start = before.read_end
    if ahead is not None and layer > ahead:
        start = np.maximum(start, before.computed[:, layer - 1 - ahead])
    read_end = start + needs[:, READ_US]
    ready = np.maximum(read_end, before.computed[:, -1]) if layer else read_end
    computed = ready + numbers.layer_us[width - 1] + needs[:, DECODE_US]
    return Fronts(
        gain=before.gain + options.gain[option],
        read_end=read_end,
        preloaded=before.preloaded + needs[:, PRELOADED_BYTES],
        computed=np.column_stack((before.computed, computed)),
        streamed=np.column_stack((before.streamed, needs[:, STREAMED_BYTES])),
    )


def _fit(numbers: Numbers, fronts: Fronts, left: int, width: int) -> NDArray[np.bool_]:
    """Which beginnings keep to latency and preload buffer, with `left` layers to come."""
    step = int(numbers.layer_us[width - 1]) + width * int(numbers.decode_us.min())
    in_time = fronts.computed[:, -1] + left * step <= numbers.latency_us
    return in_time & (fronts.preloaded <= numbers.documents.target.preload_bytes)


def _fit_memory(numbers: Numbers, fronts: Fronts, width: int) -> NDArray[np.bool_]:
    """Which whole plans keep to the memory limit."""
    documents, depth = numbers.documents, fronts.streamed.shape[1]
    ahead = documents.target.read_ahead_layers
    reach = depth if ahead is None else ahead + 1
    windows = [fronts.streamed[:, k : k + reach].sum(axis=1) for k in range(depth)]
    peak = documents.spent_bytes(width) + fronts.preloaded + np.max(windows, axis=0)
    return peak <= documents.memory_bytes
