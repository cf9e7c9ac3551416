from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from checkpoints import write_checkpoint
from shard_builder.checkpoint import read_checkpoint
from shard_builder.importance.submodel import Size, Submodel
from shard_builder.store_writer import build_store
from shard_runtime.engine import LayerBiases, LayerWeights, load_engine
from shard_runtime.store import ShardStore
from shard_runtime.tokens import Tokens
from shard_runtime.weights import LayerBuffer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from shard_runtime.weights import FloatArray

LAYERS, SLICES = 2, 3
SIZES = [Size(2, 3), Size(2, 2), Size(1, 2)]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ShardStore:
    folder: Path = tmp_path_factory.mktemp("submodel")
    checkpoint = read_checkpoint(write_checkpoint(folder / "checkpoint"))
    build_store(checkpoint, folder / "store")
    return ShardStore.open(folder / "store")


def tokens(seed: int) -> Tokens:
    ids = np.random.default_rng(seed).integers(4, 40, size=(2, 6))
    return Tokens(ids=ids, mask=np.arange(6) < np.array([[6], [4]]))


BATCHES = [tokens(0), tokens(1)]


def submodel(store: ShardStore) -> Submodel:
    return Submodel(store, load_engine("numpy", store), BATCHES)


def run(store: ShardStore, batch: int, layers: Sequence[Mapping[int, int]]) -> FloatArray:
    """Slice -> bits for each layer, computed from the start and without any memory."""
    engine, mask = load_engine("numpy", store), BATCHES[batch].mask
    hidden = engine.embed(BATCHES[batch].ids, mask)
    for layer, chosen in enumerate(layers):
        buffer = LayerBuffer(store.shape, len(chosen))
        for place, (index, bits) in enumerate(chosen.items()):
            engine.decode(store.read_encoded(layer, index, bits), bits, buffer.shard(place))
        biases = LayerBiases.of(store.resident, layer, list(chosen), store.shape)
        weights = LayerWeights(matrices=buffer.matrices, biases=biases)
        hidden = engine.layer(hidden, mask, weights)
    return engine.head(hidden, mask)


def everywhere(bits: int, size: Size) -> list[dict[int, int]]:
    return [dict.fromkeys(range(size.width), bits) for _ in range(size.depth)]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_uniform_submodel_is_run_as_from_the_start(store: ShardStore, size: Size) -> None:
    for batch in (0, 1):
        found = submodel(store).uniform(batch, 3, size)
        assert np.array_equal(found, run(store, batch, everywhere(3, size)))


@pytest.mark.parametrize(
    ("size", "layer", "index"),
    [
        (size, layer, index)
        for size in SIZES
        for layer in range(size.depth)
        for index in range(size.width)
    ],
)
def test_a_submodel_of_one_changed_shard_is_run_as_from_the_start(
    store: ShardStore, size: Size, layer: int, index: int
) -> None:
    model = submodel(store)
    changed = everywhere(2, size)
    changed[layer][index] = 4
    # Between two equal questions others are asked, so that nothing kept can be stale.
    for _ in range(2):
        found = model.with_one_changed(0, 2, size, (layer, index), 4)
        assert np.array_equal(found, run(store, 0, changed))
        model.with_one_changed(1, 32, size, (layer, index), 2)
        model.uniform(0, 2, Size(LAYERS, 1))


def test_every_depth_of_some_slices_is_the_model_run_from_the_start(store: ShardStore) -> None:
    outputs = submodel(store).by_depth(1, 5, [(0, 2), (1, 2)])
    layers = [{0: 5, 2: 5}, {1: 5, 2: 5}]
    for depth, output in enumerate(outputs, start=1):
        assert np.array_equal(output, run(store, 1, layers[:depth]))
