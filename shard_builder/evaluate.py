"""How far a choice of shards takes the model's output from full precision, on unlabelled text."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from shard_builder.importance.distance import metric_of
from shard_builder.importance.tokens import tokenise
from shard_runtime.engine import LayerBiases, LayerWeights, load_engine
from shard_runtime.executor import uniform_layers
from shard_runtime.weights import LayerBuffer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plan_contracts import PlannedLayer
    from shard_runtime.store import ShardStore
    from shard_runtime.weights import FloatArray


class Score(NamedTuple):
    """Mean over the sentences and its standard error, in the unit of the importance table."""

    mean: float
    standard_error: float


class Evaluator:
    """Scores choices of shards of one store on the same sentences; nothing is paced or timed."""

    def __init__(
        self, store: ShardStore, sentences: Sequence[str], *, sequence_length: int
    ) -> None:
        self._store = store
        self._tokens = tokenise(store, sentences, sequence_length)
        self._engine = load_engine("numpy", store)
        self._distance = metric_of(store.architecture).distance
        highest = store.manifest.bitwidths[-1]
        self._reference = self.output(uniform_layers(store.manifest, highest))

    def score(self, layers: Sequence[PlannedLayer]) -> Score:
        """Negative distance to the full model's output at the highest bitwidth."""
        distances = self._distance(self._reference, self.output(layers))
        spread = np.std(distances, ddof=1) if len(distances) > 1 else 0.0
        return Score(
            mean=float(0.0 - distances.mean()),
            standard_error=float(spread / np.sqrt(len(distances))),
        )

    def output(self, layers: Sequence[PlannedLayer]) -> FloatArray:
        """(sentences, outputs) of the model made of these shards."""
        hidden = self._engine.embed(self._tokens.ids, self._tokens.mask)
        for layer in layers:
            hidden = self._engine.layer(hidden, self._tokens.mask, self._weights(layer))
        return self._engine.head(hidden, self._tokens.mask)

    def _weights(self, layer: PlannedLayer) -> LayerWeights:
        store = self._store
        buffer = LayerBuffer(store.shape, len(layer.shards))
        for position, shard in enumerate(layer.shards):
            encoded = store.read_encoded(layer.layer, shard.slice, shard.bits)
            self._engine.decode(encoded, shard.bits, buffer.shard(position))
        slices = [shard.slice for shard in layer.shards]
        biases = LayerBiases.of(store.resident, layer.layer, slices, store.shape)
        return LayerWeights(matrices=buffer.matrices, biases=biases)
