"""GOBO: outliers of a Gaussian stay exact, the other weights go to a few centroids.

Zadeh et al., "GOBO: Quantizing attention-based NLP models for low latency and energy efficient
inference", MICRO 2020; used by STI for every shard. Outliers are found over a whole matrix; each
shard's part of a matrix has its own centroids. Or, for comparison, outliers are found over all
matrices of a layer together, and they share one table.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from shard_builder.quantize.nearest import quantise_nearest
from shard_builder.quantize.rising import RisingValues

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from shard_builder.quantize.quantised import QuantisedShard, WholeLayer
    from shard_builder.quantize.rising import Table
    from shard_runtime.weights import FloatArray

OUTLIER_LOG_DENSITY = -4.0
"""A weight is an outlier if its natural log-density under the fit is below this (GOBO, 4.1)."""


def quantise_layer(
    layer: WholeLayer, bitwidths: Sequence[int]
) -> Iterator[Mapping[int, QuantisedShard]]:
    """A Gaussian for every matrix, a table for each shard's part of it."""
    outliers = [find_outliers(matrix) for matrix in layer.matrices]
    return quantise_nearest(layer, bitwidths, outliers, fit_table)


def quantise_by_one_table(
    layer: WholeLayer, bitwidths: Sequence[int]
) -> Iterator[Mapping[int, QuantisedShard]]:
    """One Gaussian and one table for the whole layer; every shard carries a copy of it."""
    weights = np.concatenate([matrix.reshape(-1) for matrix in layer.matrices])
    mask = find_outliers(weights)
    rising = RisingValues(np.sort(weights[~mask]).astype(np.float64))
    tables = {2**bits: fit_table(rising, 2**bits) for bits in bitwidths}
    ends = np.cumsum([matrix.size for matrix in layer.matrices])
    outliers = [
        part.reshape(matrix.shape)
        for part, matrix in zip(np.split(mask, ends[:-1]), layer.matrices, strict=True)
    ]
    return quantise_nearest(layer, bitwidths, outliers, lambda _values, entries: tables[entries])


def find_outliers(weights: FloatArray) -> NDArray[np.bool_]:
    """Mask of the weights whose log-density under a Gaussian fit is below the limit.

    log pdf(w) = -(w - mean)^2 / (2 sd^2) - log(sd) - log(2 pi) / 2. Equal weights have none.
    """
    values = weights.astype(np.float64)
    deviation = float(values.std())
    if deviation == 0:
        return np.zeros(weights.shape, dtype=np.bool_)
    peak = -math.log(deviation) - math.log(2 * math.pi) / 2
    log_density = peak - np.square((values - values.mean()) / deviation) / 2
    return log_density < OUTLIER_LOG_DENSITY


def fit_table(rising: RisingValues, entries: int) -> Table:
    """Centroids: equal-population start, then nearest/mean until the total L1 stops falling."""
    if rising.values.size == 0:
        return np.zeros(entries)
    centroids = _equal_population(rising, entries)
    best, least = centroids, math.inf
    while (distance := _total_distance(rising, centroids)) < least:
        best, least = centroids, distance
        centroids = rising.means(rising.edges(centroids), centroids)
    return best


def _equal_population(rising: RisingValues, entries: int) -> Table:
    size = rising.values.size
    edges = np.arange(entries + 1) * size // entries
    return rising.means(edges, rising.values[np.minimum(edges[:-1], size - 1)])


def _total_distance(rising: RisingValues, centroids: Table) -> float:
    """Sum over all values of the distance to the nearest centroid."""
    edges, sums = rising.edges(centroids), rising.sums
    starts, ends = edges[:-1], edges[1:]
    middles = np.clip(np.searchsorted(rising.values, centroids), starts, ends)
    below = centroids * (middles - starts) - (sums[middles] - sums[starts])
    above = (sums[ends] - sums[middles]) - centroids * (ends - middles)
    return float((below + above).sum())
