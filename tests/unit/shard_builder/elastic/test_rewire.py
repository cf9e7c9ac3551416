from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from checkpoints import TINY, write_checkpoint
from shard_builder.checkpoint import read_checkpoint
from shard_builder.elastic.batches import TokenRows

if TYPE_CHECKING:
    from pathlib import Path

torch: Any = pytest.importorskip("torch", reason="torch comes with the extra `train`")
network: Any = pytest.importorskip("shard_builder.elastic.network")
rewire: Any = pytest.importorskip("shard_builder.elastic.rewire")

BATCH = TokenRows([(0, 5, 6, 2), (0, 7, 8, 2)], 0).batch(np.arange(2))


class Model:
    """A tiny model whose gradients are those of the sum of its logits."""

    def __init__(self, folder: Path) -> None:
        checkpoint = read_checkpoint(write_checkpoint(folder))
        self.geometry = checkpoint.geometry
        self.weights = network.initial_weights(checkpoint, 3, seed=0)
        for weight in network.trainable(self.weights).values():
            weight.requires_grad_()
        self._network = network.ElasticNetwork(checkpoint.architecture, checkpoint.geometry)

    def logits(self, width: int = TINY.heads) -> Any:  # noqa: ANN401 - a tensor
        return self._network.logits(self.weights, BATCH, (2,), width)[0]

    def rewire(self) -> None:
        importance = rewire.Importance(TINY.layers, self.geometry)
        self.logits().sum().backward()
        importance.add(self.weights)
        importance.rewire(self.weights)


def test_the_whole_model_answers_as_before(tmp_path: Path) -> None:
    model = Model(tmp_path)
    before = model.logits().detach().numpy()
    weights = model.weights["layers.0.ffn_in"].detach().numpy().copy()
    model.rewire()
    np.testing.assert_allclose(model.logits().detach().numpy(), before, rtol=1e-4, atol=1e-5)
    assert not np.array_equal(model.weights["layers.0.ffn_in"].detach().numpy(), weights)


def test_a_neuron_that_does_nothing_goes_to_the_end(tmp_path: Path) -> None:
    model = Model(tmp_path)
    with torch.no_grad():
        model.weights["layers.1.ffn_out"][0] = 0
    model.rewire()
    outgoing = model.weights["layers.1.ffn_out"].detach().numpy()
    assert not outgoing[-1].any()
    assert outgoing[0].any()


def test_a_head_that_does_nothing_goes_to_the_end(tmp_path: Path) -> None:
    model = Model(tmp_path)
    size = TINY.hidden // TINY.heads
    with torch.no_grad():
        model.weights["layers.0.attention_output"][:size] = 0
    query = model.weights["layers.0.query"][:size].detach().numpy().copy()
    bias = model.weights["layers.0.query_bias"][:size].detach().numpy().copy()
    model.rewire()
    assert not model.weights["layers.0.attention_output"][-size:].detach().numpy().any()
    np.testing.assert_array_equal(model.weights["layers.0.query"][-size:].detach().numpy(), query)
    np.testing.assert_array_equal(
        model.weights["layers.0.query_bias"][-size:].detach().numpy(), bias
    )
