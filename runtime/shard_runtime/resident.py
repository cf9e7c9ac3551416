"""The resident part of a store: a safetensors file, read with numpy alone.

Layout (safetensors format): 8 bytes little-endian header length, a JSON header of tensor name ->
dtype, shape, [begin, end) in the data, then the data.
"""

from __future__ import annotations

import hashlib
import json
import math
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from shard_runtime.errors import StoreError
from shard_runtime.weights import FLOAT_BYTES, FloatArray

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from plan_contracts import Architecture, ModelManifest, StoredFile, StoreIndex
    from shard_runtime.weights import ByteArray

LENGTH_BYTES = 8
LAYER_TENSORS = (
    "query_bias",
    "key_bias",
    "value_bias",
    "attention_output_bias",
    "attention_norm.weight",
    "attention_norm.bias",
    "ffn_out_bias",
    "output_norm.weight",
    "output_norm.bias",
)
"""Tensors of a layer with one number for each of the hidden width."""

Shapes = dict[str, tuple[int, ...]]
LARGEST_HEADER_BYTES = 100_000_000
"""The format's own limit."""


def read_resident(folder: Path, stored: StoredFile) -> dict[str, FloatArray]:
    """All tensors of the file, as views of one buffer; StoreError if it is not what is stored."""
    path = folder / stored.file
    with path.open("rb") as file:
        length_field = file.read(LENGTH_BYTES)
        length = _header_length(path, length_field, stored.bytes)
        header = file.read(length)
        data = np.fromfile(file, dtype=np.uint8)
    digest = hashlib.sha256(length_field + header)
    digest.update(data.data)
    if f"sha256:{digest.hexdigest()}" != stored.sha256:
        message = f"{path}: digest must be {stored.sha256}, got sha256:{digest.hexdigest()}"
        raise StoreError(message)
    return _tensors(path, header, data)


def require_tensors(
    folder: Path, tensors: Mapping[str, FloatArray], manifest: ModelManifest, index: StoreIndex
) -> None:
    """StoreError unless every tensor that the forward pass needs is there, in its shape."""
    needed = _embeddings(manifest, index.architecture) | _layers(manifest)
    if index.architecture.head == "classifier":
        needed |= _head(manifest, index.architecture)
    for name, shape in needed.items():
        found = tensors[name].shape if name in tensors else None
        if found != shape:
            message = f"{folder}: resident tensor {name} must have shape {shape}, got {found}"
            raise StoreError(message)


def _embeddings(manifest: ModelManifest, architecture: Architecture) -> Shapes:
    hidden = manifest.geometry.hidden
    shapes: Shapes = {
        "embeddings.word": (architecture.vocabulary, hidden),
        "embeddings.position": (architecture.maximum_positions, hidden),
        "embeddings.norm.weight": (hidden,),
        "embeddings.norm.bias": (hidden,),
    }
    if architecture.token_types:
        shapes["embeddings.token_type"] = (architecture.token_types, hidden)
    return shapes


def _layers(manifest: ModelManifest) -> Shapes:
    hidden, ffn = manifest.geometry.hidden, manifest.geometry.ffn
    names = {**dict.fromkeys(LAYER_TENSORS, hidden), "ffn_in_bias": ffn}
    return {
        f"layers.{layer}.{name}": (size,)
        for layer in range(manifest.layers)
        for name, size in names.items()
    }


def _head(manifest: ModelManifest, architecture: Architecture) -> Shapes:
    hidden, labels = manifest.geometry.hidden, len(architecture.labels)
    return {
        "head.dense.weight": (hidden, hidden),
        "head.dense.bias": (hidden,),
        "head.output.weight": (labels, hidden),
        "head.output.bias": (labels,),
    }


def _header_length(path: Path, field: bytes, file_bytes: int) -> int:
    length = int.from_bytes(field, "little")
    largest = min(file_bytes - LENGTH_BYTES, LARGEST_HEADER_BYTES)
    if len(field) < LENGTH_BYTES or length > largest:
        message = f"{path}: the header's length must be at most {largest}, got {length}"
        raise StoreError(message)
    return length


def _tensors(path: Path, header: bytes, data: ByteArray) -> dict[str, FloatArray]:
    try:
        entries = cast("dict[str, Any]", json.loads(header))
        return {
            name: _tensor(name, entry, data)
            for name, entry in entries.items()
            if name != "__metadata__"
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        message = f"{path}: not a safetensors header ({error})"
        raise StoreError(message) from error


def _tensor(name: str, entry: dict[str, Any], data: ByteArray) -> FloatArray:
    begin, end = entry["data_offsets"]
    shape = tuple(entry["shape"])
    size = math.prod(shape) * FLOAT_BYTES
    if entry["dtype"] != "F32" or end - begin != size or not 0 <= begin <= end <= data.size:
        message = (
            f"{name} must be F32 with {size} bytes for shape {list(shape)} within "
            f"{data.size} bytes of data, got {entry['dtype']} at [{begin}, {end})"
        )
        raise ValueError(message)
    return data[begin:end].view("<f4").reshape(shape)
