"""What a quantiser makes of a matrix, whatever its method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from shard_runtime.weights import Matrices


class QuantisedMatrix(NamedTuple):
    """A matrix as a table, an index into it for every weight, and exact outliers.

    `table` has 2^bits entries; `codes` has one index a weight, row by row, 0 where an outlier
    stands; `outlier_positions` are row-major and rise.
    """

    table: NDArray[np.float32]
    codes: NDArray[np.uint8]
    outlier_positions: NDArray[np.uint32]
    outlier_values: NDArray[np.float32]

    def decoded(self) -> NDArray[np.float32]:
        """What a decoder makes of it, row by row."""
        weights = self.table[self.codes]
        weights[self.outlier_positions] = self.outlier_values
        return weights


QuantisedShard = tuple[QuantisedMatrix, ...]
"""The six matrices of a shard, in the order of Matrices."""


@dataclass(frozen=True, kw_only=True)
class WholeLayer:
    """A layer of a model, by its index, and into how many slices it is cut."""

    index: int
    matrices: Matrices
    slices: int


class Quantiser(Protocol):
    """A way to round weights. It can be pickled, and equal layers give equal shards.

    It sees whole layers, because outliers are found over whole matrices.
    """

    def __call__(
        self, layer: WholeLayer, bitwidths: Sequence[int]
    ) -> Iterator[Mapping[int, QuantisedShard]]:
        """For each slice in order, its shard at each of the bitwidths (each 1..8)."""
        ...
