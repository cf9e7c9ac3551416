"""A plan against the documents: every number of it, computed anew with integers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from plan_contracts import LayerTimes, ShardRead
from planner_api.verify.findings import differing, same_score

if TYPE_CHECKING:
    from plan_contracts import Plan, PlannedShard
    from planner_api.verify.documents import Documents, Numbers
    from planner_api.verify.findings import Messages


def check_identity(numbers: Numbers, plan: Plan) -> Messages:
    """The plan's id, and the names and digests of what it was made from."""
    documents = numbers.documents
    yield from differing("id", plan.id, plan.computed_id())
    yield from differing("model", plan.model, documents.model.model)
    yield from differing("model_digest", plan.model_digest, documents.model.digest)
    yield from differing("device", plan.device, documents.device.name)
    yield from differing("device_digest", plan.device_digest, documents.device.digest)
    yield from differing("importance_digest", plan.importance_digest, documents.importance.digest)


def check_request(numbers: Numbers, plan: Plan) -> Messages:
    """What the plan repeats of the request."""
    documents, provenance = numbers.documents, plan.provenance
    yield from differing("target", plan.target, documents.target)
    yield from differing("provenance.policy", provenance.policy, documents.options.policy)
    yield from differing("provenance.seed", provenance.seed, documents.options.seed)
    if not provenance.planner_version:
        yield "provenance.planner_version must name a version, got nothing"


def check_pair(numbers: Numbers, plan: Plan) -> Messages:
    """Depth and width are among those that model, device and pins allow."""
    if (plan.depth, plan.width) not in numbers.pairs:
        yield f"depth {plan.depth} and width {plan.width} must be an allowed pair"


def check_shards(numbers: Numbers, plan: Plan) -> Messages:
    """Slices, bitwidths, bytes, pins and forbids."""
    model = numbers.documents.model
    for layer in plan.layers:
        where = f"layer {layer.layer}"
        slices = [shard.slice for shard in layer.shards]
        if layer.layer >= model.layers or max(slices) >= model.slices:
            yield f"{where} with slices {slices} must lie within the model"
            return
        if numbers.is_prefix:
            yield from differing(f"slices of {where}", slices, list(range(plan.width)))
        for index in numbers.pinned[layer.layer].nonzero()[0].tolist():
            if index not in slices:
                yield f"{where} must contain the pinned slice {index}"
        for shard in layer.shards:
            yield from _check_shard(numbers, layer.layer, shard)


def _check_shard(numbers: Numbers, layer: int, shard: PlannedShard) -> Messages:
    name = f"layer {layer}, slice {shard.slice}"
    if shard.bits not in numbers.bits:
        yield f"bits of {name} must be one of {list(numbers.bits)}, got {shard.bits}"
        return
    state = numbers.bits.index(shard.bits) + len(numbers.bits) * shard.preload
    if not numbers.allowed[layer, shard.slice, state]:
        yield f"{name} must keep to pins and forbids, got {shard.bits} bit, preload {shard.preload}"
    due = numbers.documents.model.shard_bytes[shard.bits][layer][shard.slice]
    yield from differing(f"bytes of {name}", shard.bytes, due)


def check_reads(numbers: Numbers, plan: Plan) -> Messages:
    """One read a shard, by (layer, slice), from where the manifest's store index says."""
    for name, reads, preload in (
        ("reads", plan.reads, False),
        ("preload_reads", plan.preload_reads, True),
    ):
        due = tuple(
            _read(numbers.documents, layer.layer, shard)
            for layer in plan.layers
            for shard in layer.shards
            if shard.preload == preload
        )
        yield from differing(f"number of {name}", len(reads), len(due))
        for index, (stated, right) in enumerate(zip(reads, due, strict=False)):
            yield from differing(f"{name}.{index}", stated, right)


def _read(documents: Documents, layer: int, shard: PlannedShard) -> ShardRead:
    store = documents.model.store
    stored = None if store is None else store.shards[shard.bits][layer][shard.slice]
    return ShardRead(
        layer=layer,
        slice=shard.slice,
        bits=shard.bits,
        file=None if stored is None else stored.file,
        offset=None if stored is None else stored.offset,
        bytes=documents.model.shard_bytes[shard.bits][layer][shard.slice],
        sha256=None if stored is None else stored.sha256,
    )


