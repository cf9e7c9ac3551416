"""Running a plan, and the baseline that loads everything first."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from plan_contracts import PlannedLayer, PlannedShard, RunTrace
from shard_runtime.errors import InputError, PlanRefusedError
from shard_runtime.execution import Execution, Machine, prepare_weights, touch_memory
from shard_runtime.pipeline import Pipeline, Schedule
from shard_runtime.weights import FULL_PRECISION_BITS, LayerBuffer

if TYPE_CHECKING:
    from plan_contracts import DeviceProfile, ModelManifest, Plan, ShardRead
    from shard_runtime.engine import Engine
    from shard_runtime.execution import Run
    from shard_runtime.reader import Reader
    from shard_runtime.store import ShardStore
    from shard_runtime.tokens import Tokens
    from shard_runtime.weights import FloatArray


COMPUTE_TARGET = "cpu"


class DeviceChangeWarning(UserWarning):
    """The plan was made for another device, and runs here at the caller's wish."""


class PlanRunner:
    """A plan that has been checked against store and device, and made ready to run.

    PlanRefusedError if it does not fit; `preload_us` says how long filling the preload buffer
    took, which no run's latency contains.
    """

    def __init__(
        self,
        plan: Plan,
        machine: Machine,
        *,
        device: DeviceProfile | None,
        accept_device_change: bool = False,
    ) -> None:
        check_device(plan, device, accept=accept_device_change)
        check_model(plan, machine.store)
        self.plan = plan.sealed()
        self._pipeline = Pipeline(
            Schedule(
                layers=plan.layers,
                read_ahead_layers=plan.target.read_ahead_layers,
                sequence_length=plan.target.sequence_length,
            ),
            machine,
        )
        self._device = plan.device if device is None else device.name
        self.preload_us = self._pipeline.preload_us

    def run(self, tokens: Tokens) -> Run:
        """One execution; InputError unless the input is padded to the plan's length."""
        length = self.plan.target.sequence_length
        if tokens.ids.shape[1] != length:
            message = f"the plan is for {length} tokens, got {tokens.ids.shape[1]}; pad the input"
            raise InputError(message)
        return self._pipeline.run(tokens)

    def trace(self, run: Run) -> RunTrace:
        """The trace document of one of this plan's executions."""
        return RunTrace(
            plan_id=self.plan.computed_id(),
            source="measured",
            device=self._device,
            latency_us=run.latency_us,
            peak_memory_bytes=run.peak_memory_bytes,
            spans=run.spans,
        )


def run_plan(  # noqa: PLR0913 - a plan, what it runs on, and the device it must be for
    plan: Plan,
    store: ShardStore,
    engine: Engine,
    tokens: Tokens,
    *,
    reader: Reader,
    device: DeviceProfile | None,
    accept_device_change: bool = False,
) -> tuple[FloatArray, RunTrace]:
    """Check, preload and run a plan once: output (1, labels or hidden size) and trace.

    See PlanRunner for running it again and again.
    """
    runner = PlanRunner(
        plan,
        Machine(store=store, engine=engine, reader=reader),
        device=device,
        accept_device_change=accept_device_change,
    )
    run = runner.run(tokens)
    return run.output, runner.trace(run)


def check_device(plan: Plan, device: DeviceProfile | None, *, accept: bool) -> None:
    """PlanRefusedError unless the plan is for this device; a warning if that is accepted."""
    target = plan.target.compute_target
    if target == COMPUTE_TARGET and device is not None and device.digest == plan.device_digest:
        return
    here = "no device profile is given" if device is None else f"this is {device.digest}"
    message = (
        f"the plan is for {target!r} of device {plan.device!r} {plan.device_digest}, and {here}, "
        f"which computes on {COMPUTE_TARGET!r}"
    )
    if not accept:
        message += "; plan for this device, or accept the change of device"
        raise PlanRefusedError(message)
    warnings.warn(message, DeviceChangeWarning, stacklevel=3)


