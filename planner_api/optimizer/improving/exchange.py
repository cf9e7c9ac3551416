"""Better plans from good ones by two changes at a time: what one shard gives up, another uses."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from planner_api.optimizer.improving.headroom import headroom
from planner_api.optimizer.improving.moves import changed, moves_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from planner_api.optimizer.bounding.multipliers import Multipliers
    from planner_api.optimizer.bounding.relaxation import PairModel, Selection
    from planner_api.optimizer.improving.headroom import Headroom
    from planner_api.optimizer.improving.moves import Moves

MOVES = 250
"""Changes of least loss that are looked at in pairs."""
EXCHANGES = 30
LEAST_GAIN = 1e-12
CHECKED = 32
"""Pairs that keep the simple limits and are checked against all of them."""


def exchanged(
    model: PairModel, selection: Selection, multipliers: Multipliers, *, enough: float
) -> Selection:
    """The selection, which fits, after the best pairs of changes in turn.

    Ends when no pair of the moves looked at gains, or at a gain of `enough`.
    """
    for _ in range(EXCHANGES):
        totals = model.totals(selection)
        if float(totals.gain.sum()) >= enough:
            return selection
        better = _best_exchange(model, selection, multipliers, headroom(model, totals))
        if better is None:
            return selection
        selection = better
    return selection


def _best_exchange(
    model: PairModel, selection: Selection, multipliers: Multipliers, left: Headroom
) -> Selection | None:
    moves = moves_of(model, selection, multipliers)
    looked_at = _of_least_loss(moves, selection)
    rows = _rows(model, moves, looked_at, left)
    for first, second in _gaining_pairs(moves, looked_at, rows):
        tried = changed(selection, [moves.at(int(first)), moves.at(int(second))])
        if headroom(model, model.totals(tried)).fits:
            return tried
    return None


def _of_least_loss(moves: Moves, selection: Selection) -> NDArray[np.intp]:
    """Flat indices of the moves of most profit that are usable and change anything."""
    profit = np.where(np.isfinite(moves.gained), moves.profit, -np.inf)
    np.put_along_axis(profit, selection.states[None], -np.inf, axis=0)
    count = min(MOVES, profit.size)
    found = np.sort(np.argpartition(-profit, count - 1, axis=None)[:count])
    return found[np.isfinite(profit.take(found))]


class _Rows(NamedTuple):
    """What each move needs of each simple limit, (moves, limits), and what is left of it."""

    needs: NDArray[np.float64]
    left: NDArray[np.float64]


def _rows(model: PairModel, moves: Moves, looked_at: NDArray[np.intp], left: Headroom) -> _Rows:
    """PATH rows, preload buffer and memory as if all streamed bytes were one window's.

    Exact without a read-ahead limit; with one they are some of the limits. Only rows that two
    moves can break are kept.
    """
    _, layer, _ = np.unravel_index(looked_at, moves.gained.shape)
    every = np.arange(model.depth)
    read, decode = moves.read_us.take(looked_at), moves.decode_us.take(looked_at)
    path = read[:, None] * (every >= layer[:, None]) + decode[:, None] * (every <= layer[:, None])
    preloaded = moves.preloaded.take(looked_at)
    needs = np.concatenate([path, preloaded[:, None]], axis=1)
    free = np.append(left.both, min(left.preload_bytes, left.room_bytes))
    largest = np.sort(needs, axis=0)[-2:].sum(axis=0)
    binding = largest > free
    return _Rows(needs=needs[:, binding], left=free[binding])


def _gaining_pairs(
    moves: Moves, looked_at: NDArray[np.intp], rows: _Rows
) -> Iterator[tuple[int, int]]:
    """Upgrades and what makes room for them in another shard, most gain together first."""
    shards = np.prod(moves.gained.shape[1:])
    gained, shard = moves.gained.take(looked_at), looked_at % shards
    ups, downs = np.flatnonzero(gained > 0), np.flatnonzero(gained <= 0)
    together = gained[ups, None] + gained[None, downs]
    possible = (together > LEAST_GAIN) & (shard[ups, None] != shard[None, downs])
    for needs, left in zip(rows.needs.T, rows.left, strict=True):
        possible &= needs[ups, None] + needs[None, downs] <= left
    worth = np.where(possible, together, 0.0)
    for _ in range(min(CHECKED, worth.size)):
        up, down = divmod(int(worth.argmax()), len(downs))
        if worth[up, down] <= 0:
            return
        yield int(looked_at[ups[up]]), int(looked_at[downs[down]])
        worth[up, down] = 0.0
