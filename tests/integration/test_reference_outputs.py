"""Built stores, run at full precision, against the transformers reference implementation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from encoder_vectors import EXAMPLE, load_vector, make_checkpoint, vector_names
from shard_builder.checkpoint import read_checkpoint
from shard_builder.errors import ExampleModelError
from shard_builder.example_model import example_checkpoint
from shard_builder.store_writer import StoreOptions, build_store
from shard_runtime.engine import LayerBiases, LayerWeights, load_engine
from shard_runtime.store import ShardStore
from shard_runtime.weights import LayerBuffer

if TYPE_CHECKING:
    from pathlib import Path

    from encoder_vectors import EncoderVector
    from shard_runtime.engine import EngineName
    from shard_runtime.weights import FloatArray


def full_precision_output(store: ShardStore, name: EngineName, vector: EncoderVector) -> FloatArray:
    engine = load_engine(name, store)
    buffer = LayerBuffer(store.shape, store.manifest.slices)
    slices = range(store.manifest.slices)
    hidden = engine.embed(vector.token_ids, vector.attention_mask)
    for layer in range(store.manifest.layers):
        for index in slices:
            engine.decode(store.read_encoded(layer, index, 32), 32, buffer.shard(index))
        biases = LayerBiases.of(store.resident, layer, slices, store.shape)
        weights = LayerWeights(matrices=buffer.matrices, biases=biases)
        hidden = engine.layer(hidden, vector.attention_mask, weights)
    return engine.head(hidden, vector.attention_mask)


@pytest.fixture(scope="module", params=[name for name in vector_names() if name != EXAMPLE])
def built(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[ShardStore, EncoderVector]:
    vector = load_vector(request.param)
    folder = tmp_path_factory.mktemp(vector.name)
    assert vector.checkpoint is not None
    make_checkpoint(
        folder / "checkpoint", vector.checkpoint, vector.pooling, normalise=vector.normalise
    )
    build_store(read_checkpoint(folder / "checkpoint"), folder / "store")
    return ShardStore.open(folder / "store"), vector


@pytest.mark.parametrize("engine", ["numpy", "numba"])
def test_full_precision_equals_the_reference(
    built: tuple[ShardStore, EncoderVector], engine: EngineName
) -> None:
    store, vector = built
    output = full_precision_output(store, engine, vector)
    assert np.abs(output - vector.outputs).max() < 1e-4


def test_the_example_model_equals_the_reference(tmp_path: Path) -> None:
    try:
        checkpoint = read_checkpoint(example_checkpoint())
    except ExampleModelError as error:
        pytest.skip(str(error))
    build_store(checkpoint, tmp_path / "store", options=StoreOptions(bitwidths=(32,)))
    vector = load_vector(EXAMPLE)
    output = full_precision_output(ShardStore.open(tmp_path / "store"), "numpy", vector)
    assert np.abs(output - vector.outputs).max() < 1e-4
