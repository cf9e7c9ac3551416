"""Bounds of all pairs at once, from a single price of reading: what the search starts from.

At one price per microsecond of reads a layer's values do not depend on depth or width, so running
sums over slices and layers give every pair's bound. Preloaded bytes cost what they would take to
read at the slowest, so none is worth preloading; the buffer then counts as time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from planner_api.optimizer.bounding.multipliers import Multipliers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner_api.optimizer.bounding.tables import Tables
    from planner_api.optimizer.problem import Problem

LEVELS = 12


def reading_prices(tables: Tables) -> list[float]:
    """Prices at which shards of this model change their bitwidth: quantiles, ascending."""
    streamed = slice(tables.streamed)
    gain, read_us = tables.gain[streamed], tables.read_us[streamed]
    known = np.isfinite(gain[1:]) & np.isfinite(gain[:-1]) & (np.diff(read_us, axis=0) > 0)
    if not known.any():
        return []
    rises = np.where(known, gain[1:], 0.0) - np.where(known, gain[:-1], 0.0)
    worth = rises[known] / np.diff(read_us, axis=0)[known]
    positive = worth[worth > 0]
    if not positive.size:
        return []
    return np.unique(np.quantile(positive, np.linspace(0.02, 0.98, LEVELS))).tolist()


def preload_price(tables: Tables, reading: float) -> float:
    """Per byte: no shard is cheaper to preload than to read."""
    streamed = slice(tables.streamed)
    return reading * float((tables.read_us[streamed] / tables.sizes[streamed]).max())


def reading_only(problem: Problem, tables: Tables, depth: int, reading: float) -> Multipliers:
    """The prices of this screening for one depth: on all reads before the last layer's compute.

    Without read-ahead nothing overlaps and every step is on the way.
    """
    path, buffer = np.zeros(depth), None
    path[-1] = reading
    if problem.read_ahead is not None:
        buffer = np.zeros(depth)
        if problem.read_ahead == 0:
            path[:] = reading
            buffer[1:] = reading
    return Multipliers(
        path=path, buffer=buffer, memory=None, preload=preload_price(tables, reading)
    )


def screen(problem: Problem, tables: Tables, reading: float) -> NDArray[np.float64]:
    """(N, M), by depth - 1 and width - 1: no plan of the pair scores more, at this price.

    Memory and, but for read-ahead 0, decoding are left out. Pairs whose scale is 0 get infinity.
    """
    serial = problem.read_ahead == 0
    per_byte = preload_price(tables, reading)
    cost = reading * tables.read_us
    cost[tables.streamed :] = per_byte * tables.sizes[tables.streamed :]
    if serial:
        cost += reading * tables.decode_us[:, None, None]
    best = (tables.gain - cost).max(axis=0)
    if problem.selection == "any":
        order = np.lexsort((-best, ~tables.required), axis=1)
        best = np.take_along_axis(best, order, axis=1)
    values = best.cumsum(axis=1).cumsum(axis=0)
    steps = np.arange(1, problem.layers + 1)[:, None] if serial else 1
    left = problem.latency_us - steps * problem.layer_us[None, 1:]
    limits = reading * left + per_byte * problem.preload_bytes
    scaled = np.where(problem.scale > 0, problem.scale, 1.0) * (limits + values)
    return np.where(problem.scale > 0, problem.base + scaled, np.inf)
