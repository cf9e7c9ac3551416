from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from checkpoints import write_checkpoint
from shard_builder.checkpoint import Checkpoint, read_checkpoint
from shard_builder.errors import CalibrationError
from shard_builder.moments import (
    Moments,
    Size,
    default_submodels,
    second_moments,
    weighted_error,
)
from shard_builder.slicing import cut_slice
from shard_builder.store_writer import build_store
from shard_builder.stored_checkpoint import stored_checkpoint
from shard_runtime.engine import LayerBiases, LayerWeights
from shard_runtime.engine_numpy import NumpyEngine
from shard_runtime.store import ShardStore
from shard_runtime.tokens import Tokens
from shard_runtime.weights import FloatArray, Matrices, ShardShape

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

LENGTHS = (7, 3, 1, 5)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return read_checkpoint(write_checkpoint(tmp_path_factory.mktemp("tiny")))


@pytest.fixture
def tokens() -> Tokens:
    generator = np.random.default_rng(3)
    mask = np.arange(9)[None, :] < np.array(LENGTHS)[:, None]
    return Tokens(np.where(mask, generator.integers(3, 40, mask.shape), 0), mask)


def slow_inputs(model: Checkpoint, tokens: Tokens, size: Size, layer: int) -> dict[str, FloatArray]:
    """What each matrix of a layer is multiplied with, one sentence at a time, without padding.

    The engine runs the layers before.
    """
    shape = ShardShape.of(model.geometry)
    engine = NumpyEngine(model.architecture, shape, model.resident)
    found: dict[str, list[FloatArray]] = {"hidden": [], "context": [], "ffn": [], "neurons": []}
    for ids, mask in zip(tokens.ids, tokens.mask, strict=True):
        one = Tokens(ids[None, mask], mask[None, mask])
        hidden = engine.embed(one.ids, one.mask)
        for before in range(layer):
            hidden = engine.layer(hidden, one.mask, prefix_weights(model, before, size.width))
        weights = prefix_weights(model, layer, size.width)
        context, after, neurons = slow_layer(hidden[0], weights, model)
        found["hidden"].append(hidden[0])
        found["context"].append(context)
        found["ffn"].append(after)
        found["neurons"].append(neurons)
    return {name: np.concatenate(rows) for name, rows in found.items()}


def prefix_weights(model: Checkpoint, layer: int, width: int) -> LayerWeights:
    shape = ShardShape.of(model.geometry)
    cuts = [cut_slice(model.layers[layer], index, model.geometry.heads) for index in range(width)]
    matrices = Matrices(*(np.concatenate(same) for same in zip(*cuts, strict=True)))
    biases = LayerBiases.of(model.resident, layer, range(width), shape)
    return LayerWeights(matrices=matrices, biases=biases)


