"""Whole layers of a store, decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from shard_builder.slicing import slice_rows
from shard_runtime.weights import LayerBuffer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shard_runtime.engine import Engine
    from shard_runtime.store import ShardStore
    from shard_runtime.weights import Matrices


def decode_layer(store: ShardStore, engine: Engine, layer: int, bits: int) -> Matrices:
    """All slices of a layer at one bitwidth, read and decoded into one set of matrices."""
    buffer = LayerBuffer(store.shape, store.manifest.slices)
    for index in range(store.manifest.slices):
        engine.decode(store.read_encoded(layer, index, bits), bits, buffer.shard(index))
    return buffer.matrices


def quantisation_errors(store: ShardStore, engine: Engine) -> dict[int, NDArray[np.float64]]:
    """Squared error of every shard's weights against the store's highest bitwidth.

    Bitwidth -> layers x slices, rising bitwidths; the highest has no error.
    """
    manifest = store.manifest
    errors = {bits: np.zeros((manifest.layers, manifest.slices)) for bits in manifest.bitwidths}
    highest = manifest.bitwidths[-1]
    for layer in range(manifest.layers):
        exact = decode_layer(store, engine, layer, highest)
        for bits in manifest.bitwidths[:-1]:
            coarse = decode_layer(store, engine, layer, bits)
            errors[bits][layer] = _squared_error_by_slice(exact, coarse, manifest.slices)
    return errors


def _squared_error_by_slice(exact: Matrices, coarse: Matrices, slices: int) -> list[float]:
    squares = [np.square(left - right) for left, right in zip(exact, coarse, strict=True)]
    return [
        sum(float(slice_rows(square, index, slices).sum(dtype=np.float64)) for square in squares)
        for index in range(slices)
    ]
