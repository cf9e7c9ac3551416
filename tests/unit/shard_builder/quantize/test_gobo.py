from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shard_builder.quantize import WholeLayer
from shard_builder.quantize.gobo import find_outliers, quantise_by_one_table, quantise_layer
from shard_runtime.weights import FloatArray, Matrices
from slow_gobo import slow_nearest, slow_outliers, slow_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from shard_builder.quantize.quantised import QuantisedMatrix, QuantisedShard

    Shards = Mapping[int, QuantisedShard]

SLICES = 3
BITWIDTHS = (2, 3, 4, 5, 6)
INTERESTING = st.floats(-2, 2, width=32)


def random_layer(seed: int, *, scale: float = 0.05) -> Matrices:
    """Hidden 24, 3 heads, 48 FFN neurons, with a few far weights."""
    generator = np.random.default_rng(seed)
    return Matrices(
        *(
            (scale * generator.standard_t(4, size=(rows, 24))).astype(np.float32)
            for rows in (24, 24, 24, 24, 48, 48)
        )
    )


def inliers_of(matrix: QuantisedMatrix) -> NDArray[np.intp]:
    is_inlier = np.ones(matrix.codes.size, dtype=np.bool_)
    is_inlier[matrix.outlier_positions] = False
    return np.flatnonzero(is_inlier)


def same_matrix(block: FloatArray) -> Matrices:
    return Matrices(*(block for _ in range(6)))


def quantise(layer: Matrices, slices: int, bitwidths: Sequence[int]) -> list[Shards]:
    whole = WholeLayer(index=0, matrices=layer, slices=slices)
    return list(quantise_layer(whole, bitwidths))


@pytest.mark.parametrize("scale", [0.02, 0.3, 4.0])
def test_outliers_are_those_of_the_plain_formula(scale: float) -> None:
    matrix = random_layer(1, scale=scale).query
    found = find_outliers(matrix)
    assert found.reshape(-1).tolist() == slow_outliers(matrix.reshape(-1).tolist())
    assert found.any()


def test_a_constant_matrix_has_no_outliers() -> None:
    assert not find_outliers(np.full((4, 6), 0.25, dtype=np.float32)).any()


def test_outliers_are_found_over_the_whole_matrix_not_over_a_slice() -> None:
    layer = random_layer(2)
    layer.query[0, 0] = 5.0
    mask = slow_outliers(layer.query.reshape(-1).tolist())
    counts = [shard[2][0].outlier_positions.size for shard in quantise(layer, SLICES, [2])]
    size = len(mask) // SLICES
    assert counts == [sum(mask[start : start + size]) for start in range(0, len(mask), size)]


@pytest.mark.parametrize("bits", BITWIDTHS)
def test_tables_are_those_of_the_plain_method(bits: int) -> None:
    layer = random_layer(3)
    shards = quantise(layer, SLICES, BITWIDTHS)
    mask = np.array(slow_outliers(layer.ffn_in.reshape(-1).tolist())).reshape(SLICES, -1)
    weights = layer.ffn_in.reshape(SLICES, -1)
    for index in range(SLICES):
        expected = slow_table(weights[index][~mask[index]].tolist(), 2**bits)
        np.testing.assert_allclose(shards[index][bits][4].table, expected, rtol=1e-6)


@pytest.mark.parametrize("bits", BITWIDTHS)
def test_every_inlier_has_the_code_of_its_nearest_entry(bits: int) -> None:
    layer = random_layer(4)
    for index, shard in enumerate(quantise(layer, SLICES, [bits])):
        matrix = shard[bits][3]
        block = layer.attention_output.reshape(SLICES, -1)[index]
        table = matrix.table.tolist()
        inliers = inliers_of(matrix)
        expected = [slow_nearest(float(block[place]), table) for place in inliers]
        assert matrix.codes[inliers].tolist() == expected


def test_outliers_keep_their_values_and_have_code_0() -> None:
    layer = random_layer(5)
    shard = quantise(layer, SLICES, [2])[0][2]
    block = layer.key.reshape(SLICES, -1)[0]
    places = shard[1].outlier_positions
    assert places.size > 0
    assert np.array_equal(shard[1].outlier_values, block[places])
    assert not shard[1].codes[places].any()


