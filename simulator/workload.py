"""What one run has to do, how long each step takes, and when it happened.

Shared by the two models of the pipeline, SimPy (pipeline.py) and max-plus recursion
(recursion.py); everything about *when* is theirs alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

from plan_contracts import ContractError
from simulator.conditions import UNDISTURBED
from simulator.speed import STEADY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from plan_contracts import (
        Compute,
        DeviceProfile,
        ModelManifest,
        Plan,
        ShardRead,
        Storage,
    )
    from simulator.conditions import Conditions
    from simulator.speed import SpeedSchedule

Number = TypeVar("Number", np.int64, np.bool_)

DECODED_LAYERS = 2
"""Buffers of a decode worker: for the layer that computes, and for the next."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Read:
    """One request to the flash: the encoded shard of a layer and slice.

    `kept`: its buffer is not freed in this run, so that a later run finds the shard there.
    """

    layer: int
    slice: int
    bytes: int
    kept: bool = False


class Shard(NamedTuple):
    """One shard to decode; `read` is the index of its read, None if it is held already."""

    layer: int
    slice: int
    read: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Workload:
    """The steps of one run and what each of them waits for.

    `reads` are issued in order, at most `queue_depth` at once; reads of layer l only once layer
    l - 1 - read_ahead_layers is computed, and only while no more than `read_ahead_bytes` of
    encoded shards are held (None: no limit). Layer l computes `slices[l]` once the layer below is
    done, the first `awaited_reads[l]` reads have arrived and its shards are decoded; then the
    shards of layer l that were read leave the read-ahead buffer. `held_bytes` are held throughout.

    The compute thread decodes a layer's shards right before it computes the layer. A
    `decode_worker` decodes them in the same order on a thread of its own, each once it has
    arrived, up to DECODED_LAYERS layers from the one that computes. The speeds are those of
    transfers and of decoding and compute, on the clock of the run.
    """

    reads: tuple[Read, ...]
    slices: tuple[tuple[int, ...], ...]
    awaited_reads: tuple[int, ...]
    queue_depth: int
    read_ahead_layers: int | None
    read_ahead_bytes: int | None = None
    held_bytes: int
    decode_worker: bool = False
    flash_speed: SpeedSchedule = STEADY
    compute_speed: SpeedSchedule = STEADY

    def __post_init__(self) -> None:
        for layer, awaited in enumerate(self.awaited_reads):
            above = max((read.layer for read in self.reads[:awaited]), default=layer)
            if above > layer and self.read_ahead_layers is not None:
                message = (
                    f"read_ahead_layers must be None where layer {layer} waits for reads of "
                    f"layer {above}, got {self.read_ahead_layers}"
                )
                raise ValueError(message)

    @property
    def depth(self) -> int:
        """How many layers are computed."""
        return len(self.slices)

    def shards(self) -> tuple[Shard, ...]:
        """Every shard of every layer in the order of decoding."""
        read_of = {(read.layer, read.slice): i for i, read in enumerate(self.reads)}
        return tuple(
            Shard(layer=layer, slice=index, read=read_of.get((layer, index)))
            for layer, row in enumerate(self.slices)
            for index in row
        )

    def shards_of(self, layer: int) -> range:
        """Where the shards of a layer stand among all shards."""
        first = sum(len(row) for row in self.slices[:layer])
        return range(first, first + len(self.slices[layer]))

    def layer_decode_us(self, durations: Durations) -> list[int]:
        """Microseconds to decode all shards of each layer."""
        decode_us: list[int] = durations.decode_us.tolist()
        return [sum(decode_us[i] for i in self.shards_of(layer)) for layer in range(self.depth)]

    def first_awaited(self, layer: int) -> int:
        """The first read that this layer waits for and the layer below does not."""
        return self.awaited_reads[layer - 1] if layer else 0

    def limited_to(self, read_ahead_bytes: int) -> Workload:
        """The same steps with at most this many bytes of encoded shards held at once."""
        if read_ahead_bytes <= 0:
            message = f"read_ahead_bytes must be positive, got {read_ahead_bytes}"
            raise ValueError(message)
        return replace(self, read_ahead_bytes=read_ahead_bytes)

    def encoded_bytes(self) -> list[int]:
        """Bytes read for each layer."""
        sizes = [0] * self.depth
        for read in self.reads:
            sizes[read.layer] += read.bytes
        return sizes


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Durations:
    """Microseconds of each step at nominal speed, int64.

    request_overhead_us: (reads,); transfer_us: (reads,), the time on the channel that follows it;
    decode_us: (shards,) by layer and slice; compute_us: (layers,); cached: (reads,), those that do
    without the flash. With many runs, those that differ are (reads, runs) and (layers, runs).
    """

    request_overhead_us: NDArray[np.int64]
    transfer_us: NDArray[np.int64]
    decode_us: NDArray[np.int64]
    compute_us: NDArray[np.int64]
    fixed_us: int
    cached: NDArray[np.bool_]

    def longest_work_us(self) -> int:
        """The sum of all steps of one run, of the longest of many."""
        steps = (self.request_overhead_us, self.transfer_us, self.decode_us, self.compute_us)
        return sum(int(step.sum(axis=0).max()) for step in steps) + self.fixed_us

    def of_run(self, run: int) -> Durations:
        """The durations of one run of many."""
        return Durations(
            request_overhead_us=_of_run(self.request_overhead_us, run),
            transfer_us=_of_run(self.transfer_us, run),
            decode_us=self.decode_us,
            compute_us=_of_run(self.compute_us, run),
            fixed_us=self.fixed_us,
            cached=_of_run(self.cached, run),
        )


