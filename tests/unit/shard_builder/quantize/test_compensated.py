from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from checkpoints import write_checkpoint
from shard_builder.checkpoint import Checkpoint, read_checkpoint
from shard_builder.moments import Moments, second_moments, weighted_error
from shard_builder.quantize import QuantisedShard, Quantiser, WholeLayer, load_quantiser
from shard_builder.quantize.compensated import CompensatedQuantiser
from shard_builder.slicing import cut_slice
from shard_runtime.tokens import Tokens
from shard_runtime.weights import Matrices

if TYPE_CHECKING:
    from collections.abc import Mapping

BITWIDTHS = (2, 3, 4, 5, 6)
SLICES = 3


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return read_checkpoint(write_checkpoint(tmp_path_factory.mktemp("tiny")))


@pytest.fixture(scope="module")
def moments(checkpoint: Checkpoint) -> Moments:
    generator = np.random.default_rng(0)
    ids = generator.integers(3, 40, (24, 12))
    return second_moments(checkpoint, Tokens(ids, np.ones(ids.shape, dtype=np.bool_)))


@pytest.fixture(scope="module")
def compensated(moments: Moments) -> CompensatedQuantiser:
    return CompensatedQuantiser(outlier_limit=2.5, moments=moments)


def shards(
    quantiser: Quantiser, model: Checkpoint, layer: int
) -> list[Mapping[int, QuantisedShard]]:
    whole = WholeLayer(index=layer, matrices=model.layers[layer], slices=SLICES)
    return list(quantiser(whole, BITWIDTHS))


def decoded(shard: QuantisedShard, like: Matrices) -> Matrices:
    return Matrices(
        *(matrix.decoded().reshape(block.shape) for matrix, block in zip(shard, like, strict=True))
    )


def test_the_error_of_the_outputs_is_below_that_of_nearest_entries(
    checkpoint: Checkpoint, moments: Moments, compensated: CompensatedQuantiser
) -> None:
    kmeans = load_quantiser("kmeans", checkpoint.layers, None)
    for layer in range(2):
        mine, others = shards(compensated, checkpoint, layer), shards(kmeans, checkpoint, layer)
        for index in range(SLICES):
            exact = cut_slice(checkpoint.layers[layer], index, SLICES)
            measured = moments.shard(layer, index)
            for bits in (2, 3, 4):
                error, nearest = (
                    weighted_error(exact, decoded(found[index][bits], exact), measured)
                    for found in (mine, others)
                )
                assert error < nearest


def test_more_bits_bring_a_smaller_error(
    checkpoint: Checkpoint, moments: Moments, compensated: CompensatedQuantiser
) -> None:
    for index, shard in enumerate(shards(compensated, checkpoint, 1)):
        exact = cut_slice(checkpoint.layers[1], index, SLICES)
        errors = [
            weighted_error(exact, decoded(shard[bits], exact), moments.shard(1, index))
            for bits in BITWIDTHS
        ]
        assert errors == sorted(errors, reverse=True)


def test_outliers_are_exact_and_the_same_at_all_bitwidths(
    checkpoint: Checkpoint, compensated: CompensatedQuantiser
) -> None:
    found = 0
    for index, shard in enumerate(shards(compensated, checkpoint, 0)):
        exact = cut_slice(checkpoint.layers[0], index, SLICES)
        for place, block in enumerate(exact):
            positions = shard[2][place].outlier_positions
            found += positions.size
            for bits in BITWIDTHS:
                matrix = shard[bits][place]
                assert np.array_equal(matrix.outlier_positions, positions)
                assert np.array_equal(matrix.outlier_values, block.reshape(-1)[positions])
                assert not matrix.codes[positions].any()
    assert found


def test_tables_rise_and_codes_are_within_them(
    checkpoint: Checkpoint, compensated: CompensatedQuantiser
) -> None:
    for shard in shards(compensated, checkpoint, 0):
        for bits in BITWIDTHS:
            for matrix in shard[bits]:
                assert matrix.table.shape == (2**bits,)
                assert (np.diff(matrix.table) >= 0).all()
                assert int(matrix.codes.max()) < 2**bits


def test_equal_inputs_give_equal_bytes(
    checkpoint: Checkpoint, compensated: CompensatedQuantiser
) -> None:
    def content() -> list[bytes]:
        return [
            part.tobytes()
            for shard in shards(compensated, checkpoint, 1)
            for bits in BITWIDTHS
            for matrix in shard[bits]
            for part in matrix
        ]

    assert content() == content()


def test_a_shards_bytes_depend_on_its_own_weights_and_moments_alone(
    checkpoint: Checkpoint, compensated: CompensatedQuantiser
) -> None:
    changed = Matrices(*(matrix.copy() for matrix in checkpoint.layers[0]))
    for matrix in changed:
        rows = len(matrix) // SLICES
        # Signs turned about the mean of the others' rows: mean and spread stay nearly the same.
        matrix[rows:] = matrix[rows:][::-1]
    first = next(iter(shards(compensated, checkpoint, 0)))
    whole = WholeLayer(index=0, matrices=changed, slices=SLICES)
    second = next(iter(compensated(whole, BITWIDTHS)))
    for bits in BITWIDTHS:
        for left, right in zip(first[bits], second[bits], strict=True):
            assert np.array_equal(left.codes, right.codes)
            assert np.array_equal(left.table, right.table)