def check_model(plan: Plan, store: ShardStore) -> None:
    """PlanRefusedError unless the plan is for exactly this store."""
    manifest = store.manifest
    if plan.model_digest != store.digest:
        message = (
            f"the plan is for model {plan.model!r} {plan.model_digest}, and the store holds "
            f"{manifest.model!r} {store.digest}"
        )
        raise PlanRefusedError(message)
    if plan.depth not in manifest.depths or plan.width not in manifest.widths:
        message = (
            f"depth must be one of {list(manifest.depths)} and width one of "
            f"{list(manifest.widths)}, got {plan.depth} and {plan.width}"
        )
        raise PlanRefusedError(message)
    first = list(range(plan.width))
    for layer in plan.layers:
        slices = [shard.slice for shard in layer.shards]
        if manifest.slice_selection == "prefix" and slices != first:
            message = f"width {plan.width} of this model means slices {first}, got {slices}"
            raise PlanRefusedError(message)
    for read in (*plan.reads, *plan.preload_reads):
        _check_read(read, store)


def _check_read(read: ShardRead, store: ShardStore) -> None:
    stored = store.range_of(read.layer, read.slice, read.bits)
    planned = (read.file, read.offset, read.bytes, read.sha256)
    listed = (stored.file, stored.offset, stored.length, stored.sha256)
    if any(p is not None and p != s for p, s in zip(planned, listed, strict=True)):
        message = (
            f"the plan reads layer {read.layer}, slice {read.slice} at {read.bits} bit from "
            f"{planned}, and the store has it at {listed}"
        )
        raise PlanRefusedError(message)


def uniform_layers(
    manifest: ModelManifest,
    bits: int,
    *,
    depth: int | None = None,
    width: int | None = None,
    preloaded_layers: int = 0,
) -> tuple[PlannedLayer, ...]:
    """The first `depth` layers (None: all) with slices 0..`width`-1 (None: all) at one bitwidth.

    Shards of the first `preloaded_layers` are preloaded, the others streamed.
    """
    return tuple(
        PlannedLayer(
            layer=layer,
            shards=tuple(
                PlannedShard(
                    slice=index, bits=bits, bytes=row[index], preload=layer < preloaded_layers
                )
                for index in range(width or manifest.slices)
            ),
        )
        for layer, row in enumerate(manifest.shard_bytes[bits][: depth or manifest.layers])
    )


def load_then_run(layers: tuple[PlannedLayer, ...], machine: Machine, tokens: Tokens) -> Run:
    """The baseline without a pipeline: read everything, then decode and compute layer by layer.

    `layers` are all streamed. At 32 bit a shard goes to its layer's own weights as soon as it is
    read and no encoded copy is kept; otherwise shards stay encoded, and layers share one buffer.
    """
    width = len(layers[0].shards)
    at_once = all(shard.bits == FULL_PRECISION_BITS for layer in layers for shard in layer.shards)
    buffers = [LayerBuffer(machine.store.shape, width) for _ in (layers if at_once else layers[:1])]
    weights = [
        prepare_weights(machine, layer, buffers[index % len(buffers)])
        for index, layer in enumerate(layers)
    ]
    touch_memory(machine, weights[0], tokens.ids.shape[1])
    weight_bytes = sum(buffer.nbytes for buffer in buffers)
    execution = Execution(machine, layers, weight_bytes)
    machine.reader.idle()
    execution.begin()
    held = [_load(layer, execution, buffers[layer.layer] if at_once else None) for layer in layers]
    hidden = execution.embed(tokens)
    for layer, encoded, layer_weights in zip(layers, held, weights, strict=True):
        _decode(layer, encoded, execution, buffers[0])
        hidden = execution.compute(layer, hidden, tokens, layer_weights)
    return execution.finish(hidden, tokens)


def _load(
    layer: PlannedLayer, execution: Execution, buffer: LayerBuffer | None
) -> dict[int, memoryview]:
    """Read a layer; decode it right away if it has a buffer, else return it encoded."""
    encoded: dict[int, memoryview] = {}
    for position, shard in enumerate(layer.shards):
        encoded[shard.slice] = execution.fetch(layer.layer, shard)
        execution.loaded()
        if buffer is not None:
            out = buffer.shard(position)
            execution.decode(layer.layer, shard, encoded.pop(shard.slice), out)
    return encoded


def _decode(
    layer: PlannedLayer, encoded: dict[int, memoryview], execution: Execution, buffer: LayerBuffer
) -> None:
    """Decode the layer's shards that are still encoded, using them up."""
    for position, shard in enumerate(layer.shards):
        if shard.slice in encoded:
            out = buffer.shard(position)
            execution.decode(layer.layer, shard, encoded.pop(shard.slice), out)
