"""GOBO: outliers of a Gaussian stay exact, the other weights go to a few centroids.

Zadeh et al., "GOBO: Quantizing attention-based NLP models for low latency and energy efficient
inference", MICRO 2020; used by STI for every shard. Outliers are found over a whole matrix; each
shard's part of a matrix has its own centroids.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from shard_builder.quantize.quantised import QuantisedMatrix, QuantisedShard
from shard_builder.slicing import slice_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from shard_runtime.weights import FloatArray, Matrices

OUTLIER_LOG_DENSITY = -4.0
"""A weight is an outlier if its natural log-density under the fit is below this (GOBO, 4.1)."""


def quantise_layer(
    layer: Matrices, slices: int, bitwidths: Sequence[int]
) -> Iterator[Mapping[int, QuantisedShard]]:
    """Quantise a layer slice by slice to each of the bitwidths (each 1..8)."""
    outliers = [find_outliers(matrix) for matrix in layer]
    for index in range(slices):
        matrices = [
            _quantise_matrix(
                slice_rows(matrix, index, slices), slice_rows(mask, index, slices), bitwidths
            )
            for matrix, mask in zip(layer, outliers, strict=True)
        ]
        yield {bits: tuple(matrix[bits] for matrix in matrices) for bits in bitwidths}


def find_outliers(matrix: FloatArray) -> NDArray[np.bool_]:
    """Mask of the weights whose log-density under a Gaussian fit is below the limit.

    log pdf(w) = -(w - mean)^2 / (2 sd^2) - log(sd) - log(2 pi) / 2. A constant matrix has none.
    """
    values = matrix.astype(np.float64)
    deviation = float(values.std())
    if deviation == 0:
        return np.zeros(matrix.shape, dtype=np.bool_)
    peak = -math.log(deviation) - math.log(2 * math.pi) / 2
    log_density = peak - np.square((values - values.mean()) / deviation) / 2
    return log_density < OUTLIER_LOG_DENSITY


def _quantise_matrix(
    block: FloatArray, mask: NDArray[np.bool_], bitwidths: Sequence[int]
) -> dict[int, QuantisedMatrix]:
    """One shard's part of a matrix at each bitwidth; sorting once serves them all."""
    weights = block.reshape(-1)
    is_outlier = mask.reshape(-1)
    outlier_positions = np.flatnonzero(is_outlier).astype(np.uint32)
    inlier_positions = np.flatnonzero(~is_outlier)
    order = np.argsort(weights[inlier_positions], kind="stable")
    rising = _RisingValues(weights[inlier_positions][order].astype(np.float64))
    quantised: dict[int, QuantisedMatrix] = {}
    for bits in bitwidths:
        table = rising.fit_table(2**bits).astype(np.float32)
        codes = np.zeros(weights.size, dtype=np.uint8)
        codes[inlier_positions[order]] = rising.codes(table)
        quantised[bits] = QuantisedMatrix(
            table, codes, outlier_positions, weights[outlier_positions]
        )
    return quantised


class _RisingValues:
    """Values in rising order, with prefix sums: any group's sum is one subtraction."""

    def __init__(self, values: NDArray[np.float64]) -> None:
        self._values = values
        self._sums = np.concatenate(([0.0], np.cumsum(values)))

    def fit_table(self, entries: int) -> NDArray[np.float64]:
        """Centroids: equal-population start, then nearest/mean until the total L1 stops falling."""
        if self._values.size == 0:
            return np.zeros(entries)
        centroids = self._equal_population(entries)
        best, least = centroids, math.inf
        while (distance := self._total_distance(centroids)) < least:
            best, least = centroids, distance
            centroids = self._means(self._edges(centroids), centroids)
        return best

    def codes(self, table: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Index of the nearest entry for every value in rising order; ties to the lower entry."""
        counts = np.diff(self._edges(table.astype(np.float64)))
        return np.repeat(np.arange(table.size, dtype=np.uint8), counts)

    def _equal_population(self, entries: int) -> NDArray[np.float64]:
        edges = np.arange(entries + 1) * self._values.size // entries
        lowest_of_group = self._values[np.minimum(edges[:-1], self._values.size - 1)]
        return self._means(edges, lowest_of_group)

    def _edges(self, centroids: NDArray[np.float64]) -> NDArray[np.intp]:
        """Group g is the values [edges[g], edges[g + 1]): those nearest to centroid g."""
        halfway = (centroids[:-1] + centroids[1:]) / 2
        inner = np.searchsorted(self._values, halfway, side="right")
        return np.concatenate(([0], inner, [self._values.size]))

    def _means(self, edges: NDArray[np.intp], if_empty: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean of every group, kept within it: a difference of sums may round out of it."""
        starts, ends = edges[:-1], edges[1:]
        counts = ends - starts
        last = self._values.size - 1
        means = (self._sums[ends] - self._sums[starts]) / np.maximum(counts, 1)
        means = np.clip(
            means, self._values[np.minimum(starts, last)], self._values[np.maximum(ends - 1, 0)]
        )
        return np.where(counts > 0, means, if_empty)

    def _total_distance(self, centroids: NDArray[np.float64]) -> float:
        """Sum over all values of the distance to the nearest centroid."""
        edges = self._edges(centroids)
        starts, ends = edges[:-1], edges[1:]
        middles = np.clip(np.searchsorted(self._values, centroids), starts, ends)
        below = centroids * (middles - starts) - (self._sums[middles] - self._sums[starts])
        above = (self._sums[ends] - self._sums[middles]) - centroids * (ends - middles)
        return float((below + above).sum())
