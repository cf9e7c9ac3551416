"""A store's shards as the checkpoint they were cut from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shard_builder.checkpoint import Checkpoint
from shard_builder.decoded import decode_layer
from shard_builder.errors import CheckpointError
from shard_runtime.engine import load_engine
from shard_runtime.weights import FULL_PRECISION_BITS

if TYPE_CHECKING:
    from shard_runtime.store import ShardStore


def stored_checkpoint(store: ShardStore, bits: int = FULL_PRECISION_BITS) -> Checkpoint:
    """All weights of a store at one bitwidth; CheckpointError if it does not have it."""
    manifest, index = store.manifest, store.index
    if bits not in manifest.bitwidths:
        message = (
            f"{store.folder}: the store must have shards at {bits} bit, "
            f"got {list(manifest.bitwidths)}"
        )
        raise CheckpointError(message)
    engine = load_engine("numpy", store)
    return Checkpoint(
        model=manifest.model,
        architecture=store.architecture,
        geometry=manifest.geometry,
        layers=tuple(decode_layer(store, engine, layer, bits) for layer in range(manifest.layers)),
        resident=store.resident,
        tokenizer=store.folder / index.tokenizer.file if index.tokenizer else None,
    )
