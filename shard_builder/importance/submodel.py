"""Runs a stored model with some of its shards at other bitwidths, layer by layer."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING, NamedTuple

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


class Size(NamedTuple):
    """Depth and width of a submodel: its first layers, and the first slices of each."""

    depth: int
    width: int

    @property
    def shards(self) -> int:
        """How many shards it has."""
        return self.depth * self.width

    def __str__(self) -> str:
        """As in `4 x 6`."""
        return f"{self.depth} x {self.width}"


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

    def uniform(self, batch: int, bits: int, size: Size) -> FloatArray:
        """Output with every shard at one bitwidth."""
        return self._head(batch, self._states(batch, bits, size.width)[size.depth])

    def with_one_changed(
        self, batch: int, bits: int, size: Size, shard: tuple[int, int], changed: int
    ) -> FloatArray:
        """Output with every shard at `bits` but one, (layer, slice), at `changed` bits."""
        layer, index = shard
        matrices = Matrices(*(matrix.copy() for matrix in self._first(layer, bits, size.width)))
        for target, source in zip(matrices, self._decoded(layer, changed), strict=True):
            slice_rows(target, index, size.width)[:] = slice_rows(source, index, self._slices)
        hidden = self._states(batch, bits, size.width)[layer]
        hidden = self._run_layer(batch, hidden, layer, matrices, range(size.width))
        for later in range(layer + 1, size.depth):
            hidden = self._run_first(batch, hidden, later, bits, size.width)
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

    def _uniform_states(self, batch: int, bits: int, width: int) -> list[FloatArray]:
        """The states that enter layer 0, 1, …, and those that leave the last."""
        states = [self._embedded(batch)]
        for layer in range(self._layers):
            states.append(self._run_first(batch, states[-1], layer, bits, width))
        return states

    def _embedded(self, batch: int) -> FloatArray:
        tokens = self._batches[batch]
        return self._engine.embed(tokens.ids, tokens.mask)

    def _first(self, layer: int, bits: int, width: int) -> Matrices:
        """The first slices of a layer, as views."""
        decoded = self._decoded(layer, bits)
        return Matrices(*(matrix[: len(matrix) // self._slices * width] for matrix in decoded))

    def _run_first(
        self, batch: int, hidden: FloatArray, layer: int, bits: int, width: int
    ) -> FloatArray:
        matrices = self._first(layer, bits, width)
        return self._run_layer(batch, hidden, layer, matrices, range(width))

    def _run_layer(
        self,
        batch: int,
        hidden: FloatArray,
        layer: int,
        matrices: Matrices,
        chosen: Sequence[int],
    ) -> FloatArray:
        biases = LayerBiases.of(self._store.resident, layer, chosen, self._store.shape)
        weights = LayerWeights(matrices=matrices, biases=biases)
        return self._engine.layer(hidden, self._batches[batch].mask, weights)

    def _head(self, batch: int, hidden: FloatArray) -> FloatArray:
        return self._engine.head(hidden, self._batches[batch].mask)