def test_one_value_repeated_is_kept_exactly() -> None:
    layer = same_matrix(np.full((6, 4), 0.125, dtype=np.float32))
    shard = quantise(layer, 2, [2])[0][2]
    assert np.array_equal(shard[0].table[shard[0].codes], np.full(12, 0.125, dtype=np.float32))


def test_fewer_values_than_entries_are_kept_exactly() -> None:
    block = np.array([[0.5, -0.25, 0.125]], dtype=np.float32)
    shard = quantise(same_matrix(block), 1, [4])[0][4]
    assert np.array_equal(shard[0].table[shard[0].codes], block[0])


def test_a_value_halfway_between_two_entries_goes_to_the_lower() -> None:
    block = np.array([[0, 2, 3, 3]], dtype=np.float32)
    shard = quantise(same_matrix(block), 1, [1])[0][1]
    assert shard[0].table.tolist() == [1, 3]
    assert shard[0].codes.tolist() == [0, 0, 1, 1]


def test_a_matrix_of_outliers_alone_gets_a_table_of_zeros() -> None:
    block = np.array([[-300, 300], [300, -300]], dtype=np.float32)
    shard = quantise(same_matrix(block), 1, [2])[0][2]
    assert shard[0].outlier_values.tolist() == block.reshape(-1).tolist()
    assert not shard[0].table.any()


@given(
    values=st.lists(INTERESTING, min_size=1, max_size=40),
    bits=st.sampled_from(BITWIDTHS),
)
def test_the_table_rises_and_codes_are_nearest_for_any_values(
    values: list[float], bits: int
) -> None:
    block = np.array([values], dtype=np.float32)
    matrix = quantise(same_matrix(block), 1, [bits])[0][bits][0]
    table = matrix.table.astype(np.float64)
    assert (np.diff(table) >= 0).all()
    inliers = inliers_of(matrix)
    distance = np.abs(block[0][inliers, None] - table)
    chosen = np.abs(block[0][inliers] - table[matrix.codes[inliers]])
    assert np.array_equal(chosen, distance.min(axis=1, initial=np.inf))


@given(seed=st.integers(0, 1000))
def test_more_bits_never_raise_the_total_distance_much(seed: int) -> None:
    layer = random_layer(seed)
    shard = quantise(layer, SLICES, BITWIDTHS)[0]
    block = layer.ffn_out.reshape(SLICES, -1)[0]
    distances: list[float] = []
    for bits in BITWIDTHS:
        matrix = shard[bits][5]
        decoded = matrix.table[matrix.codes]
        decoded[matrix.outlier_positions] = matrix.outlier_values
        distances.append(float(np.abs(decoded - block).sum()))
    assert distances == sorted(distances, reverse=True)


def by_one_table(layer: Matrices, bitwidths: Sequence[int]) -> list[Shards]:
    whole = WholeLayer(index=0, matrices=layer, slices=SLICES)
    return list(quantise_by_one_table(whole, bitwidths))


def test_one_table_for_a_layer_is_that_of_all_its_weights() -> None:
    layer = random_layer(6)
    weights = [weight for matrix in layer for weight in matrix.reshape(-1).tolist()]
    mask = slow_outliers(weights)
    inliers = [weight for weight, far in zip(weights, mask, strict=True) if not far]
    expected = slow_table(inliers, 8)
    for shard in by_one_table(layer, [3]):
        for matrix in shard[3]:
            np.testing.assert_allclose(matrix.table, expected, rtol=1e-5)


def test_with_one_table_outliers_are_those_of_the_whole_layer() -> None:
    layer = random_layer(7)
    weights = [weight for matrix in layer for weight in matrix.reshape(-1).tolist()]
    mask = slow_outliers(weights)
    found = [
        sum(shard[2][place].outlier_positions.size for shard in by_one_table(layer, [2]))
        for place in range(6)
    ]
    ends = np.cumsum([matrix.size for matrix in layer])
    assert found == [int(sum(part)) for part in np.split(np.array(mask), ends[:-1])]
