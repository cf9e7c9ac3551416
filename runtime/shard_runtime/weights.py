"""The six matrices of a shard, and the one buffer that holds a layer's decoded weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from plan_contracts import Geometry

FloatArray = NDArray[np.float32]
ByteArray = NDArray[np.uint8]
FLOAT_BYTES = 4
FULL_PRECISION_BITS = 32


class Matrices(NamedTuple):
    """The sharded matrices in their stored order, float32, each with `hidden` columns.

    attention_output and ffn_out are transposed, so that a slice is a block of rows in all six:
    head_dim rows in the first four, ffn / M in the others.
    """

    query: FloatArray
    key: FloatArray
    value: FloatArray
    attention_output: FloatArray
    ffn_in: FloatArray
    ffn_out: FloatArray


class ShardShape(NamedTuple):
    """Sizes of one shard: columns, rows of one attention head, FFN neurons."""

    hidden: int
    head_dim: int
    neurons: int

    @classmethod
    def of(cls, geometry: Geometry) -> ShardShape:
        """One slice is one attention head and its share of the FFN neurons."""
        return cls(
            geometry.hidden, geometry.hidden // geometry.heads, geometry.ffn // geometry.heads
        )

    @property
    def rows(self) -> tuple[int, ...]:
        """Rows of each of the six matrices."""
        return (self.head_dim,) * 4 + (self.neurons,) * 2

    @property
    def bias_bytes(self) -> int:
        """Bytes of the biases that belong to one shard: of query, key, value and ffn_in."""
        return (3 * self.head_dim + self.neurons) * FLOAT_BYTES

    @property
    def decoded_bytes(self) -> int:
        """Bytes of one decoded shard."""
        return sum(self.rows) * self.hidden * FLOAT_BYTES


class LayerBuffer:
    """Decoded weights of one layer at one width, allocated once and written again and again."""

    def __init__(self, shape: ShardShape, width: int) -> None:
        self._shape = shape
        self._storage = np.empty((width * sum(shape.rows), shape.hidden), dtype=np.float32)
        self._storage.fill(0)  # written, so that no run pays for pages used for the first time
        ends = np.cumsum([width * rows for rows in shape.rows])
        self.matrices = Matrices(*np.split(self._storage, ends[:-1]))

    @property
    def nbytes(self) -> int:
        """Bytes allocated: width * decoded_shard_bytes."""
        return self._storage.nbytes

    def shard(self, position: int) -> Matrices:
        """The rows of the shard at this position (0..width-1) among the layer's slices."""
        blocks = (
            matrix[position * rows : (position + 1) * rows]
            for matrix, rows in zip(self.matrices, self._shape.rows, strict=True)
        )
        return Matrices(*blocks)
