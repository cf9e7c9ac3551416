"""What a quantiser makes of a matrix, whatever its method."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from shard_runtime.weights import Matrices

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class QuantisedMatrix(NamedTuple):
    """A matrix as a table, an index into it for every weight, and exact outliers.

    `table` has 2^bits entries; `codes` has one index a weight, row by row, 0 where an outlier
    stands; `outlier_positions` are row-major and rise.
    """

    table: NDArray[np.float32]
    codes: NDArray[np.uint8]
    outlier_positions: NDArray[np.uint32]
    outlier_values: NDArray[np.float32]


QuantisedShard = tuple[QuantisedMatrix, ...]
"""The six matrices of a shard, in the order of Matrices."""

Quantiser = Callable[[Matrices, int, Sequence[int]], Iterator[Mapping[int, QuantisedShard]]]
"""(layer, slices, bitwidths) -> for each slice in order, its shard at each of the bitwidths.

It sees the whole layer, because outliers are found over whole matrices.
"""
