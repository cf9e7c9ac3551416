"""A layer as six matrices of `hidden` columns, and a slice of it as rows of each.

Slice s is attention head s and its share of the FFN neurons (STI, section 3.2). The attention
output and the second FFN matrix are kept transposed, so that in all six matrices a slice is a
block of rows, and slices put one below the other are again whole matrices.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Mapping

Entry = TypeVar("Entry", bound=np.generic)
Matrix = NDArray[np.float32]


class LayerMatrices(NamedTuple):
    """The six matrices of a layer, or of one slice of it, in the order of the shard format.

    Rows x columns of a whole layer: query, key, value, attention_output (transposed)
    hidden x hidden; ffn_in, ffn_out (transposed) ffn x hidden.
    """

    query: Matrix
    key: Matrix
    value: Matrix
    attention_output: Matrix
    ffn_in: Matrix
    ffn_out: Matrix


def layer_matrices(weights: Mapping[str, Matrix]) -> LayerMatrices:
    """The six matrices from weights that are stored [outputs, inputs], by name."""
    return LayerMatrices(
        query=weights["query"],
        key=weights["key"],
        value=weights["value"],
        attention_output=np.ascontiguousarray(weights["attention_output"].T),
        ffn_in=weights["ffn_in"],
        ffn_out=np.ascontiguousarray(weights["ffn_out"].T),
    )


def cut_slice(layer: LayerMatrices, index: int, slices: int) -> LayerMatrices:
    """Slice `index` of `slices`: the same share of the rows of every matrix, as views."""
    return LayerMatrices(*(slice_rows(matrix, index, slices) for matrix in layer))


def slice_rows(matrix: NDArray[Entry], index: int, slices: int) -> NDArray[Entry]:
    """The rows of slice `index` of `slices`, as a view."""
    rows = matrix.shape[0] // slices
    return matrix[index * rows : (index + 1) * rows]
