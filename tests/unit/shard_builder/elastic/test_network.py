from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from checkpoints import Family, write_checkpoint
from shard_builder.checkpoint import read_checkpoint
from shard_builder.elastic.batches import TokenRows
from shard_builder.store_writer import StoreOptions, build_store
from shard_runtime.engine import LayerBiases, LayerWeights, load_engine
from shard_runtime.store import ShardStore
from shard_runtime.tokens import pad_tokens
from shard_runtime.weights import LayerBuffer

if TYPE_CHECKING:
    from pathlib import Path

    from shard_runtime.weights import FloatArray

torch: Any = pytest.importorskip("torch", reason="torch comes with the extra `train`")
network: Any = pytest.importorskip("shard_builder.elastic.network")

TEXTS = ((0, 5, 6, 7, 2), (0, 8, 2), (0, 9, 4, 2))
FAMILIES: tuple[Family, ...] = ("bert", "roberta", "distilbert")


def runtime_logits(store: ShardStore, depth: int, width: int) -> FloatArray:
    """What the device answers, one text at a time."""
    engine = load_engine("numpy", store)
    answers: list[FloatArray] = []
    for ids in TEXTS:
        tokens = pad_tokens(list(ids), 6, pad_token=store.architecture.pad_token, truncate=True)
        hidden = engine.embed(*tokens)
        for layer in range(depth):
            buffer = LayerBuffer(store.shape, width)
            for index in range(width):
                engine.decode(store.read_encoded(layer, index, 32), 32, buffer.shard(index))
            biases = LayerBiases.of(store.resident, layer, range(width), store.shape)
            weights = LayerWeights(matrices=buffer.matrices, biases=biases)
            hidden = engine.layer(hidden, tokens.mask, weights)
        answers.append(engine.head(hidden, tokens.mask)[0])
    return np.stack(answers)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_depth_and_width_answers_as_the_runtime_does(tmp_path: Path, family: Family) -> None:
    checkpoint = read_checkpoint(write_checkpoint(tmp_path / "checkpoint", family=family))
    build_store(checkpoint, tmp_path / "store", options=StoreOptions(bitwidths=(32,)))
    store = ShardStore.open(tmp_path / "store")
    weights = network.initial_weights(checkpoint, 3, seed=0)
    model = network.ElasticNetwork(checkpoint.architecture, checkpoint.geometry)
    batch = TokenRows(TEXTS, checkpoint.architecture.pad_token).batch(np.arange(3))
    for width in (1, 2, 3):
        found = model.logits(weights, batch, (1, 2), width)
        for depth, logits in zip((1, 2), found, strict=True):
            expected = runtime_logits(store, depth, width)
            np.testing.assert_allclose(logits.numpy(), expected, rtol=1e-4, atol=1e-5)


def test_the_embeddings_stay_as_they_are(tmp_path: Path) -> None:
    weights = network.initial_weights(read_checkpoint(write_checkpoint(tmp_path)), 3, seed=0)
    left = set(weights) - set(network.trainable(weights))
    assert left == {name for name in weights if name.startswith("embeddings.")}


def test_a_head_that_fits_the_task_is_kept_and_another_is_drawn_anew(tmp_path: Path) -> None:
    checkpoint = read_checkpoint(write_checkpoint(tmp_path))
    kept = network.initial_weights(checkpoint, 3, seed=0)["head.dense.weight"].numpy()
    drawn = network.initial_weights(checkpoint, 2, seed=0)
    np.testing.assert_array_equal(kept, checkpoint.resident["head.dense.weight"])
    assert not np.array_equal(drawn["head.dense.weight"].numpy(), kept)
    assert drawn["head.output.weight"].shape == (2, 24)


def test_dropout_keeps_the_mean_and_zeroes_its_share() -> None:
    random = torch.Generator().manual_seed(0)
    values = network.Dropout(share=0.25, random=random)(torch.ones(101, 999))
    assert float((values == 0).float().mean()) == pytest.approx(0.25, abs=0.005)
    assert float(values.mean()) == pytest.approx(1, abs=0.01)


def test_no_dropout_changes_nothing() -> None:
    values = torch.ones(3)
    assert network.Dropout(share=0.0, random=torch.Generator())(values) is values
