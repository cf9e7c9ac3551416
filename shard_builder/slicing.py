"""A layer as six matrices of `hidden` columns, and a slice of it as rows of each.

Slice s is attention head s and its share of the FFN neurons (STI, section 3.2). The attention
output and the second FFN matrix are kept transposed, so that in all six matrices a slice is a
block of rows, and slices put one below the other are again whole matrices.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

from shard_runtime.weights import FloatArray, Matrices

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

Entry = TypeVar("Entry", bound=np.generic)


def layer_matrices(weights: Mapping[str, FloatArray]) -> Matrices:
    """The six matrices from weights that are stored [outputs, inputs], by name."""
    return Matrices(
        query=weights["query"],
        key=weights["key"],
        value=weights["value"],
        attention_output=np.ascontiguousarray(weights["attention_output"].T),
        ffn_in=weights["ffn_in"],
        ffn_out=np.ascontiguousarray(weights["ffn_out"].T),
    )


def cut_slice(layer: Matrices, index: int, slices: int) -> Matrices:
    """Slice `index` of `slices`: the same share of the rows of every matrix, as views."""
    return Matrices(*(slice_rows(matrix, index, slices) for matrix in layer))


def slice_rows(matrix: NDArray[Entry], index: int, slices: int) -> NDArray[Entry]:
    """The rows of slice `index` of `slices`, as a view."""
    rows = matrix.shape[0] // slices
    return matrix[index * rows : (index + 1) * rows]
