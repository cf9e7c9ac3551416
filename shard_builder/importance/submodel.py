"""Runs a stored model with some of its shards at other bitwidths, layer by layer."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING

import numpy as np

from shard_builder.decoded import decode_layer
from shard_builder.slicing import slice_rows
from shard_runtime.engine import LayerBiases, LayerWeights
from shard_runtime.weights import Matrices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shard_runtime.engine import Engine
    from shard_runtime.store import ShardStore
    from shard_runtime.tokens import Tokens
    from shard_runtime.weights import FloatArray

MODELS_KEPT = 2
"""Bitwidths at which the whole model is kept decoded: the one under test and one beside it."""


class Submodel:
    """Batches of tokens through variants of the model.

    Kept between calls: decoded layers of two bitwidths, and for the last uniform run the states
    that enter every layer, so that a change in layer l is computed from l on.
    """

    def __init__(self, store: ShardStore, engine: Engine, batches: Sequence[Tokens]) -> None:
        self._store = store
        self._engine = engine
        self._batches = batches
        self._layers = store.manifest.layers
        self._slices = store.manifest.slices
        kept = lru_cache(maxsize=MODELS_KEPT * self._layers)
        self._decoded = kept(partial(decode_layer, store, engine))
        self._states = lru_cache(maxsize=1)(self._uniform_states)

    def uniform(self, batch: int, bits: int) -> FloatArray:
        """Output of the whole model with every shard at one bitwidth."""
        return self._head(batch, self._states(batch, bits)[-1])

    def with_one_changed(
        self, batch: int, bits: int, layer: int, index: int, changed: int
    ) -> FloatArray:
        """Output with every shard at `bits` but one at `changed` bits."""
        matrices = Matrices(*(matrix.copy() for matrix in self._decoded(layer, bits)))
        for target, source in zip(matrices, self._decoded(layer, changed), strict=True):
            slice_rows(target, index, self._slices)[:] = slice_rows(source, index, self._slices)
        hidden = self._states(batch, bits)[layer]
        hidden = self._run_layer(batch, hidden, layer, matrices)
        for later in range(layer + 1, self._layers):
            hidden = self._run_layer(batch, hidden, later, self._decoded(later, bits))
        return self._head(batch, hidden)

    def by_depth(self, batch: int, bits: int, slices: Sequence[Sequence[int]]) -> list[FloatArray]:
        """Outputs after 1, 2, … layers, of only these slices of each layer."""
        hidden = self._embedded(batch)
        outputs: list[FloatArray] = []
        for layer, chosen in enumerate(slices):
            matrices = Matrices(
                *(self._pick(matrix, chosen) for matrix in self._decoded(layer, bits))
            )
            hidden = self._run_layer(batch, hidden, layer, matrices, chosen)
            outputs.append(self._head(batch, hidden))
        return outputs

    def _pick(self, matrix: FloatArray, chosen: Sequence[int]) -> FloatArray:
        return np.concatenate([slice_rows(matrix, index, self._slices) for index in chosen])

    def _uniform_states(self, batch: int, bits: int) -> list[FloatArray]:
        """The states that enter layer 0, 1, …, and those that leave the last."""
        states = [self._embedded(batch)]
        for layer in range(self._layers):
            states.append(self._run_layer(batch, states[-1], layer, self._decoded(layer, bits)))
        return states

    def _embedded(self, batch: int) -> FloatArray:
        tokens = self._batches[batch]
        return self._engine.embed(tokens.ids, tokens.mask)

    def _run_layer(
        self,
        batch: int,
        hidden: FloatArray,
        layer: int,
        matrices: Matrices,
        chosen: Sequence[int] | None = None,
    ) -> FloatArray:
        slices = range(self._slices) if chosen is None else chosen
        biases = LayerBiases.of(self._store.resident, layer, slices, self._store.shape)
        weights = LayerWeights(matrices=matrices, biases=biases)
        return self._engine.layer(hidden, self._batches[batch].mask, weights)

    def _head(self, batch: int, hidden: FloatArray) -> FloatArray:
        return self._engine.head(hidden, self._batches[batch].mask)
