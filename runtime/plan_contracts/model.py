"""ModelManifest: a model cut into layers x slices, every shard at several bitwidths."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from plan_contracts.device import Geometry
from plan_contracts.document import Document, Part
from plan_contracts.errors import DigestMismatchError
from plan_contracts.units import (
    Bitwidth,
    BitwidthKey,
    Bytes,
    Count,
    FileName,
    Positive,
    PositiveBytes,
    Sha256,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

ShardTable = tuple[tuple[PositiveBytes, ...], ...]
SliceSelection = Literal["any", "prefix"]
Activation = Literal["gelu", "gelu_tanh", "relu"]
HeadKind = Literal["mean_embedding", "cls_embedding", "classifier"]


class StoredRange(Part):
    """Where one shard at one bitwidth lies: a byte range of a file and its digest."""

    file: FileName
    offset: Bytes
    length: PositiveBytes
    sha256: Sha256


class StoredFile(Part):
    """A whole file of the store."""

    file: FileName
    bytes: PositiveBytes
    sha256: Sha256


class Architecture(Part):
    """What a runtime must know beyond the geometry to run the model.

    `family` names the checkpoint layout it came from; `position_offset` is the row of the
    position table that the first token uses.
    """

    family: Literal["bert", "roberta", "distilbert"]
    vocabulary: Positive
    maximum_positions: Positive
    position_offset: Count = 0
    token_types: Count = 0
    layer_norm_epsilon: Annotated[float, Field(gt=0)]
    activation: Activation
    pad_token: Count = 0
    head: HeadKind
    normalise: bool = False
    labels: tuple[str, ...] = ()


class StoreIndex(Part):
    """Where everything of a shard store lies (docs/formats/shard-store.md).

    `quantiser` names how weights were rounded, `calibration` the text it was done on, if any.
    """

    format: Literal["shardstream-store-1"] = "shardstream-store-1"
    quantiser: str
    calibration: str | None = None
    architecture: Architecture
    resident: StoredFile
    tokenizer: StoredFile | None = None
    shards: dict[BitwidthKey, tuple[tuple[StoredRange, ...], ...]]


class ModelManifest(Document):
    """Layers, slices, bitwidths and bytes of a sharded model, and where its shards lie.

    `shard_bytes[b][layer][slice]` is the encoded size. Depth n means the first n layers; width m
    means m slices in every layer: slices 0..m-1 under `prefix`, any m of them, layer by layer,
    under `any`. `resident_bytes` (embeddings, norms, biases, head) stay in memory throughout.
    """

    model: Annotated[str, Field(min_length=1)]
    digest: Sha256 | None = None
    layers: Positive
    slices: Positive
    geometry: Geometry
    bitwidths: Annotated[tuple[Bitwidth, ...], Field(min_length=1)]
    shard_bytes: dict[BitwidthKey, ShardTable]
    resident_bytes: Bytes
    decoded_shard_bytes: Bytes
    slice_selection: SliceSelection
    depths: Annotated[tuple[Positive, ...], Field(min_length=1)]
    widths: Annotated[tuple[Positive, ...], Field(min_length=1)]
    store: StoreIndex | None = None

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        require_increasing("bitwidths", self.bitwidths)
        require_increasing("depths", self.depths)
        require_increasing("widths", self.widths)
        _require_at_most("depths", self.depths, self.layers)
        _require_at_most("widths", self.widths, self.slices)
        require_bitwidths("shard_bytes", self.shard_bytes, self.bitwidths)
        for bits, table in self.shard_bytes.items():
            require_shape(f"shard_bytes.{bits}", table, self.layers, self.slices)
        if self.store is not None:
            self._check_index(self.store)
        return self

    def _check_index(self, store: StoreIndex) -> None:
        require_bitwidths("store.shards", store.shards, self.bitwidths)
        for bits, table in store.shards.items():
            require_shape(f"store.shards.{bits}", table, self.layers, self.slices)
            for layer, (ranges, sizes) in enumerate(
                zip(table, self.shard_bytes[bits], strict=True)
            ):
                for index, (stored, size) in enumerate(zip(ranges, sizes, strict=True)):
                    if stored.length != size:
                        message = (
                            f"store.shards.{bits}.{layer}.{index}.length must equal "
                            f"shard_bytes {size}, got {stored.length}"
                        )
                        raise ValueError(message)

    def computed_digest(self) -> str:
        """Digest of the manifest with `digest` absent."""
        return self.content_digest(leave_out=frozenset({"digest"}))

    def sealed(self) -> Self:
        """The manifest with its digest filled in; DigestMismatchError if it has another."""
        digest = self.computed_digest()
        if self.digest is not None and self.digest != digest:
            message = f"manifest of {self.model!r}: digest must be {digest}, got {self.digest}"
            raise DigestMismatchError(message)
        return self.model_copy(update={"digest": digest})


def require_increasing(name: str, values: tuple[int, ...]) -> None:
    """ValueError unless the values rise strictly."""
    if any(low >= high for low, high in pairwise(values)):
        message = f"{name} must rise strictly, got {list(values)}"
        raise ValueError(message)


def _require_at_most(name: str, values: tuple[int, ...], largest: int) -> None:
    if values[-1] > largest:
        message = f"{name} must be at most {largest}, got {values[-1]}"
        raise ValueError(message)


def require_bitwidths(name: str, table: Mapping[int, object], bitwidths: tuple[int, ...]) -> None:
    """ValueError unless the table has exactly these bitwidths as keys."""
    if sorted(table) != list(bitwidths):
        message = f"{name} must have the bitwidths {list(bitwidths)}, got {sorted(table)}"
        raise ValueError(message)


def require_shape(
    name: str, table: tuple[tuple[object, ...], ...], layers: int, slices: int
) -> None:
    """ValueError unless the table has `layers` rows of `slices` entries."""
    if len(table) != layers:
        message = f"{name} must have {layers} rows, one a layer, got {len(table)}"
        raise ValueError(message)
    for layer, row in enumerate(table):
        if len(row) != slices:
            message = f"{name}.{layer} must have {slices} entries, one a slice, got {len(row)}"
            raise ValueError(message)
