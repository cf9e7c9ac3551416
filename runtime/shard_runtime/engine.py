"""What computes a model: the interface, one layer's weights, and the choice of an engine."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal, Protocol, get_args

import numpy as np

from shard_runtime.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from shard_runtime.store import ShardStore
    from shard_runtime.weights import FloatArray, Matrices, ShardShape

EngineName = Literal["auto", "numpy", "numba"]
ENGINE_NAMES = get_args(EngineName)


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerBiases:
    """Biases and norms of one layer for its chosen slices, float32.

    query, key, value: (m * head_dim,); ffn_in: (m * ffn / M,); the others (hidden,).
    """

    query: FloatArray
    key: FloatArray
    value: FloatArray
    attention_output: FloatArray
    attention_norm_weight: FloatArray
    attention_norm_bias: FloatArray
    ffn_in: FloatArray
    ffn_out: FloatArray
    output_norm_weight: FloatArray
    output_norm_bias: FloatArray

    @classmethod
    def of(
        cls,
        resident: Mapping[str, FloatArray],
        layer: int,
        slices: Sequence[int],
        shape: ShardShape,
    ) -> LayerBiases:
        """Cut the resident biases of a layer to the slices, in their order."""
        tensors = {
            name.removeprefix(f"layers.{layer}."): tensor
            for name, tensor in resident.items()
            if name.startswith(f"layers.{layer}.")
        }

        def cut(name: str, rows: int) -> FloatArray:
            return np.concatenate([tensors[name][s * rows : (s + 1) * rows] for s in slices])

        return cls(
            query=cut("query_bias", shape.head_dim),
            key=cut("key_bias", shape.head_dim),
            value=cut("value_bias", shape.head_dim),
            attention_output=tensors["attention_output_bias"],
            attention_norm_weight=tensors["attention_norm.weight"],
            attention_norm_bias=tensors["attention_norm.bias"],
            ffn_in=cut("ffn_in_bias", shape.neurons),
            ffn_out=tensors["ffn_out_bias"],
            output_norm_weight=tensors["output_norm.weight"],
            output_norm_bias=tensors["output_norm.bias"],
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerWeights:
    """All weights of one layer of width m: its six matrices, (rows, hidden), and its biases."""

    matrices: Matrices
    biases: LayerBiases


class Engine(Protocol):
    """A float32 forward pass of the BERT family, from decoded shards.

    Shapes: B inputs of S tokens, hidden size H. Arrays that are returned are new and arguments
    are not changed; working arrays are kept between calls, so one engine serves one thread.
    """

    @property
    def nbytes(self) -> int:
        """Bytes of working arrays, grown to the largest input seen."""
        ...

    def decode(self, encoded: bytes | memoryview, bits: int, out: Matrices) -> None:
        """Decode one shard into its row blocks."""
        ...

    def embed(self, token_ids: NDArray[np.int64], attention_mask: NDArray[np.bool_]) -> FloatArray:
        """(B, S) token ids and mask -> (B, S, H); InputError if they do not fit the model."""
        ...

    def layer(
        self, hidden: FloatArray, attention_mask: NDArray[np.bool_], weights: LayerWeights
    ) -> FloatArray:
        """One transformer layer, (B, S, H) -> (B, S, H)."""
        ...

    def head(self, hidden: FloatArray, attention_mask: NDArray[np.bool_]) -> FloatArray:
        """(B, S, H) -> (B, H) embeddings or (B, labels) logits."""
        ...


def load_engine(name: EngineName, store: ShardStore) -> Engine:
    """The engine of that name; `auto` takes numba where it is installed.

    InputError if the name is unknown or numba is asked for and missing.
    """
    if name not in ENGINE_NAMES:
        message = f"engine must be one of {', '.join(ENGINE_NAMES)}, got {name!r}"
        raise InputError(message)
    has_numba = find_spec("numba") is not None
    if name == "numba" and not has_numba:
        message = "engine numba needs the extra: pip install 'shardstream-runtime[fast]'"
        raise InputError(message)
    if name == "numpy" or not has_numba:
        from shard_runtime.engine_numpy import NumpyEngine  # noqa: PLC0415 - load only one engine

        return NumpyEngine(store.architecture, store.shape, store.resident)
    from shard_runtime.engine_numba import NumbaEngine  # noqa: PLC0415 - numba is an extra

    return NumbaEngine(store.architecture, store.shape, store.resident)