def slow_layer(
    x: FloatArray, weights: LayerWeights, model: Checkpoint
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """(context, FFN input, activated neurons) of one sentence, head by head in float64."""
    matrices, biases = weights.matrices, weights.biases
    size = ShardShape.of(model.geometry).head_dim
    query = x @ matrices.query.T + biases.query
    key = x @ matrices.key.T + biases.key
    value = x @ matrices.value.T + biases.value
    context = np.zeros_like(query)
    for start in range(0, query.shape[1], size):
        head = slice(start, start + size)
        scores = query[:, head] @ key[:, head].T / np.sqrt(size)
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        context[:, head] = shares / shares.sum(axis=1, keepdims=True) @ value[:, head]
    rows = context @ matrices.attention_output + biases.attention_output + x
    rows = rows - rows.mean(axis=1, keepdims=True)
    rows /= np.sqrt(rows.var(axis=1, keepdims=True) + model.architecture.layer_norm_epsilon)
    after = rows * biases.attention_norm_weight + biases.attention_norm_bias
    neurons = after @ matrices.ffn_in.T + biases.ffn_in
    return context, after, gelu(neurons)


def gelu(values: FloatArray) -> FloatArray:
    halves = [(1 + math.erf(value / math.sqrt(2))) / 2 for value in values.reshape(-1).tolist()]
    return values * np.array(halves).reshape(values.shape)


def mean_product(rows: FloatArray) -> NDArray[np.float64]:
    return sum((np.outer(row, row) for row in rows.astype(np.float64)), np.zeros(())) / len(rows)


@pytest.mark.parametrize(
    ("size", "layer"), [(Size(2, 3), 0), (Size(2, 3), 1), (Size(2, 2), 1), (Size(1, 2), 0)]
)
def test_moments_are_means_over_the_tokens_of_each_sentence_by_itself(
    checkpoint: Checkpoint, tokens: Tokens, size: Size, layer: int
) -> None:
    moments = second_moments(checkpoint, tokens, [size]).submodels[0][layer]
    inputs = slow_inputs(checkpoint, tokens, size, layer)
    expected = {name: mean_product(rows) for name, rows in inputs.items()}
    np.testing.assert_allclose(moments.layer_input, expected["hidden"], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(moments.ffn_input, expected["ffn"], rtol=1e-4, atol=1e-5)
    for blocks, whole in ((moments.context, "context"), (moments.neurons, "neurons")):
        length = blocks.shape[1]
        for index, block in enumerate(blocks):
            own = slice(index * length, (index + 1) * length)
            np.testing.assert_allclose(block, expected[whole][own, own], rtol=1e-4, atol=1e-5)


def test_a_shards_moments_are_the_mean_over_the_submodels_that_hold_it(
    checkpoint: Checkpoint, tokens: Tokens
) -> None:
    whole, narrow = (
        second_moments(checkpoint, tokens, [size]) for size in (Size(2, 3), Size(2, 2))
    )
    both = second_moments(checkpoint, tokens, [Size(2, 3), Size(2, 2)])
    expected = (whole.of(1, 1, "ffn_out") + narrow.of(1, 1, "ffn_out")) / 2
    np.testing.assert_allclose(both.of(1, 1, "ffn_out"), expected, rtol=1e-12)
    assert np.array_equal(both.of(1, 2, "ffn_out"), whole.of(1, 2, "ffn_out"))


def test_query_key_and_value_share_their_moments(checkpoint: Checkpoint, tokens: Tokens) -> None:
    shard = second_moments(checkpoint, tokens).shard(0, 0)
    assert np.array_equal(shard.query, shard.key)
    assert np.array_equal(shard.query, shard.value)


def test_padding_changes_nothing(checkpoint: Checkpoint, tokens: Tokens) -> None:
    longer = Tokens(np.pad(tokens.ids, ((0, 0), (0, 4))), np.pad(tokens.mask, ((0, 0), (0, 4))))
    plain, padded = second_moments(checkpoint, tokens), second_moments(checkpoint, longer)
    assert np.array_equal(plain.of(1, 0, "query"), padded.of(1, 0, "query"))


def test_a_stores_full_precision_shards_have_the_checkpoints_moments(
    tmp_path: Path, checkpoint: Checkpoint, tokens: Tokens
) -> None:
    build_store(checkpoint, tmp_path / "store")
    stored = stored_checkpoint(ShardStore.open(tmp_path / "store"))
    assert np.array_equal(
        second_moments(stored, tokens).of(1, 2, "ffn_out"),
        second_moments(checkpoint, tokens).of(1, 2, "ffn_out"),
    )


def test_progress_counts_the_batches_of_all_submodels(
    checkpoint: Checkpoint, tokens: Tokens
) -> None:
    seen: list[tuple[int, int]] = []
    second_moments(checkpoint, tokens, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 2), (2, 2)]


@pytest.mark.parametrize(
    ("layers", "slices", "expected"),
    [(6, 12, [(6, 12), (4, 6)]), (2, 3, [(2, 3), (2, 2)]), (1, 1, [(1, 1), (1, 1)])],
)
def test_the_second_submodel_is_two_thirds_deep_and_half_as_wide(
    layers: int, slices: int, expected: list[tuple[int, int]]
) -> None:
    assert list(default_submodels(layers, slices)) == expected


def test_the_weighted_error_is_that_of_the_outputs(checkpoint: Checkpoint, tokens: Tokens) -> None:
    shard = cut_slice(checkpoint.layers[1], 2, 3)
    generator = np.random.default_rng(0)
    decoded = Matrices(
        *(matrix + generator.normal(0, 0.1, matrix.shape).astype(np.float32) for matrix in shard)
    )
    size = Size(2, 3)
    inputs = slow_inputs(checkpoint, tokens, size, 1)
    own = (inputs["hidden"],) * 3 + (
        inputs["context"][:, 16:24],
        inputs["ffn"],
        inputs["neurons"][:, 32:48],
    )
    expected = 0.0
    for name, exact, coarse, rows in zip(Matrices._fields, shard, decoded, own, strict=True):
        difference = exact - coarse
        is_transposed = name in {"attention_output", "ffn_out"}
        outputs = rows @ (difference if is_transposed else difference.T)
        expected += float(np.square(outputs.astype(np.float64)).sum()) / len(rows)
    moments = second_moments(checkpoint, tokens, [size]).shard(1, 2)
    assert weighted_error(shard, decoded, moments) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("size", [Size(3, 1), Size(1, 4), Size(0, 1)])
def test_a_submodel_outside_the_model_is_refused(
    checkpoint: Checkpoint, tokens: Tokens, size: Size
) -> None:
    with pytest.raises(CalibrationError, match=f"within 2 x 3, got {size.depth} x {size.width}"):
        second_moments(checkpoint, tokens, [size])


def test_a_text_without_tokens_is_refused(checkpoint: Checkpoint) -> None:
    nothing = Tokens(np.zeros((1, 4), dtype=np.int64), np.zeros((1, 4), dtype=np.bool_))
    with pytest.raises(CalibrationError, match="at least 1 token, got none"):
        second_moments(checkpoint, nothing)


def test_a_shard_that_no_submodel_holds_has_no_moments(
    checkpoint: Checkpoint, tokens: Tokens
) -> None:
    moments: Moments = second_moments(checkpoint, tokens, [Size(1, 2)])
    with pytest.raises(CalibrationError, match="got layer 1, slice 0"):
        moments.of(1, 0, "query")


def test_activations_beyond_float32_are_refused_by_their_layer(
    checkpoint: Checkpoint, tokens: Tokens
) -> None:
    first, second = checkpoint.layers
    huge = replace(checkpoint, layers=(first, second._replace(ffn_in=second.ffn_in * 1e25)))
    with pytest.raises(CalibrationError, match=r"layer 1 .* must have finite squares"):
        second_moments(huge, tokens)
