"""Every way to raise one shard of a plan, and what each would need that the plan does not have.

All changes of one shard are evaluated at once: row k of an array is change k.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner_api.optimizer.choice import (
    largest_windows,
    latencies_us,
    layer_reads_us,
    layer_steps_us,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner_api.optimizer.choice import Choice
    from planner_api.optimizer.problem import Problem


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Raises:
    """K ways to raise one shard to a higher bitwidth, streamed or preloaded; each (K,).

    layer, slice, bits (index), preload: the shard as it would be. score_gain: what the plan's
    score gains, positive.
    """

    layer: NDArray[np.int64]
    slice: NDArray[np.int64]
    bits: NDArray[np.int64]
    preload: NDArray[np.bool_]
    score_gain: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Shortages:
    """What each of K raised plans needs beyond the limits, 0 where it keeps to them; each (K,)."""

    latency_us: NDArray[np.int64]
    preload_bytes: NDArray[np.int64]
    memory_bytes: NDArray[np.int64]


def raises(problem: Problem, choice: Choice) -> Raises:
    """All allowed raises of single shards that gain score, by (layer, slice, bits, preload)."""
    gains = problem.scaled_gain(choice.pair)
    current = np.maximum(choice.bits, 0)[:, :, None]
    gained = gains - np.take_along_axis(gains, current, axis=2)
    higher = np.arange(len(problem.bits)) > choice.bits[:, :, None]
    worth = choice.chosen[:, :, None] & higher & (gained > 0)
    layer, index, bits, state = np.nonzero(worth[..., None] & problem.usable(choice.pair))
    return Raises(
        layer=layer,
        slice=index,
        bits=bits,
        preload=state == 1,
        score_gain=gained[layer, index, bits],
    )


def shortages(problem: Problem, choice: Choice, changes: Raises) -> Shortages:
    """What the plan would lack with each change in turn."""
    reads = layer_reads_us(problem, choice)
    reads = _with_changes(reads, changes, _streamed_change(problem.read_us, choice, changes))
    before = choice.bits[changes.layer, changes.slice]
    decode_change = problem.decode_us[changes.bits] - problem.decode_us[before]
    steps = _with_changes(layer_steps_us(problem, choice), changes, decode_change)
    latency = latencies_us(reads, steps, problem.read_ahead)
    sizes = choice.pick(problem.shard_bytes)
    streamed_change = _streamed_change(problem.shard_bytes, choice, changes)
    streamed = np.where(choice.preload, 0, sizes).sum(axis=1)
    streamed = _with_changes(streamed, changes, streamed_change)
    windows = largest_windows(streamed, problem.read_ahead)
    size_change = _entries(problem.shard_bytes, changes) - sizes[changes.layer, changes.slice]
    preloaded = sizes[choice.preload].sum() + size_change - streamed_change
    held = problem.constant_bytes + choice.pair.width * problem.decoded_shard_bytes
    return Shortages(
        latency_us=np.maximum(0, latency - problem.latency_us),
        preload_bytes=np.maximum(0, preloaded - problem.preload_bytes),
        memory_bytes=np.maximum(0, held + preloaded + windows - problem.memory_bytes),
    )


def _entries(table: NDArray[np.int64], changes: Raises) -> NDArray[np.int64]:
    """(K,): entries of an (N, M, B) table for the raised shards."""
    return table[changes.layer, changes.slice, changes.bits]


def _streamed_change(
    table: NDArray[np.int64], choice: Choice, changes: Raises
) -> NDArray[np.int64]:
    """(K,): how a sum of an (N, M, B) table over the streamed shards changes."""
    place = (changes.layer, changes.slice)
    before = np.where(choice.preload, 0, choice.pick(table))[place]
    return np.where(changes.preload, 0, _entries(table, changes)) - before


def _with_changes(
    by_layer: NDArray[np.int64], changes: Raises, amount: NDArray[np.int64]
) -> NDArray[np.int64]:
    """(K, depth): the row of all layers, each time with the changed layer's entry changed."""
    rows = np.repeat(by_layer[None, :], len(amount), axis=0)
    rows[np.arange(len(amount)), changes.layer] += amount
    return rows