def check_times(numbers: Numbers, plan: Plan) -> Messages:
    """The timeline layer by layer, the latency, and that it keeps to the target."""
    documents = numbers.documents
    due = timeline(documents, plan)
    for layer, (stated, right) in enumerate(zip(plan.predicted.layers, due, strict=True)):
        yield from differing(f"times of layer {layer}", stated, right)
    latency = due[-1].compute_end_us + documents.compute.fixed_us
    yield from differing("predicted.latency_us", plan.predicted.latency_us, latency)
    if latency > documents.target.latency_us:
        yield f"latency must be at most {documents.target.latency_us} us, comes to {latency}"


def timeline(documents: Documents, plan: Plan) -> list[LayerTimes]:
    """The recursion of PLANNING, "Time".

    Reads start when those before them are done and, with a read-ahead limit, when the layer that
    frees their buffer is computed; a layer that reads nothing starts and ends where the last
    reads ended.
    """
    storage, compute = documents.device.storage, documents.compute
    ahead = documents.target.read_ahead_layers
    times: list[LayerTimes] = []
    read_end = computed = 0
    for layer in plan.layers:
        read_us = sum(storage.read_us(s.bytes) for s in layer.shards if not s.preload)
        read_start = read_end
        if read_us and ahead is not None and layer.layer > ahead:
            read_start = max(read_end, times[layer.layer - 1 - ahead].compute_end_us)
        read_end = read_start + read_us
        start = max(computed, read_end)
        decode_us = sum(compute.decode_us(shard.bits) for shard in layer.shards)
        computed = start + decode_us + compute.layer_compute_us(plan.width)
        times.append(
            LayerTimes(
                io_start_us=read_start,
                io_end_us=read_end,
                compute_start_us=start,
                compute_end_us=computed,
            )
        )
    return times


def check_memory(numbers: Numbers, plan: Plan) -> Messages:
    """Preloaded bytes and peak memory keep to their limits."""
    documents = numbers.documents
    preloaded = sum(read.bytes for read in plan.preload_reads)
    if preloaded > documents.target.preload_bytes:
        limit = documents.target.preload_bytes
        yield f"preloaded bytes must be at most {limit}, come to {preloaded}"
    ahead = documents.target.read_ahead_layers
    reach = plan.depth if ahead is None else ahead + 1
    streamed = [sum(s.bytes for s in layer.shards if not s.preload) for layer in plan.layers]
    held = max(sum(streamed[low : low + reach]) for low in range(plan.depth))
    peak = documents.spent_bytes(plan.width) + preloaded + held
    yield from differing("predicted.peak_memory_bytes", plan.predicted.peak_memory_bytes, peak)
    if peak > documents.memory_bytes:
        yield f"peak memory must be at most {documents.memory_bytes} bytes, comes to {peak}"


def check_objective(numbers: Numbers, plan: Plan) -> Messages:
    """Base + scale * the sum of the shards' gains."""
    gain = numbers.documents.importance.gain
    place = plan.depth - 1, plan.width - 1
    gains = [gain[s.bits][layer.layer][s.slice] for layer in plan.layers for s in layer.shards]
    due = float(numbers.base[place] + numbers.scale[place] * math.fsum(gains))
    span = float(numbers.scale[place]) * math.fsum(gains)
    if not same_score(plan.predicted.objective, due, span):
        yield f"predicted.objective must be {due!r}, got {plan.predicted.objective!r}"


Checks: TypeAlias = dict[str, Callable[["Numbers", "Plan"], "Messages"]]

IDENTITY: Checks = {"id and digests": check_identity, "request": check_request}
SHAPE: Checks = {"depth and width": check_pair, "shards": check_shards}
"""Where one of these fails, the numbers would speak of another model."""
NUMBERS: Checks = {
    "reads": check_reads,
    "times": check_times,
    "bytes and memory": check_memory,
    "objective": check_objective,
}
