"""Which measurements a profile needs, in the order in which they are best made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shard_builder.importance.measurement import EveryDepth, OneChanged, Uniform
from shard_builder.importance.submodel import Size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plan_contracts import ModelManifest

UPGRADE_BITS = 4
"""An upgrade raises a shard to this bitwidth, or to the nearest one above the lowest."""

SMALL = (1 / 2, 1 / 4)
"""Shares of the model's depth and width that make the small submodel."""


def small_size(manifest: ModelManifest) -> Size | None:
    """The submodel whose own upgrades are measured: half the depth, a quarter of the width.

    Or what is allowed and nearest to that. None if that is a single shard or the whole model, or
    if slices are chosen: the first slices are no submodel then.
    """
    size = Size(
        _nearest(manifest.depths, SMALL[0] * manifest.layers),
        _nearest(manifest.widths, SMALL[1] * manifest.slices),
    )
    smaller = 1 < size.shards < manifest.layers * manifest.slices
    return size if smaller and manifest.slice_selection == "prefix" else None


def _nearest(allowed: Sequence[int], wanted: float) -> int:
    """The nearest of these, the larger of two as near."""
    return min(allowed, key=lambda value: (abs(value - wanted), -value))


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """The measurements of a model of layers x slices on some batches of text.

    `small`: a submodel whose own upgrades are measured too.
    """

    layers: int
    slices: int
    bitwidths: tuple[int, ...]
    batches: int
    small: Size | None = None

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
    def whole(self) -> Size:
        """The full model."""
        return Size(self.layers, self.slices)

    @property
    def upgraded_sizes(self) -> tuple[Size, ...]:
        """The full model and the small one."""
        return (self.whole, self.small) if self.small else (self.whole,)

    @property
    def total(self) -> int:
        """How many measurements there are."""
        upgrades = sum(1 + size.shards for size in self.upgraded_sizes)
        return self.batches * (upgrades + self.whole.shards + 2 * self.slices)

    def at_lowest(self, size: Size) -> list[Uniform]:
        """This submodel with every shard at the lowest bitwidth, for every batch."""
        return [Uniform(batch, self.lowest, size) for batch in range(self.batches)]

    def upgraded(self, size: Size, layer: int, index: int) -> list[OneChanged]:
        """This shard raised in the lowest submodel of this size, for every batch."""
        return [
            OneChanged(batch, self.lowest, size, (layer, index), self.upgrade)
            for batch in range(self.batches)
        ]

    def dropped(self, layer: int, index: int) -> list[OneChanged]:
        """This shard lowered in the highest model, for every batch."""
        return [
            OneChanged(batch, self.highest, self.whole, (layer, index), self.lowest)
            for batch in range(self.batches)
        ]

    def all_changes(self) -> list[OneChanged]:
        """Every upgrade and drop: runs of one batch and submodel together, longest first."""
        drops = [
            change
            for layer in range(self.layers)
            for index in range(self.slices)
            for change in self.dropped(layer, index)
        ]
        upgrades = [
            change
            for size in self.upgraded_sizes
            for layer in range(size.depth)
            for index in range(size.width)
            for change in self.upgraded(size, layer, index)
        ]
        return sorted(
            [*upgrades, *drops],
            key=lambda change: (change.batch, change.bits, -change.size.shards, change.shard),
        )

    def every_depth(self, bits: int, slices: Sequence[Sequence[int]]) -> list[EveryDepth]:
        """The models of these slices at every depth, for every batch."""
        chosen = tuple(tuple(row) for row in slices)
        return [EveryDepth(batch, bits, chosen) for batch in range(self.batches)]
