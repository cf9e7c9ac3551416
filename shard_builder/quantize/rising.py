"""Values in rising order with their prefix sums: a table that splits them costs no more passes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Table = NDArray[np.float64]
    """The entries that weights are rounded to, rising."""


class RisingValues:
    """Values in rising order; a group of neighbours has its sum from one subtraction."""

    def __init__(self, values: Table) -> None:
        self.values = values
        self.sums = np.concatenate(([0.0], np.cumsum(values)))

    def edges(self, table: Table) -> NDArray[np.intp]:
        """Group g is the values [edges[g], edges[g + 1]): those nearest to entry g.

        A value halfway between two entries belongs to the lower one.
        """
        inner = np.searchsorted(self.values, halfway(table), side="right")
        return np.concatenate(([0], inner, [self.values.size]))

    def means(self, edges: NDArray[np.intp], if_empty: Table) -> Table:
        """Mean of every group, kept within it: a difference of sums may round out of it."""
        starts, ends = edges[:-1], edges[1:]
        counts = ends - starts
        last = self.values.size - 1
        means = (self.sums[ends] - self.sums[starts]) / np.maximum(counts, 1)
        means = np.clip(
            means, self.values[np.minimum(starts, last)], self.values[np.maximum(ends - 1, 0)]
        )
        return np.where(counts > 0, means, if_empty)

    def codes(self, table: Table) -> NDArray[np.uint8]:
        """Index of the nearest entry for every value in rising order."""
        return np.repeat(np.arange(table.size, dtype=np.uint8), np.diff(self.edges(table)))


def halfway(table: Table) -> Table:
    """The values between neighbouring entries."""
    return (table[:-1] + table[1:]) / 2


def nearest_codes(values: NDArray[np.float64], table: Table) -> NDArray[np.intp]:
    """Index of the entry nearest to each value; halfway, the lower one."""
    return np.searchsorted(halfway(table), values, side="left")