def _of_run(steps: NDArray[Number], run: int) -> NDArray[Number]:
    return steps[:, run] if steps.ndim > 1 else steps


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Timeline:
    """When each step happened, int64 microseconds from the first read's issue.

    issue_us, arrival_us: (reads,) or (reads, runs). worker_start_us, worker_end_us: (shards,) or
    (shards, runs), when a decode worker has each shard, no shards without one. start_us,
    decoded_us, end_us: (layers,) or (layers, runs), when the compute thread turns to the layer,
    has its weights, has computed it. done_us: () or (runs,), when the fixed part is done too.
    """

    issue_us: NDArray[np.int64]
    arrival_us: NDArray[np.int64]
    worker_start_us: NDArray[np.int64]
    worker_end_us: NDArray[np.int64]
    start_us: NDArray[np.int64]
    decoded_us: NDArray[np.int64]
    end_us: NDArray[np.int64]
    done_us: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Deadlock:
    """A run that never ends: this read waits for memory that only layers above it would free.

    `needed_bytes` is the least `read_ahead_bytes` with which this read could be issued.
    """

    layer: int
    slice: int
    needed_bytes: int
    read_ahead_bytes: int

    def __str__(self) -> str:
        return (
            f"read_ahead_bytes must be at least {self.needed_bytes} to read layer {self.layer}, "
            f"slice {self.slice} before that layer computes, got {self.read_ahead_bytes}"
        )


def workload_of(
    plan: Plan,
    device: DeviceProfile,
    model: ModelManifest,
    conditions: Conditions = UNDISTURBED,
) -> Workload:
    """The steps of a plan; ContractError if it was made from other documents."""
    require_made_from(plan, device, model)
    compute = compute_entry(plan, device, model)
    reads = tuple(Read(layer=r.layer, slice=r.slice, bytes=r.bytes) for r in plan.reads)
    layers = [read.layer for read in reads]
    preloaded = sum(read.bytes for read in plan.preload_reads)
    decoded_layers = DECODED_LAYERS if conditions.decode_worker and plan.depth > 1 else 1
    return Workload(
        reads=reads,
        slices=tuple(tuple(s.slice for s in layer.shards) for layer in plan.layers),
        awaited_reads=tuple(sum(of <= layer for of in layers) for layer in range(plan.depth)),
        queue_depth=device.storage.queue_depth,
        read_ahead_layers=plan.target.read_ahead_layers,
        held_bytes=model.resident_bytes
        + compute.activation_bytes
        + decoded_layers * plan.width * model.decoded_shard_bytes
        + preloaded,
        decode_worker=conditions.decode_worker,
        flash_speed=conditions.flash_speed,
        compute_speed=conditions.compute_speed,
    )


def durations_of(plan: Plan, device: DeviceProfile, model: ModelManifest) -> Durations:
    """The deterministic duration of each step of a plan."""
    return step_durations(
        device.storage,
        compute_entry(plan, device, model),
        read_bytes=[read.bytes for read in plan.reads],
        layer_bits=[[shard.bits for shard in layer.shards] for layer in plan.layers],
    )


def step_durations(
    storage: Storage, compute: Compute, *, read_bytes: list[int], layer_bits: list[list[int]]
) -> Durations:
    """The durations of reads of these sizes and of layers of shards at these bitwidths."""
    transfer = [storage.transfer_us(size) for size in read_bytes]
    decode = [compute.decode_us(bits) for layer in layer_bits for bits in layer]
    return Durations(
        request_overhead_us=np.full(len(transfer), storage.request_overhead_us, dtype=np.int64),
        transfer_us=np.array(transfer, dtype=np.int64),
        decode_us=np.array(decode, dtype=np.int64),
        compute_us=np.array([compute.layer_compute_us(len(bits)) for bits in layer_bits]),
        fixed_us=compute.fixed_us,
        cached=np.zeros(len(transfer), dtype=np.bool_),
    )


def compute_entry(plan: Plan, device: DeviceProfile, model: ModelManifest) -> Compute:
    """The device's entry for the plan's compute target, geometry and length."""
    target = plan.target
    return device.compute_for(target.compute_target, model.geometry, target.sequence_length)


def require_made_from(plan: Plan, device: DeviceProfile, model: ModelManifest) -> None:
    """ContractError unless the plan names these documents and has the manifest's sizes."""
    model_digest = model.digest or model.computed_digest()
    for name, expected, digest in (
        (f"device {device.name!r}", plan.device_digest, device.digest),
        (f"model {model.model!r}", plan.model_digest, model_digest),
    ):
        if digest != expected:
            message = f"{name} must have the digest {expected} the plan names, got {digest}"
            raise ContractError(message)
    for read in (*plan.reads, *plan.preload_reads):
        _require_size(read, model)


def _require_size(read: ShardRead, model: ModelManifest) -> None:
    shard = f"layer {read.layer}, slice {read.slice} at {read.bits} bit"
    if read.bits not in model.bitwidths or read.layer >= model.layers or read.slice >= model.slices:
        message = (
            f"a shard must be one of {model.layers} layers x {model.slices} slices at "
            f"{list(model.bitwidths)} bit, the plan has {shard}"
        )
        raise ContractError(message)
    size = model.shard_bytes[read.bits][read.layer][read.slice]
    if read.bytes != size:
        message = f"{shard} must have the manifest's {size} bytes, the plan has {read.bytes}"
        raise ContractError(message)
