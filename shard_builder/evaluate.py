"""What a choice of shards answers, and how far that is from full precision; nothing is timed."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from shard_builder.importance.distance import metric_of
from shard_builder.progress import Progress, silent
from shard_runtime.engine import LayerBiases, LayerWeights
from shard_runtime.executor import uniform_layers
from shard_runtime.weights import LayerBuffer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plan_contracts import PlannedLayer
    from shard_builder.importance.distance import Distances
    from shard_builder.inputs import Inputs
    from shard_runtime.engine import Engine
    from shard_runtime.store import ShardStore
    from shard_runtime.weights import FloatArray


class Score(NamedTuple):
    """Mean over the texts and its standard error, in the unit of the importance table."""

    mean: float
    standard_error: float


class Evaluator:
    """Answers of choices of shards of one store to the same inputs.

    On inputs one by one, and as many BLAS threads, answers are the runtime's bit for bit: the
    same engine gets the same weights in the same shapes. `progress` counts batches.
    """

    def __init__(
        self, store: ShardStore, inputs: Inputs, engine: Engine, *, progress: Progress = silent
    ) -> None:
        self._store = store
        self._inputs = inputs
        self._engine = engine
        self._progress = progress
        self._metric = metric_of(store.architecture)

    @cached_property
    def reference(self) -> FloatArray:
        """(texts, outputs) of the full model at the highest bitwidth."""
        manifest = self._store.manifest
        return self.outputs(uniform_layers(manifest, manifest.bitwidths[-1]))

    def score(self, layers: Sequence[PlannedLayer]) -> Score:
        """Negative distance to the full model's outputs."""
        return score_of(self.distances(self.outputs(layers)))

    def distances(self, outputs: FloatArray) -> Distances:
        """(texts,) distances of these outputs to the full model's."""
        return self._metric.distance(self.reference, outputs)

    def outputs(self, layers: Sequence[PlannedLayer]) -> FloatArray:
        """(texts, outputs) of the model made of these shards; all of it is held decoded."""
        weights = [self._weights(layer) for layer in layers]
        rows: list[FloatArray] = []
        for tokens in self._inputs.batches:
            hidden = self._engine.embed(tokens.ids, tokens.mask)
            for layer in weights:
                hidden = self._engine.layer(hidden, tokens.mask, layer)
            rows.append(self._engine.head(hidden, tokens.mask))
            self._progress(len(rows), len(self._inputs.batches))
        return np.concatenate(rows)[self._inputs.rows]

    def _weights(self, layer: PlannedLayer) -> LayerWeights:
        store = self._store
        buffer = LayerBuffer(store.shape, len(layer.shards))
        for position, shard in enumerate(layer.shards):
            encoded = store.read_encoded(layer.layer, shard.slice, shard.bits)
            self._engine.decode(encoded, shard.bits, buffer.shard(position))
        slices = [shard.slice for shard in layer.shards]
        biases = LayerBiases.of(store.resident, layer.layer, slices, store.shape)
        return LayerWeights(matrices=buffer.matrices, biases=biases)


def score_of(distances: Distances) -> Score:
    """Negative mean of the distances; the standard error of a single one is taken as 0."""
    spread = np.std(distances, ddof=1) if len(distances) > 1 else 0.0
    return Score(
        mean=float(0.0 - distances.mean()),
        standard_error=float(spread / np.sqrt(len(distances))),
    )
