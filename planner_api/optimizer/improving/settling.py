"""Ties: of plans of one score the quickest, then the smallest (PLANNING, "Pitfalls").

The search looks for score alone; what it ends with may read shards that the preload buffer has
room for, or hold a shard at more bytes than the same gain needs. Here one shard after another, or
two at a time, change to a state of exactly the same gain as long as that makes the plan quicker,
or smaller and no slower. Latencies of all changes are computed at once.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from planner_api.optimizer.choice import ABSENT, evaluate, largest_windows, latencies_us
from planner_api.optimizer.solution import Candidate, preference

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from planner_api.optimizer.choice import Choice
    from planner_api.optimizer.problem import Problem

MOST_CHANGES = 2000
"""More at a time are not looked at: those of the first layers are."""
PRELOADED = 3
"""The column of preloaded bytes in the effects of moves."""


class Moves(NamedTuple):
    """Changes of one shard each, as arrays over the moves.

    `layer`: of the shard. `old`, `new`: its slice now and then. `bits`, `preload`: its state then.
    `effects`, (moves, 4): what its layer's reading (us), decoding (us), streamed bytes and
    preloaded bytes grow by.
    """

    layer: NDArray[np.intp]
    old: NDArray[np.intp]
    new: NDArray[np.intp]
    bits: NDArray[np.intp]
    preload: NDArray[np.intp]
    effects: NDArray[np.int64]

    def take(self, chosen: NDArray[np.intp]) -> Moves:
        """Some of the moves."""
        return Moves(*(values[chosen] for values in self))


def settled(problem: Problem, candidate: Candidate) -> Candidate:
    """The candidate, or one of equal score that is preferred to it."""
    while True:
        moves = _equal_moves(problem, candidate.choice)
        spare_bytes = problem.preload_bytes - candidate.evaluation.preload_bytes
        roomy = np.nonzero(moves.effects[:, PRELOADED] <= spare_bytes)[0][:MOST_CHANGES]
        better = _quickest(problem, candidate, [moves.take(roomy)]) or _quickest(
            problem, candidate, _exchanges(moves, spare_bytes)
        )
        if better is None:
            return candidate
        candidate = better


def _equal_moves(problem: Problem, choice: Choice) -> Moves:
    """Every move to another state of the same gain; of those with like effects the first."""
    usable, chosen = problem.usable(choice.pair), choice.chosen
    free = ~chosen[:, None, :] | np.eye(problem.slices, dtype=np.bool_)
    some_state: NDArray[np.bool_] = np.logical_or.reduce(usable, axis=(2, 3))
    layer, old, new = np.nonzero(chosen[:, :, None] & free & some_state[:, None, :])
    counts = problem.scale[choice.pair.depth - 1, choice.pair.width - 1] > 0
    gain = problem.gain * counts
    now = gain[layer, old, choice.bits[layer, old]]
    equal = usable[layer, new] & (gain[layer, new] == now[:, None])[..., None]
    slot, bits, preload = np.nonzero(equal)
    layer, old, new = layer[slot], old[slot], new[slot]
    was = choice.bits[layer, old], choice.preload[layer, old]
    effects = _amounts(problem, layer, new, bits, preload) - _amounts(problem, layer, old, *was)
    moves = Moves(layer, old, new, bits, preload, effects)
    changed = moves.take(np.nonzero(effects.any(axis=1))[0])
    rows = np.column_stack([changed.layer, changed.effects])
    _, first = np.unique(rows, axis=0, return_index=True)
    return changed.take(np.sort(first))


def _exchanges(moves: Moves, spare_bytes: int) -> list[Moves]:
    """Two moves of different shards at a time: one leaves the preload buffer, one enters it."""
    growth = moves.effects[:, PRELOADED]
    leaving, entering = np.nonzero(growth < 0)[0], np.nonzero(growth > 0)[0]
    roomy = growth[leaving][:, None] + growth[entering] <= spare_bytes
    one, other = (side[:MOST_CHANGES] for side in np.nonzero(roomy))
    one, other = moves.take(leaving[one]), moves.take(entering[other])
    apart = (one.layer != other.layer) | ((one.old != other.old) & (one.new != other.new))
    return [side.take(np.nonzero(apart)[0]) for side in (one, other)]


def _quickest(problem: Problem, candidate: Candidate, sides: list[Moves]) -> Candidate | None:
    """The candidate after the best of these changes, if that is preferred to it.

    `sides`: the moves that are made together, one of each.
    """
    choice = candidate.choice
    count = len(sides[0].layer)
    after = np.repeat(_totals(problem, choice)[None], count, axis=0)
    for side in sides:
        after[np.arange(count), side.layer] += side.effects
    reads, steps, streamed, preloaded = np.moveaxis(after, 2, 0)
    held = preloaded.sum(axis=1)
    spent = problem.constant_bytes + choice.pair.width * problem.decoded_shard_bytes
    peak = spent + held + largest_windows(streamed, problem.read_ahead)
    fits = peak <= problem.memory_bytes
    if not fits.any():
        return None
    latency = latencies_us(reads, steps, problem.read_ahead)
    best = np.lexsort((held + streamed.sum(axis=1), latency, ~fits))[:1]
    made = _made(choice, [side.take(best) for side in sides])
    found = Candidate(choice=made, evaluation=evaluate(problem, made))
    better = _cost(found) < _cost(candidate) and preference(found) < preference(candidate)
    return found if better and found.evaluation.feasible else None


def _totals(problem: Problem, choice: Choice) -> NDArray[np.int64]:
    """(depth, 4): of each layer what `Moves.effects` are changes of."""
    layer, index = np.nonzero(choice.chosen)
    states = choice.bits[layer, index], choice.preload[layer, index]
    totals = np.zeros((choice.pair.depth, 4), dtype=np.int64)
    totals[:, 1] = problem.layer_us[choice.pair.width]
    np.add.at(totals, layer, _amounts(problem, layer, index, *states))
    return totals


def _amounts(
    problem: Problem,
    layer: NDArray[np.intp],
    index: NDArray[np.intp],
    bits: NDArray[np.integer],
    preload: NDArray[np.integer] | NDArray[np.bool_],
) -> NDArray[np.int64]:
    """(shards, 4): us to read and to decode, bytes streamed and preloaded, of shards in states."""
    sizes = problem.shard_bytes[layer, index, bits]
    amounts = [
        np.where(preload, 0, problem.read_us[layer, index, bits]),
        problem.decode_us[bits],
        np.where(preload, 0, sizes),
        np.where(preload, sizes, 0),
    ]
    return np.stack(amounts, axis=1)


def _cost(candidate: Candidate) -> tuple[int, int]:
    evaluation = candidate.evaluation
    return evaluation.latency_us, evaluation.read_bytes + evaluation.preload_bytes


def _made(choice: Choice, sides: list[Moves]) -> Choice:
    """The choice after one move of each side."""
    bits, preload = choice.bits.copy(), choice.preload.copy()
    for side in sides:
        bits[side.layer, side.old], preload[side.layer, side.old] = ABSENT, False
    for side in sides:
        bits[side.layer, side.new], preload[side.layer, side.new] = side.bits, side.preload != 0
    return replace(choice, bits=bits, preload=preload)
