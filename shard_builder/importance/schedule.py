"""Which measurements a profile needs, in the order in which they are best made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shard_builder.importance.measurement import EveryDepth, OneChanged

if TYPE_CHECKING:
    from collections.abc import Sequence

UPGRADE_BITS = 4
"""An upgrade raises a shard to this bitwidth, or to the nearest one above the lowest."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """The measurements of a model of layers x slices on some batches of text."""

    layers: int
    slices: int
    bitwidths: tuple[int, ...]
    batches: int

    @property
    def lowest(self) -> int:
        """The lowest bitwidth."""
        return self.bitwidths[0]

    @property
    def highest(self) -> int:
        """The highest bitwidth: the reference."""
        return self.bitwidths[-1]

    @property
    def upgrade(self) -> int:
        """The bitwidth of an upgraded shard."""
        return min(self.bitwidths[1:], key=lambda bits: (abs(bits - UPGRADE_BITS), bits))

    @property
    def total(self) -> int:
        """How many measurements there are."""
        return self.batches * (2 * self.layers * self.slices + 2 * self.slices)

    def upgraded(self, layer: int, index: int) -> list[OneChanged]:
        """This shard raised in the lowest model, for every batch."""
        return [
            OneChanged(batch, self.lowest, layer, index, self.upgrade)
            for batch in range(self.batches)
        ]

    def dropped(self, layer: int, index: int) -> list[OneChanged]:
        """This shard lowered in the highest model, for every batch."""
        return [
            OneChanged(batch, self.highest, layer, index, self.lowest)
            for batch in range(self.batches)
        ]

    def all_changes(self) -> list[OneChanged]:
        """Every upgrade and drop: runs of one batch and model together, longest first."""
        changes = [
            change
            for layer in range(self.layers)
            for index in range(self.slices)
            for change in (*self.upgraded(layer, index), *self.dropped(layer, index))
        ]
        return sorted(changes, key=lambda change: change[:4])

    def every_depth(self, bits: int, slices: Sequence[Sequence[int]]) -> list[EveryDepth]:
        """The models of these slices at every depth, for every batch."""
        chosen = tuple(tuple(row) for row in slices)
        return [EveryDepth(batch, bits, chosen) for batch in range(self.batches)]

    def whole(self, bits: int) -> list[EveryDepth]:
        """The models of all slices at every depth, for every batch."""
        return self.every_depth(bits, [range(self.slices)] * self.layers)
