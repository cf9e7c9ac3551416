"""Converged k-means of each shard's part of a matrix: the best that is known without data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from shard_builder.quantize.nearest import quantise_nearest
from shard_builder.quantize.outliers import beyond

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from shard_builder.quantize.quantised import QuantisedShard, WholeLayer
    from shard_builder.quantize.rising import RisingValues, Table

DENSITY_BINS = 512
MOST_ROUNDS = 10_000
"""Rounding could make groups alternate for ever; real weights settle within a few hundred."""


@dataclass(frozen=True, kw_only=True)
class KMeansQuantiser:
    """Weights that deviate more than `outlier_limit` stay exact, the others go to the nearest."""

    outlier_limit: float

    def __call__(
        self, layer: WholeLayer, bitwidths: Sequence[int]
    ) -> Iterator[Mapping[int, QuantisedShard]]:
        """Quantise a layer slice by slice."""
        outliers = [beyond(matrix, self.outlier_limit) for matrix in layer.matrices]
        return quantise_nearest(layer, bitwidths, outliers, fit_table)


def fit_table(rising: RisingValues, entries: int) -> Table:
    """Centroids that are the means of the values nearest to them (Lloyd 1982).

    They start where the cube root of the density has equal shares, which is the best for many
    entries (Panter and Dite 1951). Where there is an entry for every different value, the values
    themselves are the table.
    """
    if rising.values.size == 0:
        return np.zeros(entries)
    different = rising.values[np.diff(rising.values, prepend=-np.inf) > 0]
    if different.size <= entries:
        return np.pad(different, (0, entries - different.size), mode="edge")
    centroids = _start(rising.values, entries)
    edges = rising.edges(centroids)
    for _ in range(MOST_ROUNDS):
        centroids = rising.means(edges, centroids)
        before, edges = edges, rising.edges(centroids)
        if np.array_equal(before, edges):
            break
    return centroids


def _start(values: Table, entries: int) -> Table:
    counts, bin_edges = np.histogram(values, DENSITY_BINS)
    shares = np.concatenate(([0.0], np.cumsum(np.cbrt(counts))))
    wanted = (np.arange(entries) + 0.5) / entries * shares[-1]
    # numpy's types leave open what interp returns.
    return np.asarray(np.interp(wanted, shares, bin_edges), dtype=np.float64)
