"""Shards as bytes (docs/formats/shard-store.md, "One shard")."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from shard_builder.quantize.pack import pack_codes
from shard_builder.slicing import cut_slice
from shard_runtime.weights import FULL_PRECISION_BITS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shard_builder.quantize.quantised import QuantisedShard, Quantiser, WholeLayer
    from shard_runtime.weights import Matrices

EncodedLayer = dict[int, list[bytes]]
"""Bitwidth -> the encoded shards of a layer, slice by slice."""


def encode_layer(
    layer: WholeLayer, *, bitwidths: Sequence[int], quantiser: Quantiser
) -> EncodedLayer:
    """Encode every slice of a layer at every bitwidth, 32 bit without the quantiser."""
    tables = [bits for bits in bitwidths if bits != FULL_PRECISION_BITS]
    encoded: EncodedLayer = {bits: [] for bits in bitwidths}
    for quantised in quantiser(layer, tables):
        for bits in tables:
            encoded[bits].append(encode_quantised(quantised[bits], bits))
    if FULL_PRECISION_BITS in encoded:
        encoded[FULL_PRECISION_BITS] = [
            encode_exact(cut_slice(layer.matrices, index, layer.slices))
            for index in range(layer.slices)
        ]
    return encoded


def encode_exact(shard: Matrices) -> bytes:
    """The six matrices as little-endian float32, back to back."""
    return b"".join(matrix.astype("<f4", copy=False).tobytes() for matrix in shard)


def encode_quantised(shard: QuantisedShard, bits: int) -> bytes:
    """Six outlier counts, then for each matrix its table, outliers and packed codes."""
    counts = np.array([matrix.outlier_positions.size for matrix in shard], dtype="<u4")
    parts = [counts.tobytes()]
    for matrix in shard:
        parts.append(matrix.table.astype("<f4", copy=False).tobytes())
        parts.append(matrix.outlier_positions.astype("<u4", copy=False).tobytes())
        parts.append(matrix.outlier_values.astype("<f4", copy=False).tobytes())
        parts.append(pack_codes(matrix.codes, bits))
    return b"".join(parts)
