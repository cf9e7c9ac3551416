"""From choices that break limits a little to plans that keep them all, and as much as fits.

Cheaper: dearer prices make the relaxed choice cheaper; the least factor at which it fits is found
by bisection. Rounded: of the mix that column generation ends with, one choice a layer, downgraded
where it still breaks a limit. Both end with upgrades in order of worth until nothing fits.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from planner_api.optimizer.bounding.relaxation import Selection
from planner_api.optimizer.improving.headroom import headroom
from planner_api.optimizer.improving.moves import changed, moves_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from planner_api.optimizer.bounding.columns import Refined
    from planner_api.optimizer.bounding.multipliers import Multipliers
    from planner_api.optimizer.bounding.relaxation import PairModel
    from planner_api.optimizer.improving.headroom import Headroom
    from planner_api.optimizer.improving.moves import Change, Moves

DEAREST = 1e9
BISECTIONS = 12
ROUNDINGS = 64
"""At most so many combinations of a mix's choices are looked at."""
TRIED = 4
"""Of them, so many are made to fit."""
DOWNGRADES_PER_SHARD = 2
SMALLEST_LOSS = 1e-12
SMALLEST_SHARE = 1e-7


def cheapened(model: PairModel, multipliers: Multipliers) -> Selection | None:
    """The relaxed choice at the least multiple of these prices at which it fits, then filled."""
    _, found = model.relax(multipliers)
    if fits(model, found):
        return filled(model, found, multipliers)
    low, high = 1.0, 1.1
    while True:
        _, found = model.relax(multipliers.scaled(high))
        if fits(model, found):
            break
        low, high = high, high**2
        if high > DEAREST:
            return None
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        _, selection = model.relax(multipliers.scaled(middle))
        if fits(model, selection):
            high, found = middle, selection
        else:
            low = middle
    return filled(model, found, multipliers)


def rounded(model: PairModel, refined: Refined) -> Iterator[Selection]:
    """The best mix of columns with one column a layer, downgraded until it fits, then filled.

    A few ways, nearest first; none where there is no mix.
    """
    prices = refined.multipliers
    nearest = sorted(_roundings(refined), key=lambda selection: _rank(model, selection, prices))
    for selection in nearest[:TRIED]:
        fitting = downgraded(model, selection, refined.multipliers)
        if fitting is not None:
            yield filled(model, fitting, refined.multipliers)


def _roundings(refined: Refined) -> Iterator[Selection]:
    if refined.weights is None:
        return
    slices = np.stack([column.slices for column in refined.columns])
    states = np.stack([column.states for column in refined.columns])
    layers = np.arange(len(slices[0]))
    mixed = [_by_weight(weights) for weights in refined.weights.T]
    for combination in itertools.islice(itertools.product(*mixed), ROUNDINGS):
        taken = np.array(combination)
        yield Selection(slices=slices[taken, layers], states=states[taken, layers])


def _by_weight(weights: NDArray[np.float64]) -> list[int]:
    """The columns that a layer mixes, largest share first."""
    count = max(1, int((weights > SMALLEST_SHARE).sum()))
    return np.argsort(-weights, kind="stable")[:count].tolist()


def _rank(model: PairModel, selection: Selection, multipliers: Multipliers) -> tuple[float, float]:
    """Least broken first, at these prices, then most gain."""
    totals = model.totals(selection)
    return headroom(model, totals).cost_of_excess(multipliers), -float(totals.gain.sum())


def fits(model: PairModel, selection: Selection) -> bool:
    """Whether a selection keeps the limits of its pair."""
    return headroom(model, model.totals(selection)).fits


def downgraded(
    model: PairModel, selection: Selection, multipliers: Multipliers
) -> Selection | None:
    """The selection with shards changed, least loss for relief first, until it fits.

    A change that relieves one limit may break another if nothing else helps; it then stays.
    """
    free = np.ones(selection.states.shape, dtype=np.bool_)
    for _ in range(DOWNGRADES_PER_SHARD * selection.states.size):
        left = headroom(model, model.totals(selection))
        if left.fits:
            return selection
        moves = moves_of(model, selection, multipliers)
        change = _most_relief(moves, left, free, may_break=False)
        if change is None:
            change = _most_relief(moves, left, free, may_break=True)
            if change is None:
                return None
            free[change[1:]] = False
        selection = changed(selection, [change])
    return None


def _most_relief(
    moves: Moves, left: Headroom, free: NDArray[np.bool_], *, may_break: bool
) -> Change | None:
    relief = np.where(free, moves.relief(left, may_break=may_break), 0.0)
    worth = relief / (np.maximum(-moves.profit, 0.0) + SMALLEST_LOSS)
    best = int(worth.argmax())
    return moves.at(best) if worth.flat[best] > 0 else None


def filled(model: PairModel, selection: Selection, multipliers: Multipliers) -> Selection:
    """The selection with upgrades, most gain for its price first, until none fits."""
    while True:
        upgrades = list(_fitting_upgrades(model, selection, multipliers))
        if not upgrades:
            return selection
        selection = changed(selection, upgrades)


def _fitting_upgrades(
    model: PairModel, selection: Selection, multipliers: Multipliers
) -> Iterator[Change]:
    """Upgrades that fit one after another, each shard at most once."""
    left = headroom(model, model.totals(selection))
    moves = moves_of(model, selection, multipliers)
    moved: set[tuple[int, int]] = set()
    for index in moves.upgrades(left):
        state, layer, place = moves.at(index)
        if (layer, place) in moved or not moves.fits(index, left):
            continue
        moved.add((layer, place))
        selection = changed(selection, [(state, layer, place)])
        left = headroom(model, model.totals(selection))
        yield state, layer, place
