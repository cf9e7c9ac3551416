from __future__ import annotations

import numpy as np
import pytest

from shard_builder.quantize import WholeLayer, encode_layer
from shard_builder.quantize.gobo import quantise_layer
from shard_builder.slicing import cut_slice
from shard_runtime.decode import TableExpand, decode_shard
from shard_runtime.weights import Matrices
from slow_gobo import decode_by_the_format

SLICES = 3
BITWIDTHS = (2, 3, 4, 5, 6, 32)
SIZES = (8 * 24,) * 4 + (16 * 24,) * 2


def odd_layer() -> Matrices:
    generator = np.random.default_rng(0)
    return Matrices(
        *(
            (generator.standard_t(4, size=(rows, 24)) / 10).astype(np.float32)
            for rows in (24, 24, 24, 24, 48, 48)
        )
    )


def encoded() -> dict[int, list[bytes]]:
    return encode_layer(whole(odd_layer()), bitwidths=BITWIDTHS, quantiser=quantise_layer)


def whole(layer: Matrices, slices: int = SLICES) -> WholeLayer:
    return WholeLayer(index=0, matrices=layer, slices=slices)


@pytest.mark.parametrize("bits", BITWIDTHS[:-1])
def test_decoding_by_the_format_gives_table_entries_and_outliers_exactly(bits: int) -> None:
    shards = encoded()[bits]
    for index, quantised in enumerate(quantise_layer(whole(odd_layer()), [bits])):
        for decoded, matrix in zip(
            decode_by_the_format(shards[index], bits, SIZES), quantised[bits], strict=True
        ):
            expected = matrix.table[matrix.codes]
            expected[matrix.outlier_positions] = matrix.outlier_values
            assert decoded == expected.tolist()


@pytest.mark.parametrize("bits", BITWIDTHS)
def test_the_runtime_decodes_what_the_format_says(bits: int) -> None:
    for index, shard in enumerate(encoded()[bits]):
        out = Matrices(*(np.empty_like(matrix) for matrix in cut_slice(odd_layer(), index, SLICES)))
        decode_shard(shard, bits, out, TableExpand())
        expected = decode_by_the_format(shard, bits, SIZES)
        assert [matrix.reshape(-1).tolist() for matrix in out] == expected


def test_32_bit_is_the_weights_themselves() -> None:
    cut = cut_slice(odd_layer(), 1, SLICES)
    assert encoded()[32][1] == b"".join(matrix.tobytes() for matrix in cut)


def test_matrices_whose_codes_fill_no_whole_word_are_padded() -> None:
    generator = np.random.default_rng(1)
    layer = Matrices(*(generator.normal(size=(1, 5)).astype(np.float32) for _ in range(6)))
    shards = encode_layer(whole(layer, 1), bitwidths=(3,), quantiser=quantise_layer)
    assert len(shards[3][0]) == 24 + 6 * (8 * 4 + 4)
