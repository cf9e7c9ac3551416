"""Every change of one chosen shard's state: what it gains, what it needs, what it relieves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from planner_api.optimizer.bounding.multipliers import prices
from planner_api.optimizer.bounding.relaxation import Selection

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from planner_api.optimizer.bounding.multipliers import Multipliers
    from planner_api.optimizer.bounding.relaxation import PairModel
    from planner_api.optimizer.improving.headroom import Headroom

Change = tuple[int, int, int]
"""State, layer, place in the selection."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Moves:
    """Shard (layer, place in the selection) put into state k: (K, depth, width) each.

    gained: -inf where the state is not usable. profit: gained - cost at the prices. held:
    streamed + preloaded bytes.
    """

    gained: NDArray[np.float64]
    read_us: NDArray[np.float64]
    decode_us: NDArray[np.float64]
    preloaded: NDArray[np.float64]
    held: NDArray[np.float64]
    profit: NDArray[np.float64]

    def at(self, index: int) -> Change:
        """State, layer and place of a move by its flat index."""
        _, depth, width = self.gained.shape
        row, place = divmod(index, width)
        state, layer = divmod(row, depth)
        return state, layer, place

    def upgrades(self, left: Headroom) -> list[int]:
        """Moves that gain and fit by themselves, most gain for its price first."""
        possible = (
            (self.gained > 0)
            & (self.read_us <= left.read[:, None])
            & (self.decode_us <= left.compute[:, None])
            & (self.read_us + self.decode_us <= left.both[:, None])
            & (self.preloaded <= min(left.preload_bytes, left.room_bytes))
            & (self.held <= left.streamed_bytes[:, None])
        )
        found = np.flatnonzero(possible)
        gained = self.gained.take(found)
        worth = self.profit.take(found) / gained
        return found[np.argsort(-worth, kind="stable")].tolist()

    def fits(self, index: int, left: Headroom) -> bool:
        """Whether what a move needs is left."""
        _, layer, _ = self.at(index)
        read, decode = self.read_us.item(index), self.decode_us.item(index)
        return bool(
            read <= left.read[layer]
            and decode <= left.compute[layer]
            and read + decode <= left.both[layer]
            and self.preloaded.item(index) <= min(left.preload_bytes, left.room_bytes)
            and self.held.item(index) <= left.streamed_bytes[layer]
        )

    def relief(self, left: Headroom, *, may_break: bool) -> NDArray[np.float64]:
        """How much of the broken limits each move restores, in parts of the limits' excess.

        0 for moves that do not help, that make a broken limit worse or, unless they may, break
        another.
        """
        needs = (
            (self.read_us, left.read[:, None]),
            (self.decode_us, left.compute[:, None]),
            (self.read_us + self.decode_us, left.both[:, None]),
            (self.preloaded, np.float64(left.preload_bytes)),
            (self.preloaded, np.float64(left.room_bytes)),
            (self.held, left.streamed_bytes[:, None]),
        )
        relief = np.zeros_like(self.gained)
        allowed = np.isfinite(self.gained)
        for need, free in needs:
            most = np.where(free < 0, 0.0, np.inf if may_break else free)
            allowed &= need <= most
            broken = -float(free.min())
            if broken > 0:
                relief += np.clip(-need, 0.0, np.maximum(-free, 0.0)) / broken
        return np.where(allowed, relief, 0.0)


def moves_of(model: PairModel, selection: Selection, multipliers: Multipliers) -> Moves:
    """All changes of one shard of a selection; profits at these prices."""
    price = prices(model.problem, multipliers)
    rows = np.arange(model.depth)[:, None]
    states, slices = selection.states, selection.slices
    own = (states, rows, slices)
    streamed = (np.arange(len(model.tables.gain)) < model.tables.streamed)[:, None, None]
    sizes = model.tables.sizes[:, rows, slices]
    own_sizes = model.tables.sizes[own]
    preloaded = np.where(streamed, 0.0, sizes)
    preloaded -= np.where(states < model.tables.streamed, 0.0, own_sizes)
    gained = model.tables.gain[:, rows, slices] - model.tables.gain[own]
    read_us = model.tables.read_us[:, rows, slices] - model.tables.read_us[own]
    decode_us = model.tables.decode_us[:, None, None] - model.tables.decode_us[states]
    held = sizes - own_sizes
    cost = price.read[:, None] * read_us + price.decode[:, None] * decode_us
    cost += price.preloaded * preloaded + price.streamed[:, None] * (held - preloaded)
    return Moves(
        gained=gained,
        read_us=read_us,
        decode_us=decode_us,
        preloaded=preloaded,
        held=held,
        profit=gained - cost,
    )


def changed(selection: Selection, changes: Iterable[Change]) -> Selection:
    """The selection with some shards in other states."""
    states = selection.states.copy()
    for state, layer, place in changes:
        states[layer, place] = state
    return Selection(slices=selection.slices, states=states)
