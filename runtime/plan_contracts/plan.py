"""Plan: everything a runtime needs to run, in one self-contained, content-addressed document."""

from __future__ import annotations

from itertools import zip_longest
from typing import Self

from pydantic import model_validator

from plan_contracts.document import Document, Part
from plan_contracts.errors import DigestMismatchError
from plan_contracts.request import Policy, Target
from plan_contracts.units import (
    Bitwidth,
    Bytes,
    Count,
    FileName,
    Microseconds,
    Positive,
    PositiveBytes,
    Sha256,
)


class PlannedShard(Part):
    """One chosen shard of a layer."""

    slice: Count
    bits: Bitwidth
    bytes: PositiveBytes
    preload: bool


class PlannedLayer(Part):
    """The chosen shards of one layer, by slice."""

    layer: Count
    shards: tuple[PlannedShard, ...]


class ShardRead(Part):
    """One read; file, offset and sha256 are null when the manifest has no store index."""

    layer: Count
    slice: Count
    bits: Bitwidth
    file: FileName | None = None
    offset: Bytes | None = None
    bytes: PositiveBytes
    sha256: Sha256 | None = None


class LayerTimes(Part):
    """When a layer's reads and its decode + compute start and end, from the first read's issue.

    A layer without streamed shards has io_start_us = io_end_us = the end of the reads before it.
    """

    io_start_us: Microseconds
    io_end_us: Microseconds
    compute_start_us: Microseconds
    compute_end_us: Microseconds


class Prediction(Part):
    """What the optimiser says of its plan; `objective` is in the importance table's unit."""

    latency_us: Microseconds
    objective: float
    peak_memory_bytes: Bytes
    layers: tuple[LayerTimes, ...]


class PlanProvenance(Part):
    """What made the plan."""

    policy: Policy
    planner_version: str
    seed: Count
    truncated: bool


class Plan(Document):
    """A plan; `reads` one for each streamed shard by (layer, slice), `preload_reads` untimed."""

    id: Sha256 | None = None
    model: str
    model_digest: Sha256
    device: str
    device_digest: Sha256
    importance_digest: Sha256
    target: Target
    depth: Positive
    width: Positive
    layers: tuple[PlannedLayer, ...]
    reads: tuple[ShardRead, ...]
    preload_reads: tuple[ShardRead, ...]
    predicted: Prediction
    provenance: PlanProvenance

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        found = [layer.layer for layer in self.layers]
        if len(found) != self.depth or found != list(range(self.depth)):
            message = f"layers must be 0..{self.depth - 1} in order, got {found}"
            raise ValueError(message)
        for layer in self.layers:
            slices = [shard.slice for shard in layer.shards]
            if len(slices) != self.width or slices != sorted(set(slices)):
                message = (
                    f"layers.{layer.layer}.shards must be {self.width} different slices in "
                    f"order, got {slices}"
                )
                raise ValueError(message)
        _require_reads("reads", self.reads, self._expected(preload=False))
        _require_reads("preload_reads", self.preload_reads, self._expected(preload=True))
        if len(self.predicted.layers) != self.depth:
            message = (
                f"predicted.layers must have {self.depth} entries, got {len(self.predicted.layers)}"
            )
            raise ValueError(message)
        return self

    def _expected(self, *, preload: bool) -> list[tuple[int, int, int, int]]:
        return [
            (layer.layer, shard.slice, shard.bits, shard.bytes)
            for layer in self.layers
            for shard in layer.shards
            if shard.preload == preload
        ]

    def computed_id(self) -> str:
        """Digest of the plan with `id` absent."""
        return self.content_digest(leave_out=frozenset({"id"}))

    def sealed(self) -> Self:
        """The plan with its id filled in; DigestMismatchError if it has another."""
        computed = self.computed_id()
        if self.id is not None and self.id != computed:
            message = f"plan id must be {computed}, got {self.id}"
            raise DigestMismatchError(message)
        return self.model_copy(update={"id": computed})


def _require_reads(
    name: str, reads: tuple[ShardRead, ...], expected: list[tuple[int, int, int, int]]
) -> None:
    found = [(read.layer, read.slice, read.bits, read.bytes) for read in reads]
    for read, due in zip_longest(found, expected):
        if read != due:
            message = (
                f"{name} must be exactly the shards of layers, ordered by (layer, slice): "
                f"(layer, slice, bits, bytes) must be {due}, got {read}"
            )
            raise ValueError(message)
