"""Upper bounds on the score of every plan of a pair, from prices alone, and their bookkeeping.

At given prices the choice of shards falls apart into layers; what the best choice of each layer
is worth, plus the worth of the limits themselves, bounds every plan (PLANNING, "Bound by
layers"). Any non-negative prices will do: nothing here depends on how they were found.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np

from plan_contracts import PairBound
from planner_api.optimizer.bounding.multipliers import Multipliers, prices
from planner_api.optimizer.bounding.table_bound import computable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner_api.optimizer.bounding.multipliers import Prices
    from planner_api.optimizer.bounding.tables import Tables
    from planner_api.optimizer.problem import Pair, Problem

EMPTY = 1e-9
"""A bound below the pair's base by this part of the range proves that it holds no plan."""
FLOAT_ROUNDING = 1e-12
"""And by this part of the numbers that it is a sum of, where the range is tiny beside them."""


def upper_bounds(problem: Problem, tables: Tables, multipliers: Multipliers) -> NDArray[np.float64]:
    """(M,), by width - 1: no plan of this depth and the width scores more.

    Multipliers are in gains: each pair's scale turns them into its score. Widths without a layer
    time or that a layer cannot fill come out as they may.
    """
    depth = multipliers.depth
    scale = problem.scale[depth - 1]
    price = prices(problem, multipliers)
    limits = worth_of_limits(problem, multipliers, price)
    bounds = limits + best_by_width(problem, tables.values(price))
    if (scale == 0).any():
        values = tables.without_gains().values(price)
        bounds = np.where(scale > 0, bounds, limits + best_by_width(problem, values))
    return problem.base[depth - 1] + np.where(scale > 0, scale, 1.0) * bounds


def worth_of_limits(
    problem: Problem, multipliers: Multipliers, price: Prices
) -> NDArray[np.float64]:
    """(M,), by width - 1: latency, preload buffer and memory at these prices, less compute."""
    return (
        multipliers.latency * problem.latency_us
        - float(price.compute.sum()) * problem.layer_us[1:]
        + multipliers.preload * problem.preload_bytes
        + multipliers.held * _room_bytes(problem)
        + multipliers.decode * most_decode_us(problem, len(price.read))
    )


def least_bounds(
    problem: Problem, multipliers: Multipliers, score_range: float
) -> NDArray[np.float64]:
    """(M,), by width - 1: a bound from these prices below it proves that the pair holds no plan.

    No plan scores less than its pair's base; a bound may by rounding. Multipliers are in gains.
    """
    scale = problem.scale[multipliers.depth - 1]
    worth = np.where(scale > 0, scale, 1.0) * _summed_worth(problem, multipliers)
    base = problem.base[multipliers.depth - 1]
    return base - EMPTY * score_range - FLOAT_ROUNDING * (np.abs(base) + worth)


def least_bound(problem: Problem, bound: PairBound, score_range: float) -> float:
    """The same of a bound as it stands in a certificate, whose multipliers are in scores."""
    own = Multipliers(
        path=np.array(bound.path or (0.0,) * bound.depth),
        buffer=None if bound.buffer is None else np.array(bound.buffer),
        memory=None if bound.memory is None else np.array(bound.memory),
        preload=bound.preload,
        decode=bound.decode or 0.0,
    )
    worth = float(_summed_worth(problem, own)[bound.width - 1])
    base = float(problem.base[bound.depth - 1, bound.width - 1])
    return base - EMPTY * score_range - FLOAT_ROUNDING * (abs(base) + worth)


def _summed_worth(problem: Problem, multipliers: Multipliers) -> NDArray[np.float64]:
    """(M,), by width - 1: the worth of all limits at these prices, whatever their signs."""
    return (
        multipliers.latency * abs(problem.latency_us)
        + multipliers.preload * problem.preload_bytes
        + multipliers.held * np.abs(_room_bytes(problem))
        + multipliers.decode * np.abs(most_decode_us(problem, multipliers.depth))
    )


def _room_bytes(problem: Problem) -> NDArray[np.int64]:
    """(M,), by width - 1: memory for encoded shards."""
    widths = np.arange(1, problem.slices + 1)
    return problem.memory_bytes - problem.constant_bytes - widths * problem.decoded_shard_bytes


def most_decode_us(problem: Problem, depth: int) -> NDArray[np.int64]:
    """(M,), by width - 1: no plan of this depth and the width decodes for longer in all.

    All decode follows the first layer's reads, and it is a multiple of what all bitwidths' decode
    times are multiples of: the time left by compute, rounded down to such a multiple.
    """
    widths = np.arange(1, problem.slices + 1)
    left = problem.latency_us - depth * problem.layer_us[1:] - _least_first_read_us(problem)
    step = int(np.gcd.reduce(problem.decode_us))
    if step == 0:
        return np.zeros_like(widths)
    return left // step * step


def _least_first_read_us(problem: Problem) -> NDArray[np.int64]:
    """(M,), by width - 1: the least time that reading the first layer takes."""
    if problem.preload_bytes > 0:
        return np.zeros(problem.slices, dtype=np.int64)
    return np.sort(problem.read_us[0].min(axis=1)).cumsum()


def best_by_width(problem: Problem, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(M,), by width - 1: each layer's pinned slices and the best of the others, summed.

    values: (K, depth, M) of the states; -inf where not usable.
    """
    best = values.max(axis=0)
    if problem.selection == "any":
        required = problem.required[: len(best)]
        if required.any():
            order = np.lexsort((-best, ~required), axis=1)
            best = np.take_along_axis(best, order, axis=1)
        else:
            best = -np.sort(-best, axis=1)
    return best.cumsum(axis=1).sum(axis=0)


def lagrangian_bound(
    pair: Pair,
    bound: float,
    own: Multipliers,
    kind: Literal["lagrangian", "solver"] = "lagrangian",
) -> PairBound:
    """A bound as it stands in a certificate; `own` are the multipliers in the pair's score.

    Beside a solver's bound they say where to look: at these prices few plans are left that could
    score more than it.
    """
    return PairBound(
        depth=pair.depth,
        width=pair.width,
        upper_bound=bound,
        kind=kind,
        path=tuple(own.path.tolist()),
        buffer=None if own.buffer is None else tuple(own.buffer.tolist()),
        memory=None if own.memory is None else tuple(own.memory.tolist()),
        preload=own.preload,
        decode=own.decode or None,
    )


def may_hold_plans(problem: Problem, tables: Tables) -> NDArray[np.bool_]:
    """(N, M): allowed pairs, less those that at sight hold no plan.

    Those are too slow with the fastest decode, or have a layer that usable states cannot fill.
    """
    usable: NDArray[np.bool_] = np.any(np.isfinite(tables.gain), axis=0)
    if problem.selection == "prefix":
        fillable = np.logical_and.accumulate(usable, axis=1)
    else:
        fillable = usable.sum(axis=1)[:, None] >= np.arange(1, problem.slices + 1)
    held: NDArray[np.bool_] = np.all(usable | ~problem.required, axis=1)
    fillable = fillable & held[:, None]
    return computable(problem) & np.logical_and.accumulate(fillable, axis=0)


def unit_of(problem: Problem, pair: Pair) -> float:
    """What turns gains into score of the pair; 1 where bitwidths add nothing to it."""
    scale = float(problem.scale[pair.depth - 1, pair.width - 1])
    return scale if scale > 0 else 1.0


def rises(value: float, above: float) -> bool:
    """Whether a score is above another by more than rounding."""
    return value > above + 1e-12 * max(1.0, math.fabs(above))
