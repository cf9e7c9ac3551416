"""Whole layers of a store, decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shard_runtime.weights import LayerBuffer

if TYPE_CHECKING:
    from shard_runtime.engine import Engine
    from shard_runtime.store import ShardStore
    from shard_runtime.weights import Matrices


def decode_layer(store: ShardStore, engine: Engine, layer: int, bits: int) -> Matrices:
    """All slices of a layer at one bitwidth, read and decoded into one set of matrices."""
    buffer = LayerBuffer(store.shape, store.manifest.slices)
    for index in range(store.manifest.slices):
        engine.decode(store.read_encoded(layer, index, bits), bits, buffer.shard(index))
    return buffer.matrices
