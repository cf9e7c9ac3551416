"""Outliers as a fixed share of a whole model: the weights furthest from the rest of their matrix.

They are the same at all bitwidths. A share of .1 % is enough: without any, one clipped weight
ruins its row, and beyond that share bits bring as much for their bytes.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from shard_runtime.weights import FloatArray, Matrices

OUTLIER_SHARE = 0.001


def deviations(matrix: FloatArray) -> NDArray[np.float64]:
    """|weight - mean| / standard deviation of the matrix; 0 for a constant matrix."""
    values = matrix.astype(np.float64)
    deviation = float(values.std())
    return np.abs(values - values.mean()) / (deviation or math.inf)


def outlier_limit(layers: Iterable[Matrices], share: float = OUTLIER_SHARE) -> float:
    """The deviation above which lies this share of all weights; infinite if that is none."""
    matrices = [matrix for layer in layers for matrix in layer]
    count = int(share * sum(matrix.size for matrix in matrices))
    if count == 0:
        return math.inf
    largest = np.zeros(0)
    for matrix in matrices:
        largest = _largest(np.concatenate((largest, deviations(matrix).reshape(-1))), count + 1)
    return float(largest.min())


def beyond(matrix: FloatArray, limit: float) -> NDArray[np.bool_]:
    """Mask of the weights that deviate more than the limit."""
    return deviations(matrix) > limit


def _largest(values: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    if values.size <= count:
        return values
    return np.partition(values, values.size - count)[-count:]
