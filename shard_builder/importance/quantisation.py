"""How far the outputs of each shard are off at each bitwidth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from shard_builder.decoded import decode_layer
from shard_builder.moments import weighted_error
from shard_builder.slicing import cut_slice

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from shard_builder.moments import Moments
    from shard_runtime.engine import Engine
    from shard_runtime.store import ShardStore


def quantisation_errors(
    store: ShardStore, engine: Engine, moments: Moments
) -> dict[int, NDArray[np.float64]]:
    """Squared error of every shard's outputs against the store's highest bitwidth.

    On inputs of these second moments, summed over the shard's matrices. Bitwidth -> layers x
    slices, rising bitwidths; the highest has no error.
    """
    manifest = store.manifest
    errors = {bits: np.zeros((manifest.layers, manifest.slices)) for bits in manifest.bitwidths}
    highest = manifest.bitwidths[-1]
    for layer in range(manifest.layers):
        exact = decode_layer(store, engine, layer, highest)
        of_slices = [moments.shard(layer, index) for index in range(manifest.slices)]
        for bits in manifest.bitwidths[:-1]:
            coarse = decode_layer(store, engine, layer, bits)
            errors[bits][layer] = [
                weighted_error(
                    cut_slice(exact, index, manifest.slices),
                    cut_slice(coarse, index, manifest.slices),
                    of_slice,
                )
                for index, of_slice in enumerate(of_slices)
            ]
    return errors
