from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from shard_builder.slicing import cut_slice, layer_matrices

if TYPE_CHECKING:
    from shard_runtime.weights import FloatArray, Matrices

HIDDEN, HEADS, FFN = 6, 3, 12


def weights() -> dict[str, FloatArray]:
    """Weights [outputs, inputs] whose entries all differ."""
    shapes = dict.fromkeys(("query", "key", "value", "attention_output"), (HIDDEN, HIDDEN))
    shapes |= {"ffn_in": (FFN, HIDDEN), "ffn_out": (HIDDEN, FFN)}
    counter = iter(range(1000))
    return {
        name: np.array([[next(counter) for _ in range(columns)] for _ in range(rows)], np.float32)
        for name, (rows, columns) in shapes.items()
    }


def slice_1() -> Matrices:
    return cut_slice(layer_matrices(weights()), 1, HEADS)


def test_a_slice_of_the_query_is_the_rows_of_its_head() -> None:
    assert np.array_equal(slice_1().query, weights()["query"][2:4])


def test_a_slice_of_the_attention_output_is_the_columns_of_its_head_transposed() -> None:
    assert np.array_equal(slice_1().attention_output, weights()["attention_output"][:, 2:4].T)


def test_a_slice_of_the_ffn_is_the_rows_and_columns_of_its_neurons() -> None:
    assert np.array_equal(slice_1().ffn_in, weights()["ffn_in"][4:8])
    assert np.array_equal(slice_1().ffn_out, weights()["ffn_out"][:, 4:8].T)


def test_slices_one_below_the_other_are_the_whole_layer() -> None:
    layer = layer_matrices(weights())
    cuts = [cut_slice(layer, index, HEADS) for index in range(HEADS)]
    for whole, *parts in zip(layer, *cuts, strict=True):
        assert np.array_equal(np.concatenate(parts), whole)
